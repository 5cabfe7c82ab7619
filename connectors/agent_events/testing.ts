/** Log records for tests, as senders write them: OTLP/JSON with attributes as they come on the wire. */
import { type Batch, batchOf } from '../../src/batch/batch.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { type NewSpan, writeTraces } from '../../src/otlp/write.ts';

export const startMs = 1_790_000_000_000;
export const traceId = '0af7651916cd43dd8448eb211c80319c';
export const spanId = 'b7ad6b7169203331';

type Plain = string | number | boolean | readonly Plain[] | { readonly [key: string]: Plain };

export interface TestRecord {
  readonly atMs?: number;
  /** `event_name` of the record; absent = none. */
  readonly eventName?: string;
  readonly body?: Plain;
  readonly attributes?: Readonly<Record<string, Plain>>;
  readonly traceId?: string;
  readonly spanId?: string;
}

function anyValue(value: Plain): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value as Readonly<Record<string, Plain>>) } };
}

function keyValues(values: Readonly<Record<string, Plain>>): unknown[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function logsDocument(scope: string, records: readonly TestRecord[], service = 'test'): Readonly<Record<string, unknown>> {
  const logRecords = records.map(({ atMs, eventName, body, attributes, ...ids }, i) => ({
    timeUnixNano: String(BigInt(atMs ?? startMs + i * 1_000) * 1_000_000n),
    ...(eventName === undefined ? {} : { eventName }),
    ...(body === undefined ? {} : { body: anyValue(body) }),
    attributes: keyValues(attributes ?? {}),
    ...ids,
  }));
  const resource = { attributes: keyValues({ 'service.name': service }) };
  return { resourceLogs: [{ resource, scopeLogs: [{ scope: { name: scope, version: '1' }, logRecords }] }] };
}

export function logsBody(scope: string, records: readonly TestRecord[], service?: string): Uint8Array {
  return documentToProtobuf('logs', logsDocument(scope, records, service)).body;
}

export function logsBatch(scope: string, records: readonly TestRecord[], service?: string): Batch {
  return batchOf('logs', logsBody(scope, records, service));
}

/** A model call that bears no content of its own. */
export function modelCall(changes: Partial<NewSpan> = {}, service = 'test'): Batch {
  const span: NewSpan = {
    traceId,
    spanId,
    parentId: '',
    name: 'chat m',
    kind: 3,
    startNs: BigInt(startMs) * 1_000_000n,
    endNs: BigInt(startMs + 900) * 1_000_000n,
    attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' },
    events: [],
    links: [],
    ...changes,
  };
  const body = writeTraces([{ resource: { 'service.name': service }, scope: { name: 'test', version: '1' }, spans: [span] }]);
  return batchOf('traces', body);
}

/** Claude Code writes numbers as text and leaves its prefix out of `event.name`. */
export function claudeCode(kind: string, attributes: Readonly<Record<string, Plain>> = {}, sequence = 1): TestRecord {
  return {
    body: `claude_code.${kind}`,
    atMs: startMs + sequence * 1_000,
    attributes: {
      'event.name': kind,
      'event.timestamp': new Date(startMs + sequence * 1_000).toISOString(),
      'event.sequence': sequence,
      'session.id': 'session-1',
      'prompt.id': 'prompt-1',
      'user.email': 'someone@example.com',
      'user.account_uuid': 'account-1',
      ...attributes,
    },
  };
}
export const claudeScope = 'com.anthropic.claude_code.events';

export function geminiCli(kind: string, attributes: Readonly<Record<string, Plain>> = {}, sequence = 1): TestRecord {
  const at = new Date(startMs + sequence * 1_000).toISOString();
  const name = kind.includes('.') ? kind : `gemini_cli.${kind}`;
  const common = { 'session.id': 'session-2', 'installation.id': 'i', 'user.email': 'someone@example.com' };
  return {
    atMs: startMs + sequence * 1_000,
    attributes: { ...common, 'event.name': name, 'event.timestamp': at, ...attributes },
  };
}
export const geminiScope = 'gemini-cli';

export function codexCli(kind: string, attributes: Readonly<Record<string, Plain>> = {}, sequence = 1): TestRecord {
  const at = new Date(startMs + sequence * 1_000).toISOString();
  const common = { 'conversation.id': 'session-3', model: 'gpt-5', 'user.email': 'someone@example.com', 'user.account_id': 'a' };
  const named = { 'event.name': `codex.${kind}`, 'event.timestamp': at };
  return { atMs: startMs + sequence * 1_000, attributes: { ...common, ...named, ...attributes } };
}
export const codexScope = 'codex_otel.log_only';
