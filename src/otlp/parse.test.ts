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
  expect(() => boundJson(nested(256), 256)).not.toThrow();
  expect(() => boundJson(nested(257), 256)).toThrow('$: JSON is nested deeper than 256 levels');
  expect(() => boundJson('['.repeat(10_000), 256)).toThrow(WireError);
  expect(() => boundJson(JSON.stringify(['['.repeat(1000), '\\"[[[[', '"']), 1)).not.toThrow();
  expect(() => boundJson(`[${'[],'.repeat(4_000_000)}[]]`, 256)).toThrow('more than 4000000 objects and arrays');
});
