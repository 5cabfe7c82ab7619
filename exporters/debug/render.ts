/** Text for people: a line a finding, a line a batch, and at higher verbosity the spans. */
import { type Batch, bodyOf } from '../../src/batch/batch.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { compileKeys } from '../../src/otlp/keys.ts';
import { type SpanReader, spanReader, type Value } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';

export type Verbosity = 'basic' | 'normal' | 'detailed';

/** The event under which findings stand on spans and in logs. */
const EVENT = 'gen_ai.evaluation.result';
/** What cannot hold it is not searched. */
const needle = Buffer.from(EVENT);
const keys = compileKeys([], [], []);
const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
/** SGR codes by severity. */
const colours: Readonly<Record<string, string>> = { critical: '1;31', high: '31', medium: '33', low: '36' };
/** Characters of one value that are shown. */
const MAX_VALUE = 2_000;

type Attributes = ReadonlyMap<string, Value>;

/** One or more lines, each ended. Never throws: what cannot be read is said. */
export function render(batch: Batch, verbosity: Verbosity, colour: boolean): string {
  const lines: string[] = [];
  const body = bodyOf(batch);
  const found = Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(needle);
  try {
    if (batch.signal === 'traces') {
      if (found || verbosity !== 'basic') spans(body, verbosity, colour, lines);
    } else if (batch.signal === 'logs') {
      if (found || verbosity !== 'basic') logs(body, verbosity, colour, lines);
    } else if (verbosity !== 'basic') {
      lines.push(plain(JSON.stringify(protobufToDocument('metrics', body), undefined, verbosity === 'detailed' ? 2 : 0), true));
    }
  } catch (error) {
    lines.push(`  cannot be shown: ${plain(String(error))}`);
  }
  const nouns = { traces: 'spans', metrics: 'data points', logs: 'log records' };
  return [`${batch.signal}: ${batch.items} ${nouns[batch.signal]}, ${batch.bytes} bytes`, ...lines, ''].join('\n');
}

function spans(body: Uint8Array, verbosity: Verbosity, colour: boolean, lines: string[]): void {
  const index = walkTraces(body, keys);
  const reader = spanReader();
  for (let row = 0; row < index.spanCount; row++) {
    reader.at(index, row);
    if (verbosity !== 'basic') spanLines(reader, verbosity, lines);
    if (!reader.hasEvents()) continue;
    for (const event of reader.events()) {
      if (event.name === EVENT) lines.push(findingLine(event.attributes, reader.traceId(), reader.spanId(), colour));
      else if (verbosity === 'detailed') {
        lines.push(`      event ${plain(event.name)}`);
        attributeLines(event.attributes, '        ', lines);
      }
    }
  }
}

function spanLines(span: SpanReader, verbosity: Verbosity, lines: string[]): void {
  const ms = (Number(span.endNs() - span.startNs()) / 1e6).toFixed(1);
  const status = ['', ' ok', ` error ${plain(span.statusMessage())}`][span.statusCode()] ?? '';
  const ids = `trace ${span.traceId()} span ${span.spanId()}${span.parentId() === '' ? '' : ` parent ${span.parentId()}`}`;
  lines.push(`  ${plain(span.name())}  ${kinds[span.kind()] ?? span.kind()}  ${ms} ms${status}  ${ids}`);
  if (verbosity !== 'detailed') return;
  attributeLines(span.attributes(), '      ', lines);
  if (span.resource().size > 0) {
    lines.push('      resource');
    attributeLines(span.resource(), '        ', lines);
  }
  const scope = `${span.scopeName()} ${span.scopeVersion()}`.trim();
  if (scope !== '') lines.push(`      scope ${plain(scope)}`);
}

function attributeLines(attributes: Attributes, indent: string, lines: string[]): void {
  for (const [key, value] of attributes) lines.push(`${indent}${plain(key)}: ${valueText(value)}`);
}

function logs(body: Uint8Array, verbosity: Verbosity, colour: boolean, lines: string[]): void {
  const request = protobufToDocument('logs', body);
  for (const resource of list(request['resourceLogs'])) {
    for (const scope of list(resource['scopeLogs'])) {
      for (const record of list(scope['logRecords'])) {
        if (record['eventName'] === EVENT) {
          const attributes = new Map(list(record['attributes']).map(({ key, value }) => [String(key), scalar(value)]));
          lines.push(findingLine(attributes, String(record['traceId'] ?? ''), String(record['spanId'] ?? ''), colour));
        } else if (verbosity === 'normal') {
          const text = scalar(record['body']) ?? JSON.stringify(record['body']);
          lines.push(`  ${plain(String(record['severityText'] ?? ''))} ${plain(String(text ?? ''))}`);
        }
        if (verbosity === 'detailed') lines.push(plain(JSON.stringify(record, undefined, 2), true));
      }
    }
  }
}

/** `  HIGH      loop  agent researcher  Tool 'search' ran 4 times …  trace … span …`. */
function findingLine(attributes: Attributes, traceId: string, spanId: string, colour: boolean): string {
  const text = (key: string) => {
    const value = attributes.get(key);
    return typeof value === 'string' ? plain(value) : '';
  };
  const severity = text('misstep.detection.severity');
  const label = text('gen_ai.evaluation.score.label');
  const paint = colour ? colours[severity] : undefined;
  const word = (severity === '' ? label : severity).toUpperCase().padEnd(8);
  const agent = text('gen_ai.agent.name');
  const trace = text('misstep.detection.target.trace_id') || traceId;
  const span = text('misstep.detection.target.span_id') || spanId;
  const parts = [
    paint === undefined ? word : `\x1b[${paint}m${word}\x1b[0m`,
    `${text('gen_ai.evaluation.name')}${label === 'withdrawn' ? ' (withdrawn)' : ''}`,
    agent === '' ? '' : `agent ${agent}`,
    text('gen_ai.evaluation.explanation'),
    `trace ${trace} span ${span}`,
  ];
  return `  ${parts.filter((part) => part !== '').join('  ')}`;
}

function valueText(value: Value): string {
  const json = JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return String(member);
    if (member instanceof Map) return Object.fromEntries(member);
    if (member instanceof Uint8Array) return Buffer.from(member).toString('base64');
    return member;
  });
  const text = typeof value === 'string' ? value : (json ?? '');
  // Cleaned before it is cut: half a secret is not known as one.
  const clean = plain(text);
  return clean.length > MAX_VALUE ? `${clean.slice(0, MAX_VALUE)}… (${text.length} characters)` : clean;
}

/** Payload is not to drive the reader's terminal, nor to show secrets in whatever keeps its output. */
function plain(text: string, lines = false): string {
  return printable(redact(text), lines);
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value : [];
}

/** The value of an AnyValue as OTLP/JSON, if it is a text, number or boolean. */
function scalar(value: unknown): string | number | boolean | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const [first] = Object.values(value);
  return typeof first === 'string' || typeof first === 'number' || typeof first === 'boolean' ? first : undefined;
}
