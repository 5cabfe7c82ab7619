/** `misstep replay`: recorded runs through the same operators as live. stdout = JSON lines or findings, stderr = notices. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { type Command, Option } from 'commander';
import { parse as parseYaml } from 'yaml';
import { readRecorded, verdictOf } from '../../extensions/judge/record.ts';
import { readOwn, withOwn } from '../../processors/detect/own.ts';
import { isEventStream, serverSentEvents } from '../../receivers/webhook/sse.ts';
import { blame, blameRecord } from '../../src/detector/blame/blame.ts';
import { detectionRecord } from '../../src/detector/emit.ts';
import type { Finding } from '../../src/detector/finding.ts';
import type { ActiveDetector } from '../../src/detector/fold.ts';
import { judged, judgedRevision, type Verdict } from '../../src/detector/judge.ts';
import { activate, type DetectorConfig } from '../../src/detector/options.ts';
import { stepRecord } from '../../src/dialects/record.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { shippedDetectors } from '../detectors.ts';
import { formats, streamOf, streams } from '../formats.ts';
import { bodiesOf, MAX_BYTES, type PlayedBodies, payloadsOf, playBodies } from '../play.ts';
import { type Baseline, type RunRecord, readBaseline, runRecord, warnings } from '../replay/baseline.ts';
import { type DetectIn, detectIn } from '../replay/detect-in.ts';
import { type Detection, differences, type FailOn, fails, failures, mattersOf, needsBaseline } from '../replay/diff.ts';
import { annotations, markdown, table, tellGithub } from '../replay/report.ts';
import { embeddingTable, version } from '../shipped.ts';
import { timeDetectors } from '../timing.ts';

interface ReplayOptions {
  readonly format: string;
  readonly config?: readonly string[];
  readonly detector?: readonly string[];
  readonly set?: readonly string[];
  readonly rules?: readonly string[];
  readonly detectorFile?: readonly string[];
  readonly embedding?: boolean;
  readonly blame?: boolean;
  readonly verdicts?: string;
  readonly diff?: string;
  /** Default: `new` with `diff`, else `never`. */
  readonly failOn?: FailOn;
  readonly output: 'pretty' | 'jsonl' | 'steps' | 'markdown' | 'github';
  readonly timing?: boolean;
}

/** Of a file of verdicts, on the terminal. */
const MAX_PROBLEMS = 10;

const collect = (value: string, former: readonly string[] = []): readonly string[] => [...former, value];

export function register(program: Command): void {
  program
    .command('replay')
    .description('Play recorded runs through the detectors and print what they find.')
    .argument('<file...>', 'OTLP/JSON documents or webhook bodies of frameworks, also as JSON lines, .gz too')
    .addOption(new Option('--format <name>', 'what the files hold').choices(['auto', ...Object.keys(formats)]).default('auto'))
    .option('-c, --config <source>', 'as run takes it: the options of its detect processor, emit_above among them', collect)
    .option('--detector <id>', 'run only this detector (repeatable)', collect)
    .option('--set <path=value>', 'set a detector option, e.g. loop.min_repeats=5 (repeatable)', collect)
    .option('--rules <file>', 'also rules of your own (repeatable)', collect)
    .option('--detector-file <file>', 'also detectors of your own, in a module (repeatable)', collect)
    .option('--no-embedding', 'without the table of embeddings: words decide alone')
    .option('--blame', 'say for every trace which agent and step made it go wrong')
    .option('--diff <baseline>', 'compare with what an earlier --output jsonl printed')
    .option('--verdicts <file>', 'what a judge said of these findings, as recorded by the extension judge')
    .addOption(
      new Option(
        '--fail-on <what>',
        'exit 1 if a finding is at least this severe; with --diff new-<severity> = only what was not there or less severe, any-change = whatever differs (default: new with --diff, else never)',
      ).choices(failures),
    )
    .addOption(
      new Option(
        '--output <kind>',
        'what to print; github = annotations, and the summary and outputs of the step where GITHUB_STEP_SUMMARY and GITHUB_OUTPUT are set',
      )
        .choices(['pretty', 'jsonl', 'steps', 'markdown', 'github'])
        .default('pretty'),
    )
    .option('--timing', 'jsonl: what each detector cost, one line of kind timing a file')
    .addHelpText(
      'after',
      '\nExamples:\n  misstep replay trace.json\n  misstep replay --output jsonl --blame runs/*.json.gz > findings.jsonl\n  misstep replay --detector loop --set loop.min_repeats=3 --fail-on high trace.json\n  misstep replay --diff baseline.jsonl --fail-on new-high runs/*.json\n\nFindings of two runs are the same if detector, message and agent are; how often they come up is compared apart.\nExit codes: 0; 1 by --fail-on; 2 a file, the baseline or an option is wrong.\n',
    )
    .action(async (files: string[], options: ReplayOptions) => {
      process.exitCode = await replay(files, options);
    });
}

/** Exit code: 0, 1 by `--fail-on`, 2 if a file or the baseline cannot be read or an option is wrong. */
export async function replay(files: readonly string[], options: ReplayOptions): Promise<number> {
  const base = options.config && (await detectIn(options.config));
  for (const problem of base?.problems ?? []) notice(problem);
  if (base !== undefined && base.found === undefined) return 2;
  const chosen = configured(options, 'replay', base?.found);
  if (!chosen) return 2;
  const said = options.verdicts === undefined ? undefined : await verdictsOf(options.verdicts);
  if (said === null) return 2;
  const failOn = options.failOn ?? (options.diff === undefined ? 'never' : 'new');
  if (options.diff === undefined && needsBaseline(failOn)) {
    notice(`--fail-on ${failOn}: nothing to compare with. Give --diff <baseline>.`);
    return 2;
  }
  const embedding = options.embedding !== false && base?.found?.embedding !== false;
  const run = runRecord(version(), chosen, embedding, base?.found?.emit_above);
  const baseline = options.diff === undefined ? undefined : await baselineFor(options.diff, run);
  if (options.diff !== undefined && baseline === undefined) return 2;
  provideEmbedding(embedding ? embeddingTable : undefined);
  if (options.output === 'jsonl') line(run);
  let code = 0;
  const found: Detection[] = [];
  const blind = new Set<string>();
  for (const file of files) {
    const timed = options.timing ? timeDetectors(chosen) : undefined;
    const heard = await play(file, timed?.detectors ?? chosen, options.format);
    const all = said === undefined ? heard : { ...heard, findings: heard.findings.map((one) => withVerdict(one, said)) };
    const played = base?.found === undefined ? all : { ...all, findings: all.findings.filter(handedOn(chosen, base.found)) };
    for (const told of played.told) notice(`${file}: ${told}`);
    for (const problem of played.problems) notice(`${file}: ${problem}`);
    if (played.broken) code = 2;
    if (!played.broken || played.steps.length > 0) print(file, options, played);
    if (timed && options.output === 'jsonl') {
      for (const [detector, us] of timed.microseconds())
        line({ kind: 'timing', source: file, detector, steps: played.steps.length, us: Math.round(us) });
    }
    for (const finding of played.findings) found.push(detectionRecord(finding, file) as unknown as Detection);
    for (const { detector, outcome } of played.coverage) if (outcome === 'insufficient_data') blind.add(detector.meta.id);
  }
  const all = differences(baseline && mattersOf(baseline.detections), mattersOf(found), blind);
  if (options.output === 'markdown') process.stdout.write(markdown(all));
  else if (options.output === 'github') {
    process.stdout.write(annotations(all));
    tellGithub(all, process.env);
  } else if (baseline !== undefined && options.output === 'pretty') {
    process.stdout.write(table(all, process.stdout.isTTY && !process.env['NO_COLOR']));
  } else if (baseline !== undefined && options.output === 'jsonl') {
    for (const { state, fingerprint, before, now, blind: unseen } of all)
      line({ kind: 'difference', state, fingerprint, before: before ?? null, now: now ?? null, blind: unseen });
  }
  return code === 0 && all.some((one) => fails(failOn, one)) ? 1 : code;
}

/** As `detect` does it. Without a configuration all findings are shown, whatever their confidence. */
function handedOn(chosen: readonly ActiveDetector[], { emit_above }: DetectIn): (finding: Finding) => boolean {
  const least = new Map(chosen.map(({ detector, emit }) => [detector.meta.id as string, emit?.above]));
  return ({ detector, confidence }) => confidence >= (least.get(detector) ?? emit_above);
}

/** `undefined` when it cannot be read, which was said. */
async function baselineFor(file: string, run: RunRecord): Promise<Baseline | undefined> {
  try {
    const baseline = await readBaseline(file);
    for (const warning of warnings(baseline.run, run)) notice(`--diff ${file}: ${warning}`);
    return baseline;
  } catch (error) {
    notice(`--diff ${file}: ${reason(error)}`);
    return undefined;
  }
}

/** By id of the finding, the last of each. `null` when the file is none, which was said on stderr. */
async function verdictsOf(path: string): Promise<ReadonlyMap<string, Verdict> | null> {
  const wrong: string[] = [];
  const said = new Map<string, Verdict>();
  try {
    const records = await readRecorded(path, (line) =>
      wrong.push(`line ${line}: not a verdict. Give the file that the judge wrote.`),
    );
    for (const record of records) {
      const verdict = verdictOf(record);
      if (verdict !== undefined) said.set(record.finding, verdict);
    }
  } catch (error) {
    wrong.push(reason(error));
  }
  for (const problem of wrong.slice(0, MAX_PROBLEMS)) notice(`--verdicts: ${path}: ${problem}`);
  return wrong.length > 0 ? null : said;
}

/** As `detect` would hand it on. */
function withVerdict(finding: Finding, said: ReadonlyMap<string, Verdict>): Finding {
  const verdict = said.get(finding.id);
  const told = verdict === undefined ? finding : judged(finding, verdict);
  return { ...told, revision: judgedRevision(told, 'fail') };
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
  options: Pick<ReplayOptions, 'set' | 'detector' | 'rules' | 'detectorFile'>,
  command = 'replay',
  base?: DetectIn,
): ReturnType<typeof activate>['active'] | undefined {
  const config: Record<string, Readonly<Record<string, unknown>> | null> = { ...base?.detectors };
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
  const files = {
    rules: [...(base?.rules ?? []), ...(options.rules ?? [])],
    detector_files: [...(base?.detector_files ?? []), ...(options.detectorFile ?? [])],
  };
  const { own, problems: ownProblems } = readOwn(files, shippedDetectors);
  problems.push(
    ...ownProblems.map(({ path: [kind], message }) => `${kind === 'rules' ? '--rules' : '--detector-file'}: ${message}`),
  );
  const { active, problems: wrong } = activate(withOwn(shippedDetectors, own), {
    ...(options.detector ? { only: options.detector } : {}),
    ...(base ? { tiers: base.tiers } : {}),
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
  if (options.output === 'markdown' || options.output === 'github') return;
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
    if (finding.judged !== undefined) {
      const { verdict, reason: why, model, before } = finding.judged;
      process.stdout.write(`           ${shown(model)} says ${verdict} (${why}); ${Math.round(before * 100)} % without it.\n`);
    }
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
