/** What is wrong with a configuration and where: every check reports these, and all of them at once. */

export interface Position {
  /** A file as the user named it, or `--set a.b`, `env:NAME`, `yaml:…`. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
}

export type Path = readonly (string | number)[];

export interface Problem extends Position {
  readonly severity: 'error' | 'warning';
  /** Dotted, list items as `[0]`; empty when the whole file is meant. */
  readonly path: string;
  /** `what is wrong, the value seen. What to do.` */
  readonly message: string;
}

export function problem(severity: Problem['severity'], at: Position, path: Path, message: string): Problem {
  return { severity, file: at.file, line: at.line, column: at.column, path: pathText(path), message };
}

/** `file:line:column path: message`, with `warning: ` before the message of a warning. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, path, severity, message } = problem;
  const where = path === '' ? `${file}:${line}:${column}` : `${file}:${line}:${column} ${path}`;
  return `${where}: ${severity === 'warning' ? 'warning: ' : ''}${message}`;
}

export function pathText(path: Path): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}

/** By file in the order of `files`, then by line, column, path; the same problem at the same place once. */
export function sortProblems(problems: readonly Problem[], files: readonly string[] = []): Problem[] {
  const rank = (file: string) => (files.includes(file) ? files.indexOf(file) : files.length);
  const seen = new Map(problems.map((each) => [formatProblem(each), each]));
  return [...seen.values()].sort(
    (a, b) =>
      rank(a.file) - rank(b.file) ||
      compare(a.file, b.file) ||
      a.line - b.line ||
      a.column - b.column ||
      compare(a.path, b.path) ||
      compare(a.message, b.message),
  );
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Sentence that names the nearest known word, or lists them when none is near. */
export function didYouMean(seen: string, known: readonly string[]): string {
  const near = nearest(seen, known);
  if (near !== undefined) return `Did you mean '${near}'?`;
  if (known.length === 0) return 'Nothing is known here; remove it.';
  return `Known: ${[...known].sort().join(', ')}.`;
}

/** For a name that should be defined in `section`. */
export function orDefine(seen: string, known: readonly string[], section: string): string {
  const near = nearest(seen, known);
  if (near !== undefined) return `Did you mean '${near}'? Or define it under '${section}'.`;
  return `Define it under '${section}'${known.length === 0 ? '' : ` or name one of ${known.join(', ')}`}.`;
}

/** The known word within a third of its length in edits (at least 1), ignoring case and `-` for `_`. */
export function nearest(seen: string, known: readonly string[]): string | undefined {
  const norm = (word: string) => word.toLowerCase().replaceAll('-', '_').slice(0, 64);
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const word of known) {
    const distance = editDistance(norm(seen), norm(word));
    if (distance <= Math.max(1, Math.floor(word.length / 3)) && distance < least) {
      best = word;
      least = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let former = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((former[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (former[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (older[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    older = former;
    former = row;
  }
  return former[b.length] ?? 0;
}
