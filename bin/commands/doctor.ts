/** `misstep doctor`: why a detector has not fired; with --config, whether this machine can carry a configuration. */
import type { Command } from 'commander';
import { printable } from '../../src/text/printable.ts';
import { type ConfigOptions, configOptions, configure, sourcesOf } from '../configure.ts';
import { type Diagnosis, diagnose, type Verdict } from './diagnose.ts';
import { readStatus, type StatusPage, urlOption } from './status.ts';

interface DoctorOptions extends ConfigOptions {
  readonly url: string;
  readonly json?: boolean;
}

const PLAIN_COLUMNS = 120;
/** So many names stand before what is said of them; more stand below it. */
const FEW = 3;
/** What asks for something first. */
const ORDER: readonly Verdict[] = [
  'no spans',
  'no agent spans',
  'failed',
  'blind',
  'below',
  'suppressed',
  'tier off',
  'off',
  'waiting',
  'nothing found',
  'fired',
];

export function register(program: Command): void {
  configOptions(urlOption(program.command('doctor').argument('[detector]', 'only this one')))
    .description('Say why a detector has not fired; with --config check a configuration, its ports, directories and memory.')
    .option('--json', 'the diagnoses, or the checks, as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 looked; 1 nobody answers, or a check of the machine failed; 2 the configuration has problems.\n\nExamples:\n  misstep doctor\n  misstep doctor grounding\n  misstep doctor -c misstep.yaml',
    )
    .action(async (detector: string | undefined, options: DoctorOptions, command: Command) => {
      if (options.config !== undefined || options.set !== undefined) {
        if (detector !== undefined) return command.error('error: name a detector or give --config, not both', { exitCode: 2 });
        process.exitCode = await checkConfig(options);
        return;
      }
      const page = await readStatus(options.url);
      const known = Object.values(page.detect ?? {}).flatMap(({ detectors }) => Object.keys(detectors));
      if (detector !== undefined && known.length > 0 && !known.includes(detector)) {
        const { didYouMean } = await import('../../config/problem.ts');
        return command.error(`error: unknown detector, ${detector}. ${didYouMean(detector, known)}`, { exitCode: 2 });
      }
      if (options.json) print(JSON.stringify(diagnoses(page, detector), null, 2));
      else for (const line of report(page, detector, process.stdout.columns ?? PLAIN_COLUMNS)) print(line);
    });
}

async function checkConfig(options: DoctorOptions): Promise<number> {
  const { spec, problems } = await configure(sourcesOf(options));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (spec === undefined) return 2;
  const { checkEnvironment } = await import('./environment.ts');
  const checks = await checkEnvironment(spec);
  if (options.json) print(JSON.stringify(checks, null, 2));
  else for (const { state, path, said } of checks) print(`${state.padEnd(4)}  ${path}: ${said}`);
  return checks.some(({ state }) => state === 'fail') ? 1 : 0;
}

/** By `detect` processor. */
function diagnoses(page: StatusPage, only: string | undefined): Record<string, Diagnosis[]> {
  return Object.fromEntries(
    Object.entries(page.detect ?? {}).map(([processor, { detectors }]) => [
      processor,
      (only === undefined ? Object.keys(detectors) : [only]).map((id) => diagnose(page, processor, id)),
    ]),
  );
}

/** Detectors of one verdict and cause stand together; what to do stands once a verdict. */
export function report(page: StatusPage, only: string | undefined, columns: number): string[] {
  const all = Object.entries(diagnoses(page, only));
  if (all.length === 0) return ["No detector runs: no pipeline has the processor 'detect'. Add it to one of traces."];
  const lines: string[] = [];
  for (const [processor, list] of all) {
    const { spans = 0, steps = 0, windows_open = 0, windows_closed = {} } = page.detect?.[processor] ?? {};
    const closed = Object.values(windows_closed).reduce((sum, n) => sum + n, 0);
    const [seen, stepped, open, ended] = [spans, steps, windows_open, closed].map((n) => n.toLocaleString('en-US'));
    const counts = `spans ${seen}, steps of agents ${stepped}, windows open ${open}, closed ${ended}`;
    lines.push(...wrap(`${processor}: up ${page.uptime}; ${counts}`, columns, 0));
    for (const verdict of ORDER) {
      const group = list.filter((one) => one.verdict === verdict);
      if (group.length === 0) continue;
      lines.push('', `${verdict} (${group.length})`);
      for (const [cause, ids] of byCause(group)) {
        if (ids.length <= FEW) lines.push(...wrap(`${ids.join(', ')}: ${cause}`, columns, 2));
        else lines.push(...wrap(cause, columns, 2), ...wrap(ids.join(', '), columns, 5, 5));
      }
      for (const todo of new Set(group.flatMap((one) => one.todo))) lines.push(...wrap(`-> ${todo}`, columns, 2));
    }
    lines.push('');
  }
  if (only !== undefined) lines.push(`What it finds and when it is wrong: misstep detectors ${only}`);
  return lines.map((line) => printable(line));
}

function byCause(group: readonly Diagnosis[]): Map<string, string[]> {
  const causes = new Map<string, string[]>();
  for (const { detector, cause } of group) causes.set(cause, [...(causes.get(cause) ?? []), detector]);
  return causes;
}

/** Broken at spaces; rows after the first are indented by `hang`. */
function wrap(text: string, columns: number, indent: number, hang = indent + 3): string[] {
  const rows: string[] = [];
  let row = ' '.repeat(indent);
  for (const word of text.split(' ')) {
    if (row.trim() !== '' && row.length + 1 + word.length > columns) {
      rows.push(row);
      row = ' '.repeat(hang);
    }
    row += row.trim() === '' ? word : ` ${word}`;
  }
  return [...rows, row];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
