import { describe, expect, test } from 'vitest';
import { WireError } from './error.ts';
import { boundJson, parseJson } from './parse.ts';

describe('what is not JSON is said without quoting it', () => {
  test.each([
    ['', 'it ends within a value'],
    ['{"a":', 'it ends within a value'],
    ['"hunter2', 'it ends within a value'],
    ['hunter2', 'an unexpected h'],
    ['{"a": hunter2}', 'an unexpected h'],
    ['{"a" hunter2}', 'something unexpected at character 5'],
    ['{"a":1} hunter2', 'something unexpected at character 8'],
    ['{"password":"hunter2\n"}', 'something unexpected at character 20'],
    ['undefined', 'it begins with something else'],
  ])('%j', (text, what) => {
    expect(() => parseJson(text)).toThrow(new WireError(`not JSON: ${what}`));
  });
});

test('depth is bounded to the level, brackets in strings do not count', () => {
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  expect(() => boundJson(nested(256), { depth: 256 })).not.toThrow();
  expect(() => boundJson(nested(257), { depth: 256 })).toThrow('$: JSON is nested deeper than 256 levels');
  expect(() => boundJson('['.repeat(10_000), { depth: 256 })).toThrow(WireError);
  expect(() => boundJson(JSON.stringify(['['.repeat(1000), '\\"[[[[', '"']), { depth: 1 })).not.toThrow();
  expect(() => boundJson(`[${'[],'.repeat(4_000_000)}[]]`, { depth: 256 })).toThrow('more than 4000000 objects and arrays');
});

test('values and members are bounded to the one, commas in strings do not count', () => {
  const values = (n: number) => `[${Array(n).fill('{"a":"1,2,3"}').join(',')}]`;
  const bounds = { depth: 4, values: 20, members: 3 };
  expect(() => boundJson(values(10), bounds)).not.toThrow();
  expect(() => boundJson(values(11), bounds)).toThrow('$: JSON has more than 20 values');
  const object = (n: number) => JSON.stringify(Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, [1, 2, 3, 4]])));
  expect(() => boundJson(object(3), bounds)).not.toThrow();
  expect(() => boundJson(object(4), bounds)).toThrow('$: an object has more than 3 members');
  // A list may be longer than an object, and what is no JSON is nobody's object.
  expect(() => boundJson('[1,2,3,4,5]', bounds)).not.toThrow();
  expect(() => boundJson('}}}],1,2,3,4,5', bounds)).not.toThrow();
});
