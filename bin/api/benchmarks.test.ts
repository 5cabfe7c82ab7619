// The benchmarks' routes give the figures of the last evaluation, and nothing that was not measured.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measuredBenchmarks } from '../../config/benchmarks.ts';
import { readinessOf } from '../../config/readiness.ts';
import { type Platform, startPlatform } from './testing.ts';

let platform: Platform;
const ask: Platform['ask'] = (...args) => platform.ask(...args);
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

interface Mode {
  readonly measured: boolean;
  readonly detection_rate: number | null;
  readonly reason: string | null;
  readonly tier: number | null;
  readonly category: string;
  readonly evidence: readonly { readonly detection_type: string; readonly set: string; readonly recall: number | null }[];
}

test('every rate is a recall of the evaluation; without one it is null, with a reason', async () => {
  const { body } = await ask('GET', '/benchmarks');
  expect(body.modes).toHaveLength(16);
  for (const { measured, detection_rate, reason, evidence } of body.modes as readonly Mode[]) {
    if (!measured) {
      expect([detection_rate, evidence]).toEqual([null, []]);
      expect(reason).toMatch(/\w/);
    } else expect(detection_rate).toBe(evidence[0]?.recall);
    for (const { detection_type, set, recall } of evidence) expect(readinessOf(detection_type).sets[set]?.recall).toBe(recall);
  }
  expect(body.methodology.command).toBe('npm run eval -- --write');
});

test('figures on whole runs stand with what they must not be read without', async () => {
  const { body } = await ask('GET', '/benchmarks/summary');
  const trail = body.benchmarks.find(({ benchmark }: { benchmark: string }) => benchmark === 'TRAIL');
  expect(trail.measured).toBe(measuredBenchmarks.trail !== null);
  if (!trail.measured) return;
  expect(trail.figures).toMatchObject({
    joint_accuracy: { value: measuredBenchmarks.trail?.joint_accuracy },
    pair_precision: { value: measuredBenchmarks.trail?.pair_precision },
    predictions_per_trace: { value: measuredBenchmarks.trail?.predictions_per_trace },
  });
});

test('filters', async () => {
  const get = async (query: string) => (await ask('GET', `/benchmarks/modes?${query}`)).body.modes as readonly Mode[];
  for (const tier of [1, 2, 3]) expect((await get(`tier=${tier}`)).every((mode) => mode.tier === tier)).toBe(true);
  expect((await get('category=rag')).map(({ category }) => category)).toEqual(['rag', 'rag']);
  expect((await ask('GET', '/benchmarks/modes?tier=4')).status).toBe(422);
  expect((await ask('GET', '/benchmarks/modes?category=other')).status).toBe(422);
});
