import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRegistry } from './meter.ts';

/** The grammar of the text format: a line is a comment or a sample. */
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;

function parse(page: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of page.split('\n').slice(0, -1)) {
    const type = /^# TYPE (\S+) (counter|gauge)$/.exec(line);
    if (type !== null) {
      expect(types.has(type[1] ?? '')).toBe(false);
      types.set(type[1] ?? '', type[2] ?? '');
      continue;
    }
    if (line.startsWith('# HELP ')) continue;
    const match = SAMPLE.exec(line);
    expect(match, line).not.toBeNull();
    expect(types.has(match?.[1] ?? '')).toBe(true);
    const key = `${match?.[1]}{${match?.[2] ?? ''}}`;
    expect(samples.has(key), key).toBe(false);
    samples.set(key, Number(match?.[3]));
  }
  return samples;
}

test('any label value makes a page that parses, one line a series', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.integer()), { maxLength: 20 }), (series) => {
      const registry = createRegistry();
      for (const [value, n] of series) registry.counter('c', { value }, 'Line one\nline two \\.').add(n);
      expect(parse(registry.page({ service_name: 'a"b' })).size).toBe(new Set(series.map(([value]) => value)).size);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('a counter outlives its scope; gauges and observers go with it and are summed while both live', () => {
  const registry = createRegistry();
  const labels = { exporter: 'x' };
  const [old, fresh] = [registry.scope(), registry.scope()];
  old.counter('sent', labels).add(2);
  fresh.counter('sent', labels).add(3);
  old.gauge('size', labels).set(5);
  fresh.gauge('size', labels).set(7);
  fresh.observe('live', labels, () => 1);
  expect(parse(registry.page({}))).toEqual(
    new Map([
      ['sent{exporter="x"}', 5],
      ['size{exporter="x"}', 12],
      ['live{exporter="x"}', 1],
    ]),
  );
  old.close();
  expect(registry.read('size')).toEqual([{ labels, value: 7 }]);
  fresh.close();
  expect(parse(registry.page({}))).toEqual(new Map([['sent{exporter="x"}', 5]]));
});

test('one name has one type', () => {
  const registry = createRegistry();
  registry.counter('a', {});
  expect(() => registry.gauge('a', {})).toThrow('a is a counter and was asked for as a gauge');
});

test('values that are no numbers are written as Prometheus reads them', () => {
  const registry = createRegistry();
  registry.gauge('a', { k: '1' }).set(Number.NaN);
  registry.gauge('a', { k: '2' }).set(Number.POSITIVE_INFINITY);
  expect(registry.page({})).toContain('a{k="1"} NaN\na{k="2"} +Inf\n');
});

test('claim 16: 100,000 values of a label are 1,000 series and one of the rest, counted; nothing is lost of the sum', () => {
  const registry = createRegistry();
  const scope = registry.scope();
  for (let i = 0; i < 100_000; i++) {
    registry.counter('found', { agent: `agent ${i}` }).add(1);
    if (i % 50 === 0) scope.observe('open', { session: `session ${i}` }, () => 1);
  }
  const sum = (name: string) => registry.read(name).reduce((total, { value }) => total + value, 0);
  expect([registry.read('found').length, sum('found')]).toEqual([1_001, 100_000]);
  expect([registry.read('open').length, sum('open')]).toEqual([1_001, 2_000]);
  expect(registry.read('found')).toContainEqual({ labels: { agent: 'other' }, value: 99_000 });
  expect(sum('misstep_metric_series_capped')).toBe(99_000 + 1_000);
  expect(registry.page({}).length).toBeLessThan(100_000);
  scope.close();
  expect(registry.read('open')).toEqual([]);
});
