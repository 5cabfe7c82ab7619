import { expect, it } from 'vitest';
import { Sources } from './sources.ts';

const of = (scope: string, service?: string, ...dialects: string[]) => ({ scope, service, dialects });

it('names each pair of service and scope once, in order, as its first step had it', () => {
  const sources = new Sources();
  for (const one of [of('a', 'x', 'gen_ai'), of('b'), of('a', 'x', 'openinference'), of('a', 'y')]) sources.add(one);
  const before = sources.all;
  sources.add(of('b'));
  expect(sources.all).toBe(before);
  expect(before).toEqual([
    { service: 'x', scope: 'a', dialects: ['gen_ai'] },
    { service: null, scope: 'b', dialects: [] },
    { service: 'y', scope: 'a', dialects: [] },
  ]);
});

it('keeps 16, and no long name', () => {
  const sources = new Sources();
  for (let i = 0; i < 100; i++) sources.add(of(`${'s'.repeat(10_000)}${i}`, `service ${i}`));
  for (let i = 0; i < 2; i++) sources.add(of('late'));
  expect(sources.all.map(({ service }) => service)).toEqual(Array.from({ length: 16 }, (_, i) => `service ${i}`));
  expect(sources.all.every(({ scope }) => scope.length === 200)).toBe(true);
});
