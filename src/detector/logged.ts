/** Findings as they come back out of log records, where the `detections` connector puts them. */
import { decodeKeyValues } from '../otlp/anyvalue.ts';
import { WireError } from '../otlp/error.ts';
import { readEvents } from '../otlp/logs.ts';
import type { Value } from '../otlp/span.ts';
import { defaultWireLimits } from '../otlp/traces.ts';
import { EVENT_NAME } from './emit.ts';

export interface LoggedFinding {
  /** 32 hex digits; the same for every revision. */
  readonly id: string;
  readonly revision: number;
  readonly detector: string;
  /** It was said before and no longer holds. */
  readonly withdrawn: boolean;
  /** 0 to 1: how sure it is that there is a failure. */
  readonly confidence: number;
  readonly explanation: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Unix ms. */
  readonly timeMs: number;
  /** All that the record says, the above too. */
  readonly attributes: ReadonlyMap<string, Value>;
  readonly resource: ReadonlyMap<string, Value>;
}

export interface LoggedFindings {
  /** In wire order; of each only what was said last. */
  readonly findings: readonly LoggedFinding[];
  /** Records that are no findings, or lack what a finding must have. */
  readonly others: number;
}

/** Throws `WireError` on malformed framing down to the record. Anybody may send log records: what is no finding of misstep's is counted. */
export function loggedFindings(body: Uint8Array): LoggedFindings {
  const { events, others, unreadable } = readEvents(body, (name) => name === EVENT_NAME);
  const resources = new Map<Uint8Array, ReadonlyMap<string, Value>>();
  const last = new Map<string, LoggedFinding>();
  let incomplete = 0;
  for (const { attributes, traceId, spanId, timeNs, resource } of events) {
    const known = resources.get(resource) ?? attributesOf(resource);
    resources.set(resource, known);
    const id = text(attributes, 'misstep.detection.id');
    const detector = text(attributes, 'gen_ai.evaluation.name');
    const confidence = attributes.get('gen_ai.evaluation.score.value');
    const label = attributes.get('gen_ai.evaluation.score.label');
    const revision = Number(attributes.get('misstep.detection.revision') ?? 0);
    const complete = /^[0-9a-f]{32}$/.test(id) && /^[a-z][a-z0-9_]{0,99}$/.test(detector) && traceId !== '' && spanId !== '';
    if (!complete || !isShare(confidence) || (label !== 'fail' && label !== 'withdrawn') || !Number.isSafeInteger(revision)) {
      incomplete++;
      continue;
    }
    // Later in the request is later said; the map keeps that order too.
    last.delete(id);
    const explanation = text(attributes, 'gen_ai.evaluation.explanation');
    const timeMs = Number(timeNs / 1_000_000n);
    const said = { id, revision, detector, withdrawn: label === 'withdrawn', confidence, explanation, traceId, spanId, timeMs };
    last.set(id, { ...said, attributes, resource: known });
  }
  return { findings: [...last.values()], others: others + unreadable + incomplete };
}

function attributesOf(resource: Uint8Array): ReadonlyMap<string, Value> {
  const buffer = Buffer.from(resource.buffer, resource.byteOffset, resource.byteLength);
  const found = new Map<string, Value>();
  try {
    decodeKeyValues(buffer, 0, buffer.length, 10, defaultWireLimits.depth, found);
  } catch (error) {
    // A resource that cannot be read names no service; the finding stands.
    if (!(error instanceof WireError)) throw error;
  }
  return found;
}

function text(attributes: ReadonlyMap<string, Value>, key: string): string {
  const value = attributes.get(key);
  return typeof value === 'string' ? value : '';
}

function isShare(value: Value): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

/** Why a record has no place in a score API. */
export const NO_FINDINGS = 'log records that are no findings of misstep. Let the connector detections feed this exporter alone.';

/** What a score API without fields for them gets as metadata. */
export function metadataOf({ id, revision, attributes }: LoggedFinding): Readonly<Record<string, string | number>> {
  const kept: Record<string, string | number> = { 'misstep.detection.id': id, 'misstep.detection.revision': revision };
  for (const key of KEPT) {
    const value = attributes.get(key);
    if (typeof value === 'string' || typeof value === 'number') kept[key] = value;
  }
  return kept;
}

const KEPT = [
  'misstep.detection.category',
  'misstep.detection.severity',
  'misstep.detection.confidence.tier',
  'misstep.detection.message',
  'misstep.detector.version',
  'gen_ai.agent.name',
];
