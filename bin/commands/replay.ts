/** `misstep replay`: recorded runs through the same operators as live. stdout = JSON lines or findings, stderr = notices. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { type Command, Option } from 'commander';
import { parse as parseYaml } from 'yaml';
import { readOwn, withOwn } from '../../processors/detect/own.ts';
import { isEventStream, serverSentEvents } from '../../receivers/webhook/sse.ts';
import { blame, blameRecord } from '../../src/detector/blame/blame.ts';
import type { Severity } from '../../src/detector/detector.ts';
import { detectionRecord } from '../../src/detector/emit.ts';
import { severityScore } from '../../src/detector/finding.ts';
import type { ActiveDetector } from '../../src/detector/fold.ts';
import { activate, type DetectorConfig } from '../../src/detector/options.ts';
import { stepRecord } from '../../src/dialects/record.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { shippedDetectors } from '../detectors.ts';
import { formats, streamOf, streams } from '../formats.ts';
import { bodiesOf, MAX_BYTES, type PlayedBodies, payloadsOf, playBodies } from '../play.ts';
import { embeddingTable } from '../shipped.ts';
import { timeDetectors } from '../timing.ts';

interface ReplayOptions {
  readonly format: string;
  readonly detector?: readonly string[];
  readonly set?: readonly string[];
  readonly rules?: readonly string[];
  readonly embedding?: boolean;
  readonly blame?: boolean;
  readonly failOn: Severity | 'never';
  readonly output: 'pretty' | 'jsonl' | 'steps';
  readonly timing?: boolean;
}

const collect = (value: string, former: readonly string[] = []): readonly string[] => [...former, value];

export function register(program: Command): void {
  program
    .command('replay')
    .description('Play recorded runs through the detectors and print what they find.')
    .argument('<file...>', 'OTLP/JSON documents or webhook bodies of frameworks, also as JSON lines, .gz too')
    .addOption(new Option('--format <name>', 'what the files hold').choices(['auto', ...Object.keys(formats)]).default('auto'))
    .option('--detector <id>', 'run only this detector (repeatable)', collect)
    .option('--set <path=value>', 'set a detector option, e.g. loop.min_repeats=5 (repeatable)', collect)
    .option('--rules <file>', 'also rules of your own (repeatable)', collect)
    .option('--no-embedding', 'without the table of embeddings: words decide alone')
    .option('--blame', 'say for every trace which agent and step made it go wrong')
    .addOption(
      new Option('--fail-on <severity>', 'exit 1 if a finding is at least this severe')
        .choices(['low', 'medium', 'high', 'critical', 'never'])
        .default('never'),
    )
    .addOption(new Option('--output <kind>', 'what to print').choices(['pretty', 'jsonl', 'steps']).default('pretty'))
    .option('--timing', 'jsonl: what each detector cost, one line of kind timing a file')
    .addHelpText(
      'after',
      '\nExamples:\n  misstep replay trace.json\n  misstep replay --output jsonl --blame runs/*.json.gz > findings.jsonl\n  misstep replay --detector loop --set loop.min_repeats=3 --fail-on high trace.json\n',
    )
    .action(async (files: string[], options: ReplayOptions) => {
      process.exitCode = await replay(files, options);
    });
}

/** Exit code: 0, 1 if a finding reaches `--fail-on`, 2 if a file cannot be read or an option is wrong. */
export async function replay(files: readonly string[], options: ReplayOptions): Promise<number> {
  const chosen = configured(options);
  if (!chosen) return 2;
  provideEmbedding(options.embedding === false ? undefined : embeddingTable);
  let code = 0;
  let worst = 0;
  for (const file of files) {
    const timed = options.timing ? timeDetectors(chosen) : undefined;
    const played = await play(file, timed?.detectors ?? chosen, options.format);
    for (const told of played.told) notice(`${file}: ${told}`);
    for (const problem of played.problems) notice(`${file}: ${problem}`);
    if (played.broken) code = 2;
    if (!played.broken || played.steps.length > 0) print(file, options, played);
    if (timed && options.output === 'jsonl') {
      for (const [detector, us] of timed.microseconds())
        line({ kind: 'timing', source: file, detector, steps: played.steps.length, us: Math.round(us) });
    }
    for (const { severity } of played.findings) worst = Math.max(worst, severityScore(severity));
  }
  if (code === 0 && options.failOn !== 'never' && worst >= severityScore(options.failOn)) return 1;
  return code;
}

export interface Played extends Omit<PlayedBodies, 'error'> {
  /** True if the file could not be read to its end; what came before stands above. */
  readonly broken: boolean;
  /** What `auto` took the payloads for, each once. */
  readonly told: readonly string[];
}

/** One file through a host of its own. Time is that of the spans; the end of the file closes all windows. */
export async function play(file: string, detectors: readonly ActiveDetector[], format = 'auto'): Promise<Played> {
  const told = new Map<string, string>();
  const { error, ...played } = await playBodies(requests(file, format, told), detectors);
  const problems = error === undefined ? played.problems : [...played.problems, reason(error)];
  return { ...played, problems, broken: error !== undefined, told: [...told.values()] };
}

export function reason(error: unknown): string {
  const { code, message = String(error) } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'the file does not exist. Check the path.';
  if (code === 'EISDIR') return 'a folder. Name the files in it, for example with *.json.';
  if (code === 'EACCES') return 'the file may not be read. Check its permissions.';
  return error instanceof SyntaxError
    ? `not JSON: ${message}. Give OTLP/JSON or webhook bodies, one document or one a line.`
    : message;
}

/** The chosen detectors with their options; `undefined` when one is wrong, which was said on stderr by `command`. */
export function configured(
  options: Pick<ReplayOptions, 'set' | 'detector' | 'rules'>,
  command = 'replay',
): ReturnType<typeof activate>['active'] | undefined {
  const config: Record<string, Record<string, unknown>> = {};
  const problems: string[] = [];
  for (const one of options.set ?? []) {
    // As `run` takes it, or short.
    const match = /^(?:(?:processors\.detect\.)?detectors\.)?([a-z0-9_]+)\.([a-z0-9_]+)=(.*)$/s.exec(one);
    if (!match) {
      problems.push(`--set: not of the form <detector>.<option>=<value>, ${one}. Write for example loop.min_repeats=5.`);
      continue;
    }
    const [, id = '', option = '', text = ''] = match;
    config[id] = { ...config[id], [option]: parsed(text) };
  }
  const own = readOwn(options.rules ?? [], shippedDetectors);
  problems.push(...own.problems.map(({ message }) => `--rules: ${message}`));
  const { active, problems: wrong } = activate(withOwn(shippedDetectors, own.rules), {
    ...(options.detector ? { only: options.detector } : {}),
    detectors: config as DetectorConfig,
  });
  for (const { path, message } of wrong)
    problems.push(`${path.length > 0 ? `--set ${path.join('.')}` : '--detector'}: ${message}`);
  for (const problem of problems) process.stderr.write(`misstep ${command}: ${shown(problem)}\n`);
  return problems.length > 0 ? undefined : active;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** One request a document; a `.jsonl` file holds one a line. */
export async function* requests(file: string, format: string, told: Map<string, string>): AsyncGenerator<Uint8Array> {
  let bytes: Uint8Array = await readFile(file);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  const text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes);
  const stream = isEventStream(text);
  const whole = stream ? serverSentEvents(text) : wholeDocument(file, text);
  if (whole !== undefined) {
    for (const payload of payloadsOf(whole, format, stream)) yield* bodiesOf(payload, format, told);
    return;
  }
  let records: unknown[] | undefined;
  let line = 0;
  let from = 0;
  while (from < text.length) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    line++;
    const one = text.slice(from, to).trim();
    from = to + 1;
    if (one === '') continue;
    let payload: unknown;
    try {
      payload = JSON.parse(one);
    } catch (error) {
      throw new Error(`line ${line}: not JSON (${error instanceof Error ? error.message : String(error)}).`, { cause: error });
    }
    if (line === 1 && (streams.has(format) || streamOf(payload) !== undefined)) records = [];
    if (records !== undefined) records.push(payload);
    else yield* bodiesOf(payload, format, told);
  }
  if (records !== undefined) yield* bodiesOf(records, format, told);
}

function wholeDocument(file: string, text: string): unknown {
  // Recordings of the SDKs' own tests.
  if (/\.ya?ml(\.gz)?$/.test(file)) return parseYaml(text) as unknown;
  if (/\.jsonl(\.gz)?$/.test(file)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // A file of JSON lines under another name; its first line alone must then be a document.
    const newline = text.indexOf('\n');
    if (newline < 0) throw error;
    try {
      JSON.parse(text.slice(0, newline));
    } catch {
      throw error;
    }
    return undefined;
  }
}

function print(file: string, options: ReplayOptions, { findings, coverage, steps }: Played): void {
  if (options.output === 'steps') {
    for (const step of steps) line(stepRecord(step, file));
    return;
  }
  const blamed = options.blame ? blame(steps, findings) : [];
  if (options.output === 'jsonl') {
    for (const finding of findings) line(detectionRecord(finding, file));
    for (const one of blamed) line(blameRecord(one, file));
    for (const { detector, outcome, reason, traceId, sessionId, agent } of coverage) {
      line({
        kind: 'coverage',
        source: file,
        trace_id: traceId,
        detector: detector.meta.id,
        outcome,
        reason: reason ?? null,
        session_id: sessionId === undefined ? null : redact(sessionId),
        agent: agent === undefined ? null : redact(agent),
      });
    }
    return;
  }
  const blind = new Set(
    coverage.filter(({ outcome }) => outcome === 'insufficient_data').map(({ detector }) => detector.meta.id),
  );
  process.stdout.write(`${file}: ${steps.length} steps, ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}\n`);
  for (const finding of findings) {
    const percent = Math.round(finding.confidence * 100);
    process.stdout.write(
      `  ${finding.severity.toUpperCase().padEnd(8)} ${finding.detector} (${percent} %) ${shown(finding.agent)}: ${shown(finding.explanation)}\n`,
    );
    process.stdout.write(`           span ${finding.at.spanId} of trace ${finding.at.traceId}. ${finding.action}\n`);
  }
  for (const one of blamed)
    process.stdout.write(
      `  blame    ${shown(one.agent)} at span ${one.spanId} of trace ${one.traceId}. ${shown(one.candidates[0]?.reason ?? '')}\n`,
    );
  if (blind.size > 0)
    process.stdout.write(
      `  could not look in every window: ${[...blind].sort().join(', ')} (see --output jsonl, kind coverage)\n`,
    );
}

/** For a terminal: without secrets, and with nothing that would drive it. */
function shown(text: string | undefined): string {
  return text === undefined ? '-' : printable(redact(text));
}

function line(record: unknown): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

function notice(text: string): void {
  // What is wrong with a file may quote it.
  process.stderr.write(`misstep replay: ${shown(text)}\n`);
}
