/**
 * The kept end of a run: steps in event order (end time, then span id), so that one that comes late
 * can be folded in its place. Whoever inserts learns where, and folds again from there.
 */

export interface Ordered {
  readonly endMs: number;
  readonly spanId: string;
}

/** Event order. Span ids break ties, so the order is total and the same on every machine. */
export function inEventOrder(a: Ordered, b: Ordered): number {
  return a.endMs - b.endMs || (a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0);
}

/** Inserts `row` and returns its index. O(log n) to find, O(n) to move; in order it is an append. */
export function insertOrdered<T extends Ordered>(rows: T[], row: T): number {
  let low = 0;
  let high = rows.length;
  if (high === 0 || inEventOrder(rows[high - 1] as T, row) <= 0) {
    rows.push(row);
    return high;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (inEventOrder(rows[middle] as T, row) <= 0) low = middle + 1;
    else high = middle;
  }
  rows.splice(low, 0, row);
  return low;
}
