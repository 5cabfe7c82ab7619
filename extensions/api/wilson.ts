/** The Wilson score interval of a share (E. B. Wilson, 1927), 95 %: right for few cases and for shares near 0 and 1. */
const Z = 1.959964;

export function wilson(hits: number, n: number): { readonly low: number; readonly high: number } {
  if (n === 0) return { low: 0, high: 1 };
  const p = hits / n;
  const z2 = (Z * Z) / n;
  const middle = p + z2 / 2;
  const spread = Z * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n));
  return { low: Math.max(0, (middle - spread) / (1 + z2)), high: Math.min(1, (middle + spread) / (1 + z2)) };
}
