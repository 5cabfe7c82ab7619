/** `misstep tail`: what a running misstep finds, as it finds it. stdout = data, stderr = notices. */
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import { type Command, Option } from 'commander';
import type { Severity } from '../../src/detector/detector.ts';
import { severityScore } from '../../src/detector/finding.ts';
import { printable } from '../../src/text/printable.ts';
import { ask, notMisstep, urlOption } from './status.ts';

/** Between two tries while nobody answers: a restart takes less, and nobody is asked more than once a second. */
const AGAIN_MS = 1_000;
/** A record is some KB; a line beyond this is not from misstep. */
const MAX_LINE = 1024 * 1024;
const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
/** Below the time and severity of a line, on a terminal that is too narrow for it. */
const HANG = 9;

interface TailOptions {
  readonly url: string;
  readonly json?: boolean;
  readonly detector?: readonly string[];
  readonly minSeverity: Severity;
}

/** The `detection` record of `/findings`; fields as in `replay --output jsonl`. */
export interface Detection {
  readonly kind: 'detection';
  readonly time_unix_ms: number;
  readonly severity: Severity;
  readonly detector: string;
  readonly agent: string | null;
  readonly confidence: number;
  readonly explanation: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Line = Detection | { readonly kind: 'hello' | 'alive' } | { readonly kind: 'dropped'; readonly count: number };

export function register(program: Command): void {
  const collect = (value: string, former: readonly string[] = []): readonly string[] => [...former, value];
  urlOption(program.command('tail'))
    .description('Print what a running misstep finds, as it finds it.')
    .option('--json', 'one JSON record a line, as misstep sends it')
    .option('--detector <id>', 'only findings of this detector (repeatable)', collect)
    .addOption(new Option('--min-severity <severity>', 'only findings this severe').choices(SEVERITIES).default('low'))
    .addHelpText(
      'after',
      '\nExamples:\n  misstep tail\n  misstep tail --min-severity high\n  misstep tail --json --detector loop | jq .explanation',
    )
    .action(async (options: TailOptions) => {
      const end = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
      await tail(options, end.signal);
    });
}

/** Ends when `signal` aborts. Throws if the first try finds nobody; later it tries again. */
export async function tail(options: TailOptions, signal: AbortSignal): Promise<void> {
  let reached = false;
  let away = false;
  while (!signal.aborted) {
    try {
      const response = await ask(`${options.url}/findings`, signal);
      const ok = response.ok && response.headers.get('content-type') === 'application/x-ndjson';
      if (!ok || response.body === null) throw new Error(await refusal(response, options.url));
      if (!reached) notice(`Waiting for findings of ${options.url}. Ctrl-C ends.`);
      else notice('It answers again. What was found meanwhile is not shown.');
      reached = true;
      away = false;
      for await (const line of linesOf(response.body)) show(line, options);
      if (!signal.aborted) notice('The stream has ended.');
    } catch (error) {
      if (signal.aborted) return;
      if (!reached) throw error;
      if (!away) notice(`${options.url} does not answer; trying again every second.`);
      away = true;
    }
    await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function refusal(response: Response, url: string): Promise<string> {
  const body = (await response.json().catch(() => undefined)) as { readonly error?: unknown } | undefined;
  return typeof body?.error === 'string' && response.status !== 404
    ? `${url}: ${printable(body.error)}`
    : notMisstep(url, response.status);
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new Error('a record without end');
    yield* lines;
  }
}

function show(line: string, { json, detector, minSeverity }: TailOptions): void {
  let record: Line;
  try {
    record = JSON.parse(line) as Line;
  } catch {
    notice(`Not a record: ${printable(line.slice(0, 80))}`);
    return;
  }
  if (record.kind === 'dropped') notice(`${record.count} findings are not shown: they came faster than they were read.`);
  if (record.kind !== 'detection') return;
  if (detector !== undefined && !detector.includes(record.detector)) return;
  if (severityScore(record.severity) < severityScore(minSeverity)) return;
  const { isTTY, columns } = process.stdout;
  if (json) process.stdout.write(`${line}\n`);
  else process.stdout.write(`${isTTY ? wrapped(detectionLine(record), columns).join('\n') : detectionLine(record)}\n`);
}

/** `14:02:11 HIGH     loop  planner→search  Tool 'search' ran 6 times …  87 %  trace 5b8e…  span eee1…`, time of this machine. */
export function detectionLine({
  time_unix_ms,
  severity,
  detector,
  agent,
  data,
  explanation,
  confidence,
  trace_id,
  span_id,
}: Detection): string {
  const time = new Date(time_unix_ms).toTimeString().slice(0, 8);
  const tool = typeof data['tool'] === 'string' ? `→${data['tool']}` : '';
  const sure = `${Math.round(confidence * 100)} %`;
  const parts = [`${time} ${severity.toUpperCase().padEnd(8)}`, detector, `${agent ?? '-'}${tool}`, explanation, sure];
  return printable([...parts, `trace ${trace_id}`, `span ${span_id}`].join('  '));
}

/** The line broken at spaces; what follows the first row hangs under the severity. */
export function wrapped(line: string, columns: number): string[] {
  const rows: string[] = [];
  let rest = line;
  while (rest.length > columns && columns > 2 * HANG) {
    const space = rest.lastIndexOf(' ', columns);
    const at = space > HANG ? space : columns;
    rows.push(rest.slice(0, at).trimEnd());
    rest = ' '.repeat(HANG) + rest.slice(at).trimStart();
  }
  return [...rows, rest];
}

function notice(text: string): void {
  process.stderr.write(`${process.stderr.isTTY && !process.env['NO_COLOR'] ? styleText('dim', text) : text}\n`);
}
