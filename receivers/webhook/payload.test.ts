import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf, identifier, jsonSize, members, number, time, writeJson } from './payload.ts';

describe('times', () => {
  it.each<[unknown, number | undefined]>([
    ['2025-01-01T00:00:00Z', 1_735_689_600_000],
    ['2025-01-01T00:00:00', 1_735_689_600_000],
    ['2025-01-01T01:00:00+01:00', 1_735_689_600_000],
    ['2025-01-01T00:00:00.500000+00:00', 1_735_689_600_500],
    [1_735_689_600, 1_735_689_600_000],
    [1_735_689_600_000, 1_735_689_600_000],
    ['yesterday', undefined],
    ['2025-99-01T00:00:00Z', undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [1e18, undefined],
    [{}, undefined],
    [undefined, undefined],
  ])('%s', (given, want) => {
    expect(time(given)).toBe(want);
  });
});

describe('small values', () => {
  it('reads numbers, ids and errors of any shape', () => {
    expect([number('7'), number(7), number(''), number('x'), number(Number.POSITIVE_INFINITY), number(null)]).toEqual([
      7,
      7,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect([identifier(3), identifier('a'), identifier(''), identifier({})]).toEqual(['3', 'a', undefined, undefined]);
    expect(errorOf('x')).toEqual({ type: undefined, message: 'x' });
    expect(errorOf({ type: 'T', message: 'm' })).toEqual({ type: 'T', message: 'm' });
    expect(errorOf({ odd: 1 })).toEqual({ type: undefined, message: '{"odd":1}' });
    expect([errorOf(''), errorOf({}), errorOf(null), errorOf(3)]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('does not see __proto__', () => {
    expect(members(JSON.parse('{"__proto__":{"x":1},"a":2}'))).toEqual([['a', 2]]);
  });
});

describe('JSON text within a bound', () => {
  it('is the value itself where it fits', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const written = writeJson(value, 1 << 20);
        expect(written.cut).toBe(false);
        const plain = JSON.parse(JSON.stringify(value), (key, one: unknown) =>
          key === '__proto__' ? undefined : one,
        ) as unknown;
        expect(JSON.parse(written.text)).toEqual(plain);
      }),
      { seed: 7 },
    );
  });

  it('stays JSON, says what is missing and keeps the bound, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 0, max: 200 }), (value, max) => {
        const written = writeJson(value, max);
        expect(() => JSON.parse(written.text) as unknown).not.toThrow();
      }),
      { seed: 8 },
    );
    const long = writeJson({ a: 'x'.repeat(100_000), b: Array.from({ length: 100_000 }, (_, i) => i) }, 1000);
    expect(long.cut).toBe(true);
    expect(long.text.length).toBeLessThan(1200);
    expect(long.text).toContain('characters left out');
  });

  it('survives 100,000 levels and cycles', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep };
    expect(writeJson(deep, 65_536)).toMatchObject({ cut: true });
    expect(jsonSize(deep, 1 << 20)).toBeGreaterThan(100_000);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(writeJson(cycle, 65_536).cut).toBe(true);
    expect(jsonSize(cycle, 10_000)).toBe(10_000);
  });
});
