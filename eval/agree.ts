/** Two sets of figures, compared key by key. */

/** Both round to four decimals at most: half a unit of the third decimal. */
const TOLERANCE = 0.0005;

/** Every figure of `theirs` must stand in `ours`; what we have beyond is not compared. */
export function differences(
  theirs: unknown,
  ours: unknown,
  path = '',
): { readonly compared: number; readonly different: readonly string[] } {
  if (typeof theirs === 'object' && theirs !== null && !Array.isArray(theirs)) {
    let compared = 0;
    const different: string[] = [];
    for (const [key, value] of Object.entries(theirs)) {
      const below = differences(value, (ours as Record<string, unknown> | null | undefined)?.[key], `${path}/${key}`);
      compared += below.compared;
      different.push(...below.different);
    }
    return { compared, different };
  }
  const same =
    typeof theirs === 'number' && typeof ours === 'number'
      ? Math.abs(theirs - ours) <= TOLERANCE
      : JSON.stringify(theirs) === JSON.stringify(ours);
  return {
    compared: 1,
    different: same ? [] : [`${path}: theirs ${JSON.stringify(theirs)}, ours ${JSON.stringify(ours)}`],
  };
}
