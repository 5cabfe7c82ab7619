// The documentation page of a detector, from its metadata alone.
import { readinessOf } from '../config/readiness.ts';
import type { DetectorMeta, MessageSpec, OptionSpec } from '../src/detector/detector.ts';
import { whereToSee } from './dashboards/queries.ts';

export function detectorPage(meta: DetectorMeta): string {
  const needs = meta.needs.map((need) => (typeof need === 'string' ? `\`${need}\`` : `\`${need.fact}\` (waited for)`)).join(', ');
  return `# ${meta.id}

${meta.summary}

| family | scope | version | needs |
|---|---|---|---|
| ${meta.family} | ${meta.scope} | ${meta.version} | ${needs} |

Without what it needs it answers \`insufficient_data\`.

## What it finds

${meta.docs.what.trim()}

## Why it matters

${meta.docs.why.trim()}

## What to do

${meta.docs.fix.trim()}

## When it is wrong

${meta.docs.limits.trim()}

## Measured

${measured(meta.id)}

## Where to see it

${whereToSee(meta.id)} [Dashboards and alerts](../dashboards.md).

## Messages

${Object.entries(meta.messages).map(message).join('\n\n')}

## Options

${Object.keys(meta.options).length === 0 ? 'None.' : Object.entries(meta.options).map(option).join('\n\n')}

## Sources

${meta.docs.sources.map((source) => `- ${source}`).join('\n')}
`;
}

export function detectorTable(metas: readonly DetectorMeta[]): string {
  const rows = metas.map(
    (meta) =>
      `| [\`${meta.id}\`](${meta.id}.md) | ${meta.family} | ${meta.scope} | ${tiers(meta)} | ${readinessOf(meta.id).readiness} | ${meta.summary} |`,
  );
  return `# Detectors

Pages written by \`npm run generate\` from the detectors' metadata.

| detector | family | scope | tiers | measured | finds |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** From `config/baseline.json`; the whole of it is in `docs/quality.md`. */
function measured(id: string): string {
  const { readiness, reason, sets, healthy_runs, healthy_alarms } = readinessOf(id);
  const show = (value: number | null): string => value?.toFixed(3) ?? '-';
  const rows = Object.entries(sets).map(
    ([set, { n, positives, precision, recall, f1, f1_interval, always_fire_f1, false_alarm_rate }]) =>
      `| ${set} | ${n} | ${positives} | ${show(precision)} | ${show(recall)} | ${show(f1)} | ${f1_interval?.map((end) => end.toFixed(2)).join('–') ?? '-'} | ${show(always_fire_f1)} | ${show(false_alarm_rate)} |`,
  );
  const table = `

| set | n | positive | precision | recall | F1 | 95 % | always-fire F1 | false-alarm rate |
|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}`;
  const healthy = healthy_runs > 0 ? ` LIKELY alarms on ${healthy_alarms} of ${healthy_runs} runs that passed.` : '';
  return `**${readiness}**: ${reason}.${healthy} See [quality](../quality.md).${rows.length > 0 ? table : ''}`;
}

function message([id, spec]: [string, MessageSpec]): string {
  const { taxonomy } = spec;
  const names = Object.entries(taxonomy).map(([system, entries]) => `${system.toUpperCase()} ${entries.join(', ')}`);
  return `### \`${id}\`

${spec.text.replaceAll('{{', '`').replaceAll('}}', '`')}

Tier ${spec.tier}, severity ${spec.severity}${names.length > 0 ? `; ${names.join('; ')}` : ''}. ${spec.impact} ${spec.action}`;
}

function option([name, spec]: [string, OptionSpec]): string {
  const bounds = spec.type === 'integer' || spec.type === 'number' ? `, ${spec.min} to ${spec.max}` : '';
  return `### \`${name}\`

${spec.text}

${spec.type.replaceAll('_', ' ')}${bounds}; default \`${JSON.stringify(spec.default)}\`. ${spec.source}`;
}

function tiers(meta: DetectorMeta): string {
  return [...new Set(Object.values(meta.messages).map(({ tier }) => tier))].sort().join(', ');
}
