/**
 * How a step ended. What is stated counts, in this order: the span's status, the vendor's own flags,
 * the tool's own answer. Words are searched only in short, error-bearing texts.
 */
import type { SpanReader } from '../otlp/span.ts';
import type { Outcome, StepError, StepKind } from '../step/step.ts';
import { eventException } from './events.ts';
import { firstMember, isObject, type Json, member, parse, plain, text } from './json.ts';
import { find } from './pass.ts';

/** Characters of an error text that are searched for a cause. */
const searched = 512;

/** Longer results are payloads; their failure flag would stand in a wrapper that is short. */
const maxResult = 65_536;

const causes: readonly (readonly [string, Outcome])[] = [
  ['timeout', 'timeout'],
  ['timed out', 'timeout'],
  ['deadline exceeded', 'timeout'],
  ['deadline_exceeded', 'timeout'],
  ['cancelled', 'cancelled'],
  ['canceled', 'cancelled'],
  ['guardrail', 'blocked'],
  ['content_filter', 'blocked'],
  ['content filter', 'blocked'],
  ['content_policy', 'blocked'],
  ['blocked by', 'blocked'],
];

/** Words in which a framework states an ending outright. */
const endings: ReadonlyMap<string, Outcome> = new Map([
  ['ok', 'ok'],
  ['success', 'ok'],
  ['completed', 'ok'],
  ['error', 'error'],
  ['failed', 'error'],
  ['handled_error', 'handled_error'],
  ['blocked', 'blocked'],
  ['cancelled', 'cancelled'],
  ['canceled', 'cancelled'],
  ['aborted', 'cancelled'],
  ['timeout', 'timeout'],
  ['timed_out', 'timeout'],
  ['incomplete', 'unknown'],
  ['unknown', 'unknown'],
]);

/** The cause that an error's type or message names; `error` if none. */
function causeOf(type: string | undefined, message: string | undefined): Outcome {
  for (const source of [type, message]) {
    if (source === undefined) continue;
    const lower = source.slice(0, searched).toLowerCase();
    for (const [word, outcome] of causes) if (lower.includes(word)) return outcome;
  }
  return 'error';
}

/** An end by an error, with what is known of it. */
function failed(type: string | undefined, message: string | undefined, outcome = causeOf(type, message)): Ending {
  return { outcome, error: type === undefined && message === undefined ? undefined : { type, message } };
}

export interface Ending {
  readonly outcome: Outcome;
  readonly error: StepError | undefined;
}

/** `result` is asked for only where a tool's own answer decides. */
export function readEnding(
  reader: SpanReader,
  kind: StepKind,
  guards: number,
  finishReasons: readonly string[],
  result: () => string | undefined,
): Ending {
  const type = find(reader, 'errorType', guards, (value) => text(plain(value)));
  const message = find(reader, 'errorText', guards, (value) => errorText(plain(value)));
  const stated = find(reader, 'ending', guards, (value) => endings.get(text(plain(value)) ?? ''));
  if (stated !== undefined) {
    const said = stated === 'ok' ? undefined : (message ?? text(reader.statusMessage()));
    if (stated === 'error') return failed(type, said);
    return { outcome: stated, error: stated === 'ok' || (type ?? said) === undefined ? undefined : { type, message: said } };
  }
  if (reader.statusCode() === 2) {
    const exception = type === undefined || message === undefined ? eventException(reader) : undefined;
    return failed(type ?? exception?.type, text(reader.statusMessage()) ?? message ?? exception?.message);
  }
  if (failedByFlag(reader, guards)) return failed(type, message);
  const status = find(reader, 'executionStatus', guards, (value) => text(plain(value)));
  if (status === 'canceled') return failed(type, message, 'cancelled');
  if (status === 'waiting' || status === 'running' || status === 'new') return { outcome: 'unknown', error: undefined };
  const success = find(reader, 'success', guards, (value) => text(plain(value)));
  if (success === 'false') {
    const outcome = causeOf(type, message);
    return failed(type, message, kind === 'tool' && outcome === 'error' ? 'handled_error' : outcome);
  }
  if (find(reader, 'triggered', guards, (value) => text(plain(value))) === 'true')
    return { outcome: 'blocked', error: undefined };
  if (finishReasons.includes('content_filter')) return { outcome: 'blocked', error: undefined };
  if (kind !== 'tool') {
    if (type !== undefined && type !== '') return failed(type, message);
    return { outcome: reader.statusCode() === 1 || reader.endMs() > 0 ? 'ok' : 'unknown', error: undefined };
  }
  return toolEnding(reader, guards, type, message, result);
}

/** Vendor flags that mean the span failed although its status does not say so. */
function failedByFlag(reader: SpanReader, guards: number): boolean {
  const level = find(reader, 'level', guards, (value) => (typeof value === 'number' ? value : undefined));
  // OpenTelemetry severity: 17 = ERROR.
  if (level !== undefined && level >= 17) return true;
  if (find(reader, 'observationLevel', guards, (value) => text(plain(value))) === 'ERROR') return true;
  const status = find(reader, 'executionStatus', guards, (value) => text(plain(value)));
  return status === 'error' || status === 'crashed';
}

function toolEnding(
  reader: SpanReader,
  guards: number,
  type: string | undefined,
  message: string | undefined,
  result: () => string | undefined,
): Ending {
  const status = find(reader, 'toolStatus', guards, (value) => text(plain(value)));
  // `tool_error` is MCP's word for a result that says it failed; any other type ended the call.
  if (type !== undefined && type !== 'tool_error') return failed(type, message);
  if (status === 'error' || type === 'tool_error') return failed(type, message, 'handled_error');
  const exception = eventException(reader);
  if (exception !== undefined) return failed(exception.type, exception.message, 'handled_error');
  const said = resultError(result());
  if (said !== undefined) return failed(undefined, text(said), 'handled_error');
  return { outcome: 'ok', error: undefined };
}

function errorText(value: Json): string | undefined {
  if (typeof value !== 'string') return undefined;
  const json = parse(value);
  return text(member(json, 'message')) ?? text(value);
}

/** What a result that says it failed says, '' if no more than that; `undefined` if it does not. */
function resultError(result: string | undefined): string | undefined {
  if (result === undefined || result.length > maxResult) return undefined;
  const first = result.trimStart().charCodeAt(0);
  if (first !== 0x7b && first !== 0x5b) return undefined;
  // Cheap before expensive: without one of these words nothing below can be true.
  if (!result.includes('rror')) return undefined;
  const json = parse(result);
  return flagOf(json) ?? flagOf(firstMember(json, ['output', 'outputs', 'result', 'response']));
}

function flagOf(json: Json): string | undefined {
  if (!isObject(json)) return undefined;
  const error = member(json, 'error');
  const said =
    text(error === true || error === false ? undefined : error) ??
    text(member(error, 'message')) ??
    text(member(json, 'message'));
  if (member(json, 'isError') === true || member(json, 'is_error') === true || error === true) return said ?? '';
  if (typeof error === 'string' && error !== '') return error;
  if (isObject(error) && Object.keys(error).length > 0) return said ?? '';
  const status = member(json, 'status');
  return status === 'error' || status === 'ERROR' ? (said ?? '') : undefined;
}
