import { expect, test } from 'vitest';
import { documentToProtobuf } from '../otlp/json.ts';
import { countItems } from '../otlp/requests.ts';
import { batchOf, bodyOf, mergeBatches } from './batch.ts';

const body = (names: readonly string[]): Uint8Array =>
  documentToProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ spans: names.map((name) => ({ name })) }] }] }).body;

test('a batch of a body counts it', () => {
  const bytes = body(['a', 'b']);
  expect(batchOf('traces', bytes, 'acme')).toEqual({
    signal: 'traces',
    chunks: [bytes],
    bytes: bytes.length,
    items: 2,
    tenant: 'acme',
  });
  expect(batchOf('traces', bytes).tenant).toBe('default');
  expect(() => batchOf('traces', Uint8Array.of(10))).toThrow('cut off');
});

test('the body of one chunk is the chunk, of several their concatenation', () => {
  const one = batchOf('traces', body(['a']));
  expect(bodyOf(one)).toBe(one.chunks[0]);
  const both = mergeBatches([one, batchOf('traces', body(['b', 'c']))]);
  expect(bodyOf(both).length).toBe(both.bytes);
  expect(countItems('traces', bodyOf(both))).toBe(3);
  expect(both.items).toBe(3);
});

test('merging copies no bytes, keeps what the first says, and drops an index that no longer fits', () => {
  const metadata = new Map([['x-tenant', ['a']]]);
  const first = { ...batchOf('traces', body(['a'])), metadata };
  const merged = mergeBatches([first, batchOf('traces', body(['b']))]);
  expect(merged.chunks[0]).toBe(first.chunks[0]);
  expect(merged.metadata).toBe(metadata);
  expect('index' in merged).toBe(false);
  expect(mergeBatches([first])).toBe(first);
});

test('nothing, two signals or two tenants are not merged', () => {
  const batch = batchOf('traces', body(['a']));
  expect(() => mergeBatches([])).toThrow('no batches');
  expect(() => mergeBatches([batch, { ...batch, signal: 'logs' }])).toThrow('logs with traces');
  expect(() => mergeBatches([batch, { ...batch, tenant: 'other' }])).toThrow('two tenants');
});
