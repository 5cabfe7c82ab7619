// What is encoded comes back as JSON would bring it back.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from './compact.ts';

const back = (value: unknown, of = 'a'): unknown => decode(Buffer.from(encode(value, of)));

test.each([
  [
    'scalars',
    [null, true, false, 0, -0, 1, 238, 239, 240, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 0.5, 1_790_000_000_000.5, 1e300],
  ],
  ['texts', ['', 'a', 'Zürich', '日本', '\ud800 alone', 'deadbeef', 'DEADBEEF', 'abcdefab1', 'x'.repeat(300), 'deadbeef']],
  ['hashes in order', [3, 3, 9, 2_000_000_000, 4_294_967_295]],
  ['hashes in order, from far', [4_294_967_290, 4_294_967_291, 4_294_967_294, 4_294_967_295]],
  ['hashes', [4_294_967_295, 3, 2_147_483_648, 2_147_483_647, 77]],
  ['signed hashes', [-2_147_483_648, 3_000_000, 2_147_483_647, -77_777_777]],
  ['signed beside unsigned', [-5_000_000, 4_294_967_295, 3_000_000, 9_000_000]],
  ['beyond 32 bits', [2_766_858_330_000_387, 1, 5, 4_294_967_296]],
  ['objects', [{ a: 1, b: { c: [] } }, { b: 1, a: 2 }, {}, { 7: 1, x: 2, 1: 3 }]],
  ['undefined', { a: undefined, b: [undefined, 1], c: 1 }],
])('%s', (_, value) => {
  for (const of of ['a', 'b', 'c']) expect(JSON.stringify(back(value, of))).toBe(JSON.stringify(value));
});

test('a field that is called like the prototype is a field', () => {
  const text = '{"__proto__":{"x":1},"constructor":2}';
  expect(JSON.stringify(back(JSON.parse(text)))).toBe(text);
});

test('any plain data, told by many owners', () => {
  const words = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }), { maxLength: 40 });
  const sorted = fc.array(fc.nat({ max: 2 ** 32 - 1 }), { maxLength: 40 }).map((all) => all.sort((a, b) => a - b));
  const any = fc.oneof(fc.jsonValue(), words, sorted, fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), sorted));
  fc.assert(
    fc.property(any, fc.nat({ max: 3 }), (value, of) => {
      expect(JSON.stringify(back(value, String(of)))).toBe(JSON.stringify(value));
    }),
    { numRuns: 2_000, seed: 5 },
  );
});

test('more kinds of objects and more texts than the tables hold', () => {
  for (let i = 0; i < 10_000; i++) {
    const value = { [`key ${i}`]: `text ${i}`, more: { [`other ${i}`]: [`text ${i}`] } };
    encode(value, 'a');
    if (i % 100 === 0) expect(back(value, 'b')).toEqual(value);
  }
});

test('a value larger than the room', () => {
  const value = Array.from({ length: 200_000 }, (_, i) => ({ text: `number ${i}`, i }));
  expect(back(value)).toEqual(value);
});
