/** The tables of docs/instrumentation.md: what switches content on, and which detectors are blind without which fact. */
import { frameworks } from '../bin/connect/frameworks.ts';
import type { AnyDetector, DetectorMeta } from '../src/detector/detector.ts';

/** The page with both tables in their places. Throws if a place is missing. */
export function withTables(page: string, detectors: readonly AnyDetector[]): string {
  return placed(placed(page, 'frameworks', frameworkTable()), 'facts', factTable(detectors));
}

function placed(page: string, name: string, table: string): string {
  const from = page.indexOf(`<!-- ${name} -->`);
  const to = page.indexOf('<!-- end -->', from);
  if (from < 0 || to < 0) throw new Error(`docs/instrumentation.md has no place for the table '${name}'.`);
  return `${page.slice(0, from)}<!-- ${name} -->\n${table}${page.slice(to)}`;
}

function frameworkTable(): string {
  const rows = frameworks.map(
    ({ name, content }) => `| \`${name}\` | ${addressed(content ?? 'nothing: it is there by default')} |`,
  );
  return `| framework | what switches content on |\n|---|---|\n${rows.join('\n')}\n`;
}

function factTable(detectors: readonly AnyDetector[]): string {
  const by = new Map<string, string[]>();
  for (const { meta } of detectors) {
    for (const need of (meta as DetectorMeta).needs) {
      const fact = typeof need === 'string' ? need : need.fact;
      by.set(fact, [...(by.get(fact) ?? []), meta.id]);
    }
  }
  const rows = [...by]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([fact, ids]) => `| \`${fact}\` | ${ids.map((id) => `[${id}](detectors/${id}.md)`).join(', ')} |`);
  return `| fact | detectors that are blind without it |\n|---|---|\n${rows.join('\n')}\n`;
}

/** Where misstep listens if nothing is configured. */
function addressed(text: string): string {
  return text.replaceAll('{otlp}', 'http://localhost:4318').replaceAll('{webhook}', 'http://localhost:4320');
}
