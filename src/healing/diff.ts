/** Unified diffs (as `diff -u` and `git apply` have them), three lines of context. */

/** Lines between the common beginning and end beyond which the middle is shown as replaced whole: the table below is their product. */
const MOST_LINES = 2_000;
const CONTEXT = 3;

type Line = readonly [sign: ' ' | '-' | '+', text: string];

/** Empty if nothing differs. `before` null: a new file. */
export function unifiedDiff(path: string, before: string | null, after: string): string {
  const old = before === null ? [] : linesOf(before);
  const lines = changes(old, linesOf(after));
  if (lines.every(([sign]) => sign === ' ')) return '';
  const head = [before === null ? '--- /dev/null' : `--- a/${path}`, `+++ b/${path}`];
  return [...head, ...hunks(lines)].map((line) => `${line}\n`).join('');
}

function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop() as string;
  // A last line without an end is another than the same with one.
  return last === '' ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

function changes(a: readonly string[], b: readonly string[]): Line[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (line: string): Line => [' ', line];
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
}

/** By the longest common subsequence. */
function between(a: readonly string[], b: readonly string[]): Line[] {
  const out: Line[] = [];
  if (a.length > MOST_LINES || b.length > MOST_LINES || a.length === 0 || b.length === 0) {
    for (const line of a) out.push(['-', line]);
    for (const line of b) out.push(['+', line]);
    return out;
  }
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let k = b.length - 1; k >= 0; k--)
      longest[i * width + k] =
        a[i] === b[k]
          ? (longest[(i + 1) * width + k + 1] as number) + 1
          : Math.max(longest[(i + 1) * width + k] as number, longest[i * width + k + 1] as number);
  let [i, k] = [0, 0];
  while (i < a.length || k < b.length) {
    if (i < a.length && k < b.length && a[i] === b[k]) {
      out.push([' ', a[i++] as string]);
      k++;
    } else if (
      i < a.length &&
      (k === b.length || (longest[(i + 1) * width + k] as number) >= (longest[i * width + k + 1] as number))
    )
      out.push(['-', a[i++] as string]);
    else out.push(['+', b[k++] as string]);
  }
  return out;
}

function hunks(lines: readonly Line[]): string[] {
  const changed = lines.flatMap(([sign], at) => (sign === ' ' ? [] : [at]));
  const out: string[] = [];
  for (let first = 0; first < changed.length; ) {
    let last = first;
    while (last + 1 < changed.length && (changed[last + 1] as number) - (changed[last] as number) <= 2 * CONTEXT) last++;
    const from = Math.max(0, (changed[first] as number) - CONTEXT);
    const to = Math.min(lines.length, (changed[last] as number) + CONTEXT + 1);
    const before = lines.slice(0, from);
    const part = lines.slice(from, to);
    const range = (without: '+' | '-') => {
      const count = part.filter(([sign]) => sign !== without).length;
      const at = before.filter(([sign]) => sign !== without).length + (count === 0 ? 0 : 1);
      return count === 1 ? `${at}` : `${at},${count}`;
    };
    out.push(`@@ -${range('+')} +${range('-')} @@`, ...part.map(([sign, text]) => `${sign}${text}`));
    first = last + 1;
  }
  return out;
}
