/**
 * Findings as OTLP (DESIGN §5): an event and attributes on the target while it is at hand, else a
 * carrier span; a log record; the JSON record that `replay` prints.
 */

import { createHash } from 'node:crypto';
import { join } from '../otlp/cut.ts';
import { type SpanReader, spanReader, type Value } from '../otlp/span.ts';
import { type SpanEdit, spliceSpans } from '../otlp/splice.ts';
import type { TraceIndex } from '../otlp/traces.ts';
import {
  type Attributes,
  Double,
  type NewEvent,
  type NewLogRecord,
  type NewSpan,
  type SpanGroup,
  writeSpanAttribute,
  writeSpanEvent,
  writeSpanStatus,
  writeTraces,
} from '../otlp/write.ts';
import { redact } from '../text/redact.ts';
import { confidenceTier } from './calibration.ts';
import { cleanResource, cleanTraceState } from './clean.ts';
import type { Severity } from './detector.ts';
import { type Finding, severityScore } from './finding.ts';
import type { Emission } from './host.ts';
import { judgedRevision } from './judge.ts';

/** Instrumentation scope of everything misstep makes. Spans of it are never examined. */
export const SCOPE_NAME = 'misstep';
export const EVENT_NAME = 'gen_ai.evaluation.result';

/** Values people search by stay under Jaeger's and Cassandra's 256 bytes, others under Tempo's 2,048. */
const SEARCHABLE_BYTES = 255;
const TEXT_BYTES = 1_000;

export interface EmitOptions {
  readonly version: string;
  /** Detectors whose findings set the span's status to ERROR. */
  readonly markError: ReadonlySet<string>;
  readonly openinference: boolean;
  /** A judge is asked: see `judgedRevision`. */
  readonly judging?: boolean;
}

/** Attributes of a finding on an event, a carrier or a log record. */
function findingAttributes({ finding, configHash, label }: Emission, late: boolean, { judging }: EmitOptions): Attributes {
  const { taxonomy, judged } = finding;
  const attributes: Record<string, Value | Double> = {
    'gen_ai.evaluation.name': finding.detector,
    'gen_ai.evaluation.score.value': new Double(finding.confidence),
    'gen_ai.evaluation.score.label': label,
    'gen_ai.evaluation.explanation': cut(finding.explanation, TEXT_BYTES),
    'gen_ai.agent.name': searchable(finding.agent),
    'gen_ai.conversation.id': searchable(finding.sessionId),
    'misstep.detection.id': finding.id,
    'misstep.detection.revision': judging === true ? judgedRevision(finding, label) : finding.revision,
    'misstep.detection.message': finding.message,
    'misstep.detection.category': finding.category,
    'misstep.detection.severity': finding.severity,
    'misstep.detection.confidence.tier': confidenceTier(finding.confidence),
    'misstep.detection.tier': judged !== undefined && finding.confidence > judged.before ? 4 : finding.tier,
    'misstep.detection.scope': finding.scope,
    'misstep.detection.late': late,
    'misstep.detection.target.trace_id': finding.at.traceId,
    'misstep.detection.target.span_id': finding.at.spanId,
    'misstep.detection.evidence.span_ids': finding.evidence.map(({ spanId }) => spanId),
    'misstep.detection.evidence.count': finding.evidence.length,
    'misstep.detector.version': finding.version,
    'misstep.detector.config_hash': configHash,
    'misstep.taxonomy.mast': taxonomy.mast,
    'misstep.taxonomy.trail': taxonomy.trail,
    'misstep.taxonomy.owasp': taxonomy.owasp,
    'misstep.taxonomy.modes': taxonomy.modes,
    'misstep.judge.verdict': judged?.verdict,
    'misstep.judge.reason': judged?.reason,
    'misstep.judge.provider': judged?.provider,
    'misstep.judge.model': judged?.model,
    'misstep.judge.confidence_before': judged === undefined ? undefined : new Double(judged.before),
    'misstep.judge.span_ids': judged?.spanIds,
  };
  for (const [key, value] of Object.entries(finding.data)) {
    attributes[`misstep.detection.data.${key}`] = typeof value === 'string' ? cut(value, SEARCHABLE_BYTES) : value;
  }
  for (const key of Object.keys(attributes)) if (attributes[key] === undefined) delete attributes[key];
  return attributes;
}

/** What became of the findings of one request. */
export interface Annotated {
  /** The request with its findings, as a chunk list. */
  readonly chunks: readonly Uint8Array[];
  readonly inPlace: number;
  /** Carrier spans at the end of the chunks. */
  readonly carriers: number;
}

/** Writes findings on the spans of `index` where their target is among them, the others as carriers. */
export function annotate(index: TraceIndex, emissions: readonly Emission[], nowMs: number, options: EmitOptions): Annotated {
  if (emissions.length === 0) return { chunks: [index.body], inPlace: 0, carriers: 0 };
  const wanted = new Map<string, Emission[]>();
  const late: Emission[] = [];
  for (const emission of emissions) {
    if (emission.label === 'withdrawn') {
      late.push(emission);
      continue;
    }
    const key = `${emission.finding.at.traceId}${emission.finding.at.spanId}`;
    const same = wanted.get(key);
    if (same) same.push(emission);
    else wanted.set(key, [emission]);
  }
  const edits: SpanEdit[] = [];
  const reader: SpanReader = spanReader();
  for (let row = 0; row < index.spanCount && wanted.size > 0; row++) {
    if (!index.isAgent(row)) continue;
    reader.at(index, row);
    const key = `${reader.traceId()}${reader.spanId()}`;
    const here = wanted.get(key);
    if (!here) continue;
    wanted.delete(key);
    edits.push({ row, append: spanAnnotation(here, nowMs, options) });
  }
  const inPlace = emissions.length - late.length - sizeOf(wanted);
  for (const rest of wanted.values()) late.push(...rest);
  const chunks = edits.length > 0 ? spliceSpans(index, edits) : [index.body];
  return { chunks: late.length > 0 ? [...chunks, carriers(late, nowMs, options)] : chunks, inPlace, carriers: late.length };
}

function sizeOf(groups: ReadonlyMap<string, readonly Emission[]>): number {
  let size = 0;
  for (const group of groups.values()) size += group.length;
  return size;
}

/** An ExportTraceServiceRequest with one carrier span a finding. */
export function carriers(emissions: readonly Emission[], nowMs: number, options: EmitOptions): Uint8Array {
  const groups = new Map<Uint8Array, NewSpan[]>();
  for (const emission of emissions) {
    const spans = groups.get(emission.resource);
    if (spans) spans.push(carrier(emission, nowMs, options));
    else groups.set(emission.resource, [carrier(emission, nowMs, options)]);
  }
  const scope = { name: SCOPE_NAME, version: options.version };
  const list: SpanGroup[] = [...groups].map(([resource, spans]) => ({ resource: cleanResource(resource), scope, spans }));
  return writeTraces(list);
}

function carrier(emission: Emission, nowMs: number, options: EmitOptions): NewSpan {
  const { finding } = emission;
  const attributes: Record<string, Value | Double> = { ...findingAttributes(emission, true, options) };
  if (options.openinference) Object.assign(attributes, openinferenceAttributes(finding, emission.label));
  const timeNs = nanoseconds(nowMs);
  const error = emission.label === 'fail' && options.markError.has(finding.detector);
  return {
    traceId: finding.at.traceId,
    spanId: carrierSpanId(
      finding.id,
      options.judging === true ? judgedRevision(finding, emission.label) : finding.revision,
      emission.label,
    ),
    parentId: finding.at.spanId,
    traceState: cleanTraceState(emission.traceState),
    flags: emission.flags,
    name: `evaluate ${finding.detector}`,
    kind: 1,
    startNs: timeNs,
    endNs: timeNs,
    attributes,
    events: [{ name: EVENT_NAME, timeNs, attributes: findingAttributes(emission, true, options) }],
    links: [
      { ...finding.at, attributes: { 'misstep.link.type': 'target' } },
      ...finding.evidence.map((span) => ({ ...span, attributes: { 'misstep.link.type': 'evidence' } })),
    ],
    ...(error ? { status: { code: 2, message: finding.explanation } } : {}),
  };
}

/** 16 hex digits that follow from (id, revision, label): the same finding sent again is the same span. */
export function carrierSpanId(id: string, revision: number, label: string): string {
  const hex = createHash('sha256').update(`${id} ${revision} ${label}`).digest('hex').slice(0, 16);
  return hex === '0000000000000000' ? '0000000000000001' : hex;
}

/** Bytes to append to the target: one event a finding, and flat attributes for backends that cannot search events. */
function spanAnnotation(emissions: readonly Emission[], nowMs: number, options: EmitOptions): Uint8Array {
  const strongest = emissions.reduce((a, b) => (severityScore(b.finding.severity) > severityScore(a.finding.severity) ? b : a));
  const names = [...new Set(emissions.map(({ finding }) => finding.detector))].sort();
  const parts: Uint8Array[] = [
    writeSpanAttribute('misstep.detections', names),
    writeSpanAttribute('misstep.detection.severity', strongest.finding.severity),
    writeSpanAttribute('misstep.detection.confidence.tier', confidenceTier(strongest.finding.confidence)),
  ];
  for (const emission of emissions) {
    const event: NewEvent = {
      name: EVENT_NAME,
      timeNs: nanoseconds(nowMs),
      attributes: findingAttributes(emission, false, options),
    };
    parts.push(writeSpanEvent(event));
  }
  const marked = emissions.find(({ finding }) => options.markError.has(finding.detector));
  if (marked) parts.push(writeSpanStatus(2, marked.finding.explanation));
  return join(parts);
}

/** What OpenInference's annotation convention reads, so that Phoenix and Arize type the carrier as an evaluator. */
function openinferenceAttributes(finding: Finding, label: string): Record<string, Value | Double> {
  return {
    'openinference.span.kind': 'EVALUATOR',
    'annotations.0.annotation.name': finding.detector,
    'annotations.0.annotation.score': new Double(finding.confidence),
    'annotations.0.annotation.label': label,
    'annotations.0.annotation.explanation': cut(finding.explanation, TEXT_BYTES),
    'annotations.0.annotation.annotator_kind': finding.judged === undefined ? 'CODE' : 'LLM',
    'annotations.0.annotation.identifier': finding.id,
  };
}

const logSeverity: Readonly<Record<Severity, readonly [number, string]>> = {
  low: [9, 'INFO'],
  medium: [13, 'WARN'],
  high: [17, 'ERROR'],
  critical: [17, 'ERROR'],
};

/** One log record for a finding's attributes as they stand on an event or a carrier. */
export function findingLog(attributes: ReadonlyMap<string, Value>, timeNs: bigint, observedNs: bigint): NewLogRecord {
  const text = (key: string): string => {
    const value = attributes.get(key);
    return typeof value === 'string' ? value : '';
  };
  const [severityNumber, severityText] = logSeverity[text('misstep.detection.severity') as Severity] ?? logSeverity.low;
  return {
    timeNs,
    observedNs,
    severityNumber,
    severityText,
    eventName: EVENT_NAME,
    body: text('gen_ai.evaluation.explanation'),
    attributes: Object.fromEntries(attributes),
    traceId: text('misstep.detection.target.trace_id'),
    spanId: text('misstep.detection.target.span_id'),
  };
}

/** The `detection` record of `replay --output jsonl` (fields are fixed; unknown values are null). */
export function detectionRecord(finding: Finding, source: string): Readonly<Record<string, unknown>> {
  const { taxonomy, judged } = finding;
  return {
    kind: 'detection',
    source,
    id: finding.id,
    detector: finding.detector,
    confidence: Math.round(finding.confidence * 10_000) / 10_000,
    confidence_tier: confidenceTier(finding.confidence),
    score: Math.round(finding.score * 1_000_000) / 1_000_000,
    severity: finding.severity,
    trace_id: finding.at.traceId,
    span_id: finding.at.spanId,
    session_id: finding.sessionId === undefined ? null : redact(finding.sessionId),
    agent: finding.agent === undefined ? null : redact(finding.agent),
    evidence: { span_ids: finding.evidence.map(({ spanId }) => spanId) },
    explanation: finding.explanation,
    taxonomy: {
      mast: taxonomy.mast ?? [],
      trail: taxonomy.trail ?? [],
      owasp: taxonomy.owasp ?? [],
      modes: taxonomy.modes ?? [],
    },
    schema: 1,
    message: finding.message,
    category: finding.category,
    version: finding.version,
    tier: finding.tier,
    revision: finding.revision,
    data: finding.data,
    ...(judged === undefined ? {} : { judge: judgedRecord(judged) }),
  };
}

function judgedRecord({ verdict, reason, provider, model, before, spanIds }: NonNullable<Finding['judged']>) {
  return { verdict, reason, provider, model, confidence_before: Math.round(before * 10_000) / 10_000, span_ids: spanIds };
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}

function searchable(text: string | undefined): string | undefined {
  return text === undefined ? undefined : cut(redact(text), SEARCHABLE_BYTES);
}

/** Cuts at a code point so that the UTF-8 form stays within `bytes`. */
function cut(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text;
  let used = 0;
  let end = 0;
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    used += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (used > bytes) return text.slice(0, end);
    end += char.length;
  }
  return text;
}
