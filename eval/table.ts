/** The figures as tables of cells: printed in columns, or written as Markdown. One table, two faces. */

export interface Table {
  readonly title: string;
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export type Cell = string | number | null | undefined;

/** Shares to three decimals, counts as they are, `-` for what has no value. */
function show(cell: Cell): string {
  if (cell === null || cell === undefined) return '-';
  if (typeof cell === 'string') return cell;
  return Number.isInteger(cell) && cell !== 0 && cell !== 1 ? String(cell) : cell.toFixed(3);
}

/** A count, shown without decimals whatever its value. */
export function count(value: number): string {
  return String(value);
}

export function interval(pair: readonly [number, number] | null): string {
  return pair === null ? '-' : `${pair[0].toFixed(2)}–${pair[1].toFixed(2)}`;
}

export function asText({ title, note, head, rows }: Table): string {
  const cells = [head, ...rows].map((row) => row.map(show));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return `${title}\n${note === undefined ? '' : `${note}\n`}${lines.join('\n')}\n`;
}

export function asMarkdown({ title, note, head, rows }: Table): string {
  const line = (row: readonly Cell[]): string => `| ${row.map((cell) => show(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|${head.map(() => '---').join('|')}|`;
  return `### ${title}\n\n${note === undefined ? '' : `${note}\n\n`}${[line(head), rule, ...rows.map(line)].join('\n')}\n`;
}
