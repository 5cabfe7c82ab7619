/** What a request holds, as rows: its steps, what is known of their traces, and the detections written on its spans. */
import { createHash } from 'node:crypto';
import type { DetectionRow, StepRow } from '../../src/component/records.ts';
import { cleanMap } from '../../src/detector/clean.ts';
import { EVENT_NAME, SCOPE_NAME } from '../../src/detector/emit.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { isAgentSpan, normalise } from '../../src/dialects/normalise.ts';
import { createResolver } from '../../src/dialects/resolve.ts';
import { spanReader, type Value } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import type { Message, Step } from '../../src/step/step.ts';
import { redact } from '../../src/text/redact.ts';

/** Characters of a step's input and of its output: what a person reads before opening the trace. */
const CONTENT_CHARACTERS = 8_192;
/** Characters of names, ids and errors. */
const NAME_CHARACTERS = 255;
const ERROR_CHARACTERS = 1_000;
/** Of a state: enough for every recorded state but those that hold documents. */
const STATE_CHARACTERS = 16_384;
/** Scopes of the receiver `webhook`. */
const WEBHOOK = 'webhook.';

export interface TraceFacts {
  readonly trace_id: string;
  session_id: string | null;
  framework: string | null;
  service: string | null;
  /** Of the root, with its status; null until it comes. */
  name: string | null;
  status: 'running' | 'completed' | 'failed' | 'cancelled';
  started_ms: number;
  ended_ms: number;
}

/** As it comes; when it came and what people say of it are the table's. */
export type NewDetection = Omit<DetectionRow, 'occurrences' | 'created_ms' | 'updated_ms' | 'verdict' | 'notes' | 'judged_ms'>;

export interface Rows {
  readonly traces: readonly TraceFacts[];
  readonly steps: readonly StepRow[];
  readonly detections: readonly NewDetection[];
}

/** `content`: also what steps were given and said. Throws `WireError` if the body is malformed. */
export function rowsOf(body: Uint8Array, tenant: string, content: boolean): Rows {
  const index = walkTraces(body, dialectKeys);
  const reader = spanReader();
  const found: Step[] = [];
  const detections: NewDetection[] = [];
  const resolver = createResolver();
  for (let row = 0; row < index.spanCount; row++) {
    reader.at(index, row);
    const own = reader.scopeName() === SCOPE_NAME;
    if (own || index.isAgent(row)) {
      for (const event of reader.events()) {
        if (event.name !== EVENT_NAME) continue;
        const detection = detectionOf(cleanMap(event.attributes), event.timeMs);
        if (detection !== undefined) detections.push(detection);
      }
    }
    if (own || !isAgentSpan(reader)) continue;
    const step = normalise(reader, tenant);
    if (step === undefined) continue;
    resolver.add(step);
    found.push(step);
  }
  const traces = new Map<string, TraceFacts>();
  for (const step of found) note(traces, step);
  return { traces: [...traces.values()], steps: found.map((step) => stepRow(step, content)), detections };
}

function note(traces: Map<string, TraceFacts>, step: Step): void {
  const { traceId, startMs, endMs } = step;
  let facts = traces.get(traceId);
  if (facts === undefined) {
    facts = {
      trace_id: traceId,
      session_id: null,
      framework: null,
      service: null,
      name: null,
      status: 'running',
      started_ms: startMs,
      ended_ms: endMs,
    };
    traces.set(traceId, facts);
  }
  facts.session_id ??= named(step.sessionId);
  facts.framework ??= named(frameworkOf(step));
  facts.service ??= named(step.service);
  facts.started_ms = Math.min(facts.started_ms, startMs);
  facts.ended_ms = Math.max(facts.ended_ms, endMs);
  if (step.parentId !== '') return;
  facts.name = named(step.name);
  facts.status = statusOf(step);
}

/** What a webhook of ours made says by its scope whose payload it was; of spans the vocabulary is known. */
function frameworkOf({ scope, dialects }: Step): string | undefined {
  return scope.startsWith(WEBHOOK) ? scope.slice(WEBHOOK.length) : dialects[0];
}

function statusOf({ outcome }: Step): TraceFacts['status'] {
  if (outcome === 'ok' || outcome === 'unknown' || outcome === 'handled_error') return 'completed';
  return outcome === 'cancelled' ? 'cancelled' : 'failed';
}

function stepRow(step: Step, content: boolean): StepRow {
  const { stateBefore: before, stateAfter: after } = step;
  const state = after === undefined ? undefined : JSON.stringify(after);
  return {
    trace_id: step.traceId,
    span_id: step.spanId,
    parent_id: step.parentId,
    kind: step.kind,
    name: named(step.name) ?? '',
    agent: named(step.agent),
    model: named(step.responseModel ?? step.requestModel),
    tool: named(step.tool?.name),
    outcome: step.outcome,
    error: step.error === undefined ? null : cut(redact(step.error.message ?? step.error.type ?? ''), ERROR_CHARACTERS),
    started_ms: step.startMs,
    ended_ms: step.endMs,
    input_tokens: step.rollup ? null : (step.tokens?.input ?? null),
    output_tokens: step.rollup ? null : (step.tokens?.output ?? null),
    cost: step.rollup ? null : (step.cost ?? null),
    input: content ? given(step) : null,
    output: content ? said(step) : null,
    state_delta: content ? delta(before, after) : null,
    state_hash: state === undefined ? null : createHash('sha256').update(state).digest('hex').slice(0, 16),
  };
}

function given(step: Step): string | null {
  return text(step.tool?.arguments ?? step.query ?? last(step.input));
}

function said(step: Step): string | null {
  return text(step.tool?.result ?? last(step.output));
}

/** The last message: those before it are the outputs of earlier steps. */
function last(messages: readonly Message[]): string | undefined {
  const message = messages.at(-1);
  if (message === undefined) return undefined;
  const calls = message.toolCalls.map(({ name, arguments: args }) => `${name}(${args ?? ''})`);
  const results = message.toolResults.map((result) => result.text);
  return [message.text, ...calls, ...results].filter((part) => part !== '').join('\n');
}

/** Members that are other after the step than before. */
function delta(before: unknown, after: unknown): string | null {
  if (after === undefined) return null;
  if (!isRecord(before) || !isRecord(after)) return cut(redact(JSON.stringify(after)), STATE_CHARACTERS);
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  const entries = changed.map((key) => [key, after[key] ?? null]);
  return cut(redact(JSON.stringify(Object.fromEntries(entries))), STATE_CHARACTERS);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function detectionOf(attributes: ReadonlyMap<string, Value>, saidMs: number): NewDetection | undefined {
  const string = (key: string): string => {
    const value = attributes.get(key);
    return typeof value === 'string' ? value : '';
  };
  const number = (key: string): number => {
    const value = attributes.get(key);
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
  };
  const strings = (key: string): string[] => {
    const value = attributes.get(key);
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  };
  const id = string('misstep.detection.id');
  const detector = string('gen_ai.evaluation.name');
  if (!/^[0-9a-f]{32}$/.test(id) || detector === '') return undefined;
  const data = [...attributes]
    .filter(([key]) => key.startsWith('misstep.detection.data.'))
    .map(([key, value]) => [key.slice('misstep.detection.data.'.length), plain(value)]);
  const taxonomy = ['mast', 'trail', 'owasp', 'modes'].map((name) => [name, strings(`misstep.taxonomy.${name}`)]);
  return {
    id,
    trace_id: string('misstep.detection.target.trace_id'),
    span_id: string('misstep.detection.target.span_id'),
    session_id: named(string('gen_ai.conversation.id')),
    agent: named(string('gen_ai.agent.name')),
    detector: cut(detector, NAME_CHARACTERS),
    message: cut(string('misstep.detection.message'), NAME_CHARACTERS),
    category: cut(string('misstep.detection.category'), NAME_CHARACTERS),
    severity: cut(string('misstep.detection.severity'), NAME_CHARACTERS),
    tier: Math.trunc(number('misstep.detection.tier')),
    confidence: Math.min(1, Math.max(0, number('gen_ai.evaluation.score.value'))),
    explanation: cut(string('gen_ai.evaluation.explanation'), ERROR_CHARACTERS),
    revision: Math.trunc(number('misstep.detection.revision')),
    label: string('gen_ai.evaluation.score.label') === 'withdrawn' ? 'withdrawn' : 'fail',
    evidence: strings('misstep.detection.evidence.span_ids').slice(0, 100),
    data: Object.fromEntries(data),
    taxonomy: Object.fromEntries(taxonomy),
    version: Math.trunc(number('misstep.detector.version')),
    config_hash: cut(string('misstep.detector.config_hash'), NAME_CHARACTERS),
    said_ms: saidMs,
  };
}

function plain(value: Value): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, plain(one)]));
  if (value instanceof Uint8Array) return '[bytes]';
  return Array.isArray(value) ? value.map(plain) : typeof value === 'bigint' ? Number(value) : value;
}

/** Null if it says nothing. */
function named(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : cut(redact(value), NAME_CHARACTERS);
}

function text(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : cut(redact(value), CONTENT_CHARACTERS);
}

/** PostgreSQL takes neither NUL nor half a surrogate pair. */
function cut(value: string, characters: number): string {
  const short = value.length > characters ? `${value.slice(0, characters)}…` : value;
  return short.replace(/\0|\p{Surrogate}/gu, '\uFFFD');
}
