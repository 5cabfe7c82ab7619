/**
 * What misstep writes of its own about a span says no secret of it: values, and the resource that a carrier or a log
 * record shares with its target. The bytes that are forwarded are nobody's business here.
 */
import { WireError } from '../otlp/error.ts';
import { compileKeys } from '../otlp/keys.ts';
import { spanReader, type Value } from '../otlp/span.ts';
import { walkTraces } from '../otlp/traces.ts';
import { type Attributes, type Double, writeTraces } from '../otlp/write.ts';
import { redact } from '../text/redact.ts';

/** Every text in a value, however deep; bytes that hold a secret are left out. */
function cleanValue(value: Value): Value {
  if (typeof value === 'string') return redact(value);
  if (value instanceof Uint8Array) return holdsSecret(value) ? '[bytes]' : value;
  if (value instanceof Map) return cleanMap(value);
  return Array.isArray(value) ? value.map(cleanValue) : value;
}

/** Names too: some write what belongs into a value there. */
export function cleanMap(attributes: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...attributes].map(([key, value]) => [redact(key), cleanValue(value)]));
}

/** The Resource message as it is if it holds no secret, else its attributes without them; none if they cannot be read. */
export function cleanResource(resource: Uint8Array): Uint8Array | Attributes {
  if (!holdsSecret(resource)) return resource;
  const around = writeTraces([{ resource, scope: { name: '', version: '' }, spans: [NO_SPAN] }]);
  try {
    const attributes = spanReader().at(walkTraces(around, NO_KEYS), 0).resource();
    return Object.fromEntries(cleanMap(attributes)) as Record<string, Value | Double>;
  } catch (error) {
    if (error instanceof WireError) return {};
    throw error;
  }
}

/** Entries of tracestate belong to their vendors: all of it goes if one holds a secret. */
export function cleanTraceState(traceState: string): string {
  return redact(traceState) === traceState ? traceState : '';
}

function holdsSecret(bytes: Uint8Array): boolean {
  // Replacement characters where bytes are no text part what stands beside them, as the lengths of fields do.
  const text = new TextDecoder().decode(bytes);
  return redact(text) !== text;
}

const NO_KEYS = compileKeys([], [], []);
const NO_SPAN = {
  traceId: '00000000000000000000000000000001',
  spanId: '0000000000000001',
  parentId: '',
  traceState: '',
  flags: 0,
  name: '',
  kind: 1,
  startNs: 0n,
  endNs: 0n,
  attributes: {},
  events: [],
  links: [],
};
