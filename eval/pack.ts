/**
 * The labelled sets (layout: `docs/quality.md`). A folder of sets; each holds runs, as `*.otlp.json.gz` (one run a file),
 * `traces.jsonl.gz` (one OTLP request a line) or `<format>.jsonl.gz` (one payload a line), and their labels, as
 * `labels.json` (by key) or `labels.jsonl` (one item a line). Labels are read here and reach scorers only.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Sets of whole runs, scored by rules of their own. */
export const RUN_SETS = ['trail', 'whowhen', 'mast', 'agentrx', 'tau_airline'] as const;
/** Sets of labelled items, scored by yes or no. */
export const ITEM_SETS = [
  'injection',
  'grounding',
  'hallucination_nocontext',
  'rag_poisoning',
  'retrieval_quality',
  'specification',
  'shell_risk',
  'shell_risk_openclaw',
  'tool_schema',
  'pii',
] as const;
export const SETS: readonly string[] = [...RUN_SETS, ...ITEM_SETS, 'golden', 'golden_otel', 'n8n'];

export interface RunLabel {
  readonly trace_id?: string;
  readonly file?: string;
}

export interface TrailLabel extends RunLabel {
  readonly errors: readonly { readonly location: string; readonly category?: string }[];
  readonly split: string;
}

export interface WhoWhenLabel extends RunLabel {
  readonly trace_id: string;
  readonly file: string;
  readonly subset: string;
  readonly mistake_agent: string;
  readonly mistake_step: string | number;
}

export interface MastLabel extends RunLabel {
  readonly mast14: Readonly<Record<string, boolean>>;
}

export interface AgentRxLabel extends RunLabel {
  readonly file: string;
  readonly domain: string;
  readonly failed: boolean;
  readonly failures: readonly { readonly step_index: number }[];
  readonly root_cause: { readonly step_index: number } | null;
}

export interface TauLabel extends RunLabel {
  readonly failed: boolean;
  readonly repeated_identical_call_steps: readonly unknown[];
  readonly tool_error_steps: readonly unknown[];
}

export interface Item {
  readonly id: string;
  readonly trace_id: string;
  readonly label: 0 | 1 | null;
  readonly source: string;
  readonly detectors: readonly string[];
  readonly channel?: string;
  readonly mutation?: string;
  /** golden_otel */
  readonly type?: string;
  readonly template?: string;
  /** golden: what the vendor's own package said. */
  readonly peer_detected?: 0 | 1;
  /** n8n */
  readonly facts?: Readonly<Record<string, number | boolean>>;
}

export interface Pack {
  readonly root: string;
  /** Those of `SETS` that are there, in that order. */
  readonly sets: readonly string[];
}

/** Throws if `root` holds none of the sets, or a set asked for is unknown. */
export function openPack(root: string, wanted?: readonly string[]): Pack {
  const unknown = wanted?.find((set) => !SETS.includes(set));
  if (unknown !== undefined) throw new Error(`--set ${unknown}: no such set. There are: ${SETS.join(', ')}.`);
  const sets = SETS.filter((set) => existsSync(join(root, set)) && (!wanted || wanted.includes(set)));
  if (sets.length === 0) {
    throw new Error(`${root}: holds none of the sets ${(wanted ?? SETS).join(', ')}. Give the folder that holds them.`);
  }
  return { root, sets };
}

export function runLabels<L extends RunLabel>(pack: Pack, set: string): Readonly<Record<string, L>> {
  return JSON.parse(readText(join(pack.root, set, 'labels.json'))) as Record<string, L>;
}

export function items(pack: Pack, set: string): Item[] {
  return readText(join(pack.root, set, 'labels.jsonl'))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Item);
}

/** What to play of a set: files of one format, as many as one process takes. */
export interface Task {
  readonly set: string;
  readonly format: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

const PAYLOAD_FORMATS = ['n8n', 'dify', 'openclaw', 'langgraph'];
/** A process starts in a quarter of a second; a batch of this size takes seconds and still spreads over the cores. */
const BATCH_BYTES = 1_500_000;

export function tasksOf(pack: Pack, set: string): Task[] {
  const folder = join(pack.root, set);
  const tasks: Task[] = [];
  let files: string[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (files.length > 0) tasks.push({ set, format: 'otlp', files, bytes });
    files = [];
    bytes = 0;
  };
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    const size = statSync(path).size;
    const format = PAYLOAD_FORMATS.find((one) => name === `${one}.jsonl.gz`);
    if (format !== undefined) tasks.push({ set, format, files: [path], bytes: size });
    else if (name === 'traces.jsonl.gz') tasks.push({ set, format: 'otlp', files: [path], bytes: size });
    else if (/\.otlp\.json(\.gz)?$/.test(name)) {
      files.push(path);
      bytes += size;
      if (bytes >= BATCH_BYTES) flush();
    }
  }
  flush();
  return tasks;
}

interface SpanDocument {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes?: readonly { readonly key: string; readonly value?: Readonly<Record<string, unknown>> }[];
}

interface RequestDocument {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly SpanDocument[] }[] }[];
}

/**
 * Span id → the step number its label counts in, from the attribute `step.index` of the run's file.
 * A span without one has that of its nearest ancestor.
 */
export function stepNumbers(file: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const parents = new Map<string, string | undefined>();
  const request = JSON.parse(readText(file)) as RequestDocument;
  for (const { scopeSpans } of request.resourceSpans ?? []) {
    for (const { spans } of scopeSpans ?? []) {
      for (const { spanId, parentSpanId, attributes } of spans ?? []) {
        parents.set(spanId, parentSpanId);
        const value = attributes?.find(({ key }) => key === 'step.index')?.value;
        if (value) numbers.set(spanId, Number(Object.values(value)[0]));
      }
    }
  }
  for (const spanId of parents.keys()) {
    let at: string | undefined = spanId;
    // 50: the pack's own bound; no run nests deeper.
    for (let hops = 0; at && !numbers.has(at) && hops < 50; hops++) at = parents.get(at);
    const number = at === undefined ? undefined : numbers.get(at);
    if (number !== undefined && !numbers.has(spanId)) numbers.set(spanId, number);
  }
  return numbers;
}

/** How a record names its run if it carries no trace id: by the file it was read from. */
export function fileOf(key: string, label: RunLabel): string {
  return basename(label.file ?? `${label.trace_id ?? key}.otlp.json.gz`);
}

function readText(path: string): string {
  const bytes = readFileSync(path);
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
}
