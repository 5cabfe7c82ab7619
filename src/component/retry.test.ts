import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retryOnFailure } from '../../config/queue.ts';
import { backoff, type Outcome, Patience, withRetries } from './retry.ts';
import { clock } from './testing.ts';

const options = retryOnFailure();
const sent: Outcome = { kind: 'sent', rejected: 0, message: '' };
const retry = (retryAfterMs = 0): Outcome => ({ kind: 'retry', message: 'busy', retryAfterMs });

function script(outcomes: readonly Outcome[]) {
  let tries = 0;
  return { attempt: async () => outcomes[Math.min(tries++, outcomes.length - 1)] as Outcome, tries: () => tries };
}

describe('backoff', () => {
  test('grows by the multiplier up to max_interval, as the Collector does by default', () => {
    const next = backoff(options.parse({ randomization_factor: 0 }));
    const delays = Array.from({ length: 7 }, () => Math.round(next()));
    expect(delays).toEqual([5_000, 7_500, 11_250, 16_875, 25_313, 30_000, 30_000]);
  });

  test('stays within interval ± randomization_factor', () => {
    const property = fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (random) => {
      const delay = backoff(options.parse({}), () => random)();
      expect(delay).toBeGreaterThanOrEqual(2_500);
      expect(delay).toBeLessThanOrEqual(7_500);
    });
    fc.assert(property, { seed: 1 });
  });

  test('never spins, even with an interval of 0s', () => {
    const next = backoff(options.parse({ initial_interval: '0s', multiplier: 0 }));
    expect([next(), next()]).toEqual([10, 10]);
  });
});

describe('withRetries', () => {
  const quick = options.parse({ initial_interval: '10ms', max_interval: '10ms', max_elapsed_time: '20s' });

  test('tries until it is sent, and tells of each failure', async () => {
    const { attempt, tries } = script([retry(), retry(), sent]);
    const told: string[] = [];
    expect(await withRetries(attempt, quick, new Patience(), clock, (message) => told.push(message))).toEqual(sent);
    expect([tries(), told]).toEqual([3, ['busy', 'busy']]);
  });

  test.each<[string, Outcome]>([
    ['permanent', { kind: 'permanent', message: 'no', status: 3 }],
    ['oversize', { kind: 'oversize', message: 'large' }],
  ])('%s is final at once', async (_name, outcome) => {
    const { attempt, tries } = script([outcome]);
    expect(await withRetries(attempt, quick, new Patience(), clock, () => {})).toEqual(outcome);
    expect(tries()).toBe(1);
  });

  test('without retries one failure is the end', async () => {
    const { attempt, tries } = script([retry()]);
    const off = options.parse({ enabled: false });
    expect(await withRetries(attempt, off, new Patience(), clock, () => {})).toMatchObject({ reason: 'unavailable' });
    expect(tries()).toBe(1);
  });

  test('gives up at once when the backend asks for more than max_elapsed_time', async () => {
    const { attempt, tries } = script([retry(20_001)]);
    const final = await withRetries(attempt, quick, new Patience(), clock, () => {});
    expect(final).toMatchObject({ kind: 'given_up', reason: 'retries_exhausted', retryAfterMs: 20_001 });
    expect(tries()).toBe(1);
  });

  test('waits at least as long as the backend asks for', async () => {
    const { attempt } = script([retry(60), sent]);
    const start = clock.monotonic();
    await withRetries(attempt, quick, new Patience(), clock, () => {});
    expect(clock.monotonic() - start).toBeGreaterThanOrEqual(58);
  });

  test.each<[string, Outcome, object]>([
    ['that fails: shutdown', retry(), { kind: 'given_up', reason: 'shutdown' }],
    ['that works: sent', sent, sent],
  ])('the end of patience cuts the wait short for one last try %s', async (_name, last, final) => {
    const { attempt, tries } = script([retry(), last]);
    const patience = new Patience();
    const slow = options.parse({ initial_interval: '200s', max_interval: '200s' });
    const result = withRetries(attempt, slow, patience, clock, () => patience.end());
    expect(await result).toMatchObject(final);
    expect(tries()).toBe(2);
  });
});
