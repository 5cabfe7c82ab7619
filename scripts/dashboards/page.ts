/** The tables of docs/dashboards.md, between their marks: what each alert means and what each panel answers. */
import type { Dashboard } from './panels.ts';
import type { Group } from './rules.ts';

const END = '<!-- end -->';

/** The page with the tables of now. Throws if a mark is gone. */
export function withTables(page: string, groups: readonly Group[], dashboards: readonly Dashboard[]): string {
  return between(
    between(page, '<!-- alerts: npm run generate -->', alerts(groups)),
    '<!-- panels: npm run generate -->',
    panels(dashboards),
  );
}

function between(page: string, begin: string, text: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`docs/dashboards.md has no '${begin}' with '${END}' behind it.`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}

function alerts(groups: readonly Group[]): string {
  return groups
    .flatMap((group) => group.alerts)
    .map(
      ({ name, severity, for: lasting, summary, action, reason }) =>
        `### ${name}\n\n${severity}${lasting === '0m' ? ', at once' : `, after ${lasting}`}. ${plain(summary)} ${action}\n\n*Why so:* ${reason}`,
    )
    .join('\n\n');
}

/** `{{ $labels.detector }}` → `detector`: a page has no values. */
function plain(summary: string): string {
  return summary.replace(/\{\{ \$labels\.(\w+) \}\}/g, '`$1`').replace(/\{\{ \$value[^}]*\}\}/g, '`value`');
}

function panels(dashboards: readonly Dashboard[]): string {
  return dashboards
    .map(
      ({ id, text, panels: all }) =>
        `### ${id}.json\n\n${text}\n\n| panel | answers |\n|---|---|\n${all.map(({ title, asks }) => `| ${title} | ${asks} |`).join('\n')}`,
    )
    .join('\n\n');
}
