/**
 * The smallest honest host: folds steps through one detector and returns what it says at the end.
 * Harsher than the real one: between every two steps the state goes through JSON and must come back
 * equal, steps are frozen to the bottom, and the state's size is held against its limit.
 */
import type { Step } from '../../step/step.ts';
import {
  type AnyDetector,
  type EndReason,
  type Family,
  type MessageSpec,
  type ReportOf,
  type Severity,
  STATE_LIMIT_BYTES,
} from '../detector.ts';

export interface Said {
  readonly message: string;
  readonly key: string;
  readonly at: { readonly traceId: string; readonly spanId: string };
  readonly evidence: readonly string[];
  readonly score: number;
  readonly severity: Severity;
  readonly data: Readonly<Record<string, string | number>>;
  readonly text: string;
  readonly family: Family;
}

export type OptionsGiven = Readonly<Record<string, unknown>>;

/** Findings at the end, in order of (message, key). Throws on any broken rule of the contract. */
export function fold(
  detector: AnyDetector,
  steps: readonly Step[],
  given: OptionsGiven = {},
  reason: EndReason = 'end_of_input',
): Said[] {
  const { meta } = detector;
  const options = Object.freeze({ ...defaultsOf(detector), ...given });
  const windows = new Map<string, { state: unknown; last: number; said: Map<string, Said> }>();
  const seen = new Set<string>();
  const ordered = [...steps].sort((a, b) => a.endMs - b.endMs || (a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0));
  for (const step of ordered) {
    if (seen.has(`${step.traceId}${step.spanId}`)) continue;
    seen.add(`${step.traceId}${step.spanId}`);
    const key = windowKey(meta.scope, step);
    let window = windows.get(key);
    if (!window) {
      window = { state: detector.init(options as never), last: step.endMs, said: new Map() };
      windows.set(key, window);
    }
    window.last = step.endMs;
    window.state = plain(
      detector,
      detector.onStep(window.state, deepFreeze(step), context(detector, options, step.endMs, window.said)),
    );
  }
  for (const window of windows.values())
    detector.onEnd?.(window.state, reason, context(detector, options, window.last, window.said));
  return [...windows.values()]
    .flatMap((window) => [...window.said.values()])
    .sort((a, b) => (`${a.message}\u0000${a.key}` < `${b.message}\u0000${b.key}` ? -1 : 1));
}

function defaultsOf(detector: AnyDetector): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(detector.meta.options as Readonly<Record<string, { readonly default: unknown }>>).map(([name, spec]) => [
      name,
      spec.default,
    ]),
  );
}

function windowKey(scope: string, step: Step): string {
  if (scope === 'trace') return step.traceId;
  const run = step.sessionId ?? step.traceId;
  return scope === 'session' ? run : `${run}|${step.agent ?? ''}`;
}

function context(detector: AnyDetector, options: OptionsGiven, nowMs: number, said: Map<string, Said>): never {
  const { meta } = detector;
  return {
    options,
    nowMs,
    wants: () => true,
    report(message: string, finding: ReportOf<string>) {
      const spec = (meta.messages as Readonly<Record<string, MessageSpec>>)[message];
      if (!spec) throw new Error(`${meta.id}: reported the unknown message '${message}'.`);
      if (!(finding.score >= 0 && finding.score <= 1))
        throw new Error(`${meta.id}.${message}: score ${finding.score} is not from 0 to 1.`);
      if (finding.key === '') throw new Error(`${meta.id}.${message}: the key is empty.`);
      said.set(`${message}\u0000${finding.key}`, {
        message,
        key: finding.key,
        at: { traceId: finding.at.traceId, spanId: finding.at.spanId },
        evidence: (finding.evidence ?? []).map((ref) => ref.spanId),
        score: finding.score,
        severity: finding.severity ?? spec.severity,
        data: { ...finding.data },
        text: fill(meta.id, message, spec.text, finding.data),
        family: meta.family,
      });
    },
    withdraw(message: string, key: string) {
      said.delete(`${message}\u0000${key}`);
    },
  } as never;
}

function fill(id: string, message: string, text: string, data: Readonly<Record<string, string | number>>): string {
  return text.replaceAll(/\{\{([^}]*)\}\}/g, (_, slot: string) => {
    const value = data[slot];
    if (value === undefined || value === '' || (typeof value === 'number' && !Number.isFinite(value)))
      throw new Error(`${id}.${message}: the slot {{${slot}}} is filled with ${String(value)}.`);
    return String(value);
  });
}

/** The state after a trip through JSON. Throws if it is not plain JSON or too large. */
function plain(detector: AnyDetector, state: unknown): unknown {
  if (state === undefined) return undefined;
  const { id } = detector.meta;
  requirePlain(id, state, 'state');
  const text = JSON.stringify(state);
  if (Buffer.byteLength(text) > STATE_LIMIT_BYTES)
    throw new Error(`${id}: the state is ${Buffer.byteLength(text)} bytes; the limit is ${STATE_LIMIT_BYTES}.`);
  return JSON.parse(text);
}

function requirePlain(id: string, value: unknown, path: string): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value === 'object' && (Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value)))) {
    for (const [key, item] of Object.entries(value)) requirePlain(id, item, `${path}.${key}`);
    return;
  }
  throw new Error(`${id}: ${path} is ${String(value)}, which is not plain JSON.`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}
