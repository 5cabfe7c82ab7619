import { expect, test } from 'vitest';
import { createGauge, watchPressure } from './pressure.ts';

/** Levels after each second of ten samples. */
function levels(seconds: readonly (readonly [late: number, filled: number])[]): number[] {
  const gauge = createGauge();
  return seconds.map(([late, filled]) => {
    for (let i = 0; i < 10; i++) gauge.sample(late, filled);
    return gauge.level;
  });
}

const times = <T>(n: number, one: T): T[] => Array.from({ length: n }, () => one);

test('rises one level a second while the work waits, and falls after two calm ones a level', () => {
  expect(levels([...times(4, [500, 0] as const), ...times(7, [0, 0] as const)])).toEqual([1, 2, 3, 3, 3, 2, 2, 1, 1, 0, 0]);
});

test.each([
  [49, 0, 0],
  [50, 0, 1],
  [100, 0, 2],
  [200, 0, 3],
  [0, 0.49, 0],
  [0, 0.5, 1],
  [0, 0.7, 2],
  [0, 0.9, 3],
  [60, 0.95, 3],
])('%d ms late and %d filled come to level %d', (late, filled, level) => {
  expect(levels(times(5, [late, filled] as const)).at(-1)).toBe(level);
});

test('between half a bound and the bound it stays where it is', () => {
  expect(levels([[60, 0], ...times(10, [40, 0] as const)]).at(-1)).toBe(1);
  expect(levels([[60, 0], ...times(10, [20, 0] as const)]).at(-1)).toBe(0);
});

test('one pause, of a collection of garbage say, is no pressure', () => {
  const gauge = createGauge();
  for (let i = 0; i < 100; i++) gauge.sample(i % 10 === 0 ? 400 : 0, 0);
  expect(gauge.level).toBe(0);
});

test('a real loop that is kept busy is seen to be late', async () => {
  const gauge = createGauge();
  const stop = watchPressure(
    gauge,
    () => performance.now(),
    () => 0,
  );
  const end = performance.now() + 20_000;
  while (gauge.level === 0 && performance.now() < end) {
    const busy = performance.now() + 250;
    while (performance.now() < busy);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  stop();
  expect(gauge.level).toBe(1);
});
