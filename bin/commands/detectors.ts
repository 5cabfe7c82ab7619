/** `misstep detectors [id]`: the table, or the page of one. */
import { type Command, Option } from 'commander';
import { readinessOf } from '../../config/readiness.ts';
import type { DetectorMeta, OptionSpec } from '../../src/detector/detector.ts';

export function register(program: Command): void {
  program
    .command('detectors')
    .description('List the detectors, or show one: what it finds, why it matters, what to do, when it is wrong.')
    .argument('[id]', 'a detector, e.g. loop')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option('--status', 'what was measured of each: grade, F1 beside that of firing on everything, alarms on healthy runs')
    .addHelpText(
      'after',
      '\nExamples:\n  misstep detectors\n  misstep detectors --status\n  misstep detectors loop\n  misstep detectors --format json',
    )
    .action(
      async (id: string | undefined, { format, status }: { format: 'text' | 'json'; status?: boolean }, command: Command) => {
        const { detectors } = await import('../detectors.ts');
        const metas = detectors.map((detector) => detector.meta as DetectorMeta);
        const chosen = id === undefined ? metas : metas.filter((meta) => meta.id === id);
        if (chosen.length === 0) {
          command.error(`error: unknown detector '${id}'. There are: ${metas.map((meta) => meta.id).join(', ')}.`, {
            exitCode: 2,
          });
        }
        const [first] = chosen;
        if (status) {
          if (format === 'text') process.stdout.write(statusTable(chosen));
          else
            process.stdout.write(
              `${JSON.stringify(
                chosen.map(({ id }) => ({ id, ...readinessOf(id) })),
                null,
                2,
              )}\n`,
            );
        } else if (format === 'json') process.stdout.write(`${JSON.stringify(id === undefined ? chosen : first, null, 2)}\n`);
        else process.stdout.write(id === undefined || first === undefined ? table(chosen) : page(first));
      },
    );
}

export function table(metas: readonly DetectorMeta[]): string {
  const rows = metas.map((meta) => [meta.id, meta.family, meta.scope, tiers(meta), meta.summary]);
  const head = ['DETECTOR', 'FAMILY', 'SCOPE', 'TIERS', 'FINDS'];
  return columns([head, ...rows]);
}

/** The figures of `docs/quality.md` in short; the best set with 30 items speaks first. */
export function statusTable(metas: readonly DetectorMeta[]): string {
  const rows = metas.map(({ id }) => {
    const { readiness, reason, sets, healthy_runs, healthy_alarms, calibration_error } = readinessOf(id);
    const margin = ([, set]: [string, (typeof sets)[string]]): number => (set.f1 ?? 0) - (set.always_fire_f1 ?? 1);
    const [best] = Object.entries(sets)
      .filter(([, { n }]) => n >= 30)
      .sort((a, b) => margin(b) - margin(a));
    const show = (value: number | null | undefined): string => value?.toFixed(2) ?? '-';
    const [set, figures] = best ?? [];
    const interval = figures?.f1_interval?.map((end) => end.toFixed(2)).join('–');
    return [
      id,
      readiness,
      set ?? '-',
      interval === undefined ? show(figures?.f1) : `${show(figures?.f1)} (${interval})`,
      show(figures?.always_fire_f1),
      show(figures?.false_alarm_rate),
      `${healthy_alarms} of ${healthy_runs}`,
      show(calibration_error),
      reason,
    ];
  });
  return columns([['DETECTOR', 'GRADE', 'SET', 'F1', 'ALWAYS-FIRE F1', 'FALSE ALARMS', 'HEALTHY RUNS', 'ECE', 'WHY'], ...rows]);
}

function columns(all: readonly (readonly string[])[]): string {
  const [head = []] = all;
  const widths = head.map((title, i) => Math.max(title.length, ...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

export function page(meta: DetectorMeta): string {
  const out = [`${meta.id} (${meta.family}, ${meta.scope}, version ${meta.version})`, meta.summary, ''];
  const section = (title: string, text: string) => out.push(title, ...indent(text), '');
  section('What it finds', meta.docs.what);
  section('Why it matters', meta.docs.why);
  section('What to do', meta.docs.fix);
  section('When it is wrong', meta.docs.limits);
  section('Needs', meta.needs.map((need) => (typeof need === 'string' ? need : `${need.fact} (settled)`)).join(', '));
  out.push('Messages');
  for (const [id, message] of Object.entries(meta.messages)) {
    out.push(
      `  ${id} (tier ${message.tier}, ${message.severity}): ${message.text}`,
      `    ${message.impact}`,
      `    ${message.action}`,
    );
  }
  out.push('', 'Options');
  for (const [name, option] of Object.entries(meta.options)) {
    out.push(
      `  ${name}: ${JSON.stringify(option.default)}${bounds(option)}`,
      `    ${option.text}`,
      `    Default: ${option.source}`,
    );
  }
  if (Object.keys(meta.options).length === 0) out.push('  none');
  out.push('', 'Sources', ...meta.docs.sources.map((source) => `  ${source}`));
  return `${out.join('\n')}\n`;
}

function tiers(meta: DetectorMeta): string {
  return [...new Set(Object.values(meta.messages).map((message) => message.tier))].sort().join(',');
}

function bounds(option: OptionSpec): string {
  return option.type === 'integer' || option.type === 'number'
    ? ` (${option.type}, ${option.min} to ${option.max})`
    : ` (${option.type})`;
}

/** Paragraphs folded to 100 columns. */
function indent(text: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.trim().split('\n')) {
    let line = ' ';
    for (const word of paragraph.trim().split(/\s+/)) {
      if (line.length + 1 + word.length > 100 && line.trim() !== '') {
        lines.push(line);
        line = ' ';
      }
      line += ` ${word}`;
    }
    lines.push(line);
  }
  return lines;
}
