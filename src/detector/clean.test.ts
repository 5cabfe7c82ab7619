import { expect, test } from 'vitest';
import { writeTraces } from '../otlp/write.ts';
import { cleanMap, cleanResource, cleanTraceState } from './clean.ts';

const secret = `ghp_${'aB3dE5fG7h'.repeat(4)}`;

/** A Resource message of one attribute, out of a request written with it. */
function resource(value: string): Uint8Array {
  const text = Buffer.from(value);
  const any = Buffer.concat([Buffer.from([10, text.length]), text]);
  const pair = Buffer.concat([Buffer.from([10, 1, 0x6b, 18, any.length]), any]);
  return Buffer.concat([Buffer.from([10, pair.length]), pair]);
}

test('a resource stays the same bytes unless it holds a secret', () => {
  const plain = resource('checkout');
  expect(cleanResource(plain)).toBe(plain);
  expect(cleanResource(resource(`of ${secret}`))).toEqual({ k: 'of [key]' });
  const written = writeTraces([{ resource: cleanResource(resource(secret)), scope: { name: 's', version: '1' }, spans: [] }]);
  expect(Buffer.from(written).toString('latin1')).toContain('[key]');
});

test('a resource with a secret that cannot be read is left out, and nothing fails', () => {
  let deep = Buffer.from(resource(secret)).subarray(5 + 2);
  for (let i = 0; i < 100; i++) {
    const length = (n: number) => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
    const array = Buffer.concat([Buffer.from([10, ...length(deep.length)]), deep]);
    deep = Buffer.concat([Buffer.from([42, ...length(array.length)]), array]);
  }
  const length = (n: number) => [(n & 127) | 128, n >> 7];
  const pair = Buffer.concat([Buffer.from([10, 1, 0x6b, 18, ...length(deep.length)]), deep]);
  const body = Buffer.concat([Buffer.from([10, ...length(pair.length)]), pair, Buffer.from(resource(secret))]);
  expect(cleanResource(body)).toEqual({});
});

test('names, lists and maps within are cleaned too; tracestate goes as a whole', () => {
  const given = new Map<string, never>([[secret, [secret, new Map([['a', secret]]), 1n, Buffer.from(secret)] as never]]);
  expect([...cleanMap(given)]).toEqual([['[key]', ['[key]', new Map([['a', '[key]']]), 1n, '[bytes]']]]);
  expect([cleanTraceState('a=1,b=2'), cleanTraceState(`a=1,b=${secret}`)]).toEqual(['a=1,b=2', '']);
});
