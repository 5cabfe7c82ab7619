/** The table of docs/thresholds.md, between its marks: what each threshold moves. */
import type { AnyDetector, OptionSpec } from '../src/detector/detector.ts';
import { type Move, thresholdTable, unmoved } from '../src/detector/thresholds.ts';

const BEGIN = '<!-- table: npm run generate -->';
const END = '<!-- end of table -->';

const how: Readonly<Record<Move, string>> = {
  share: 'in proportion',
  reversed: 'in proportion, reversed',
  count: 'as many more or fewer',
  ratio: 'in ratio',
};

/** The page with the table of now. Throws if the marks are gone. */
export function withTable(page: string, detectors: readonly AnyDetector[]): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`docs/thresholds.md has no '${BEGIN}' with '${END}' behind it.`);
  return `${page.slice(0, from)}${BEGIN}\n\n${table(detectors)}\n${page.slice(to)}`;
}

function table(detectors: readonly AnyDetector[]): string {
  const specs = new Map<string, OptionSpec>(
    detectors.flatMap(({ meta }) =>
      Object.entries(meta.options as Record<string, OptionSpec>).map(([name, spec]) => [`${meta.id}.${name}`, spec] as const),
    ),
  );
  const rows = Object.entries(thresholdTable).flatMap(([name, { neutral, options }]) =>
    Object.entries(options).map(([key, move]) => {
      const spec = specs.get(key);
      if (spec === undefined) throw new Error(`${name} moves ${key}, which no detector has.`);
      const [detector, option] = key.split('.');
      const bounds = 'min' in spec ? `${spec.min} – ${spec.max}` : '';
      return `| \`${name}\` (${neutral}) | [\`${detector}\`](detectors/${detector}.md) | \`${option}\` | ${spec.default} | ${bounds} | ${how[move]} |`;
    }),
  );
  const reasons = Object.entries(thresholdTable).map(([name, { neutral, source }]) => `- \`${name}\` ${neutral}: ${source}`);
  const left = Object.entries(unmoved).map(([key, why]) => `- \`${key}\`: ${why}.`);
  return [
    '| threshold (neutral) | detector | option | default | bounds | moves |',
    '|---|---|---|---|---|---|',
    ...rows,
    `| \`confidence_scaling\` (${thresholdTable.confidence_scaling.neutral}) | every detector | \`emit_above\` | 0.6 | 0 – 1 | confidence × factor is compared |`,
    '',
    'Why these neutral values:',
    '',
    ...reasons,
    '',
    'Not moved, though they read alike:',
    '',
    ...left,
    '',
  ].join('\n');
}
