// Claim 3: the same input gives the same findings at window close, whatever the batching, order within lateness, duplicates,
// packing and restarts. Every shipped detector, generated runs, a real storage.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DetectorHost, type Emission, type HostOptions } from '../src/detector/host.ts';
import { Journal } from '../src/detector/journal.ts';
import { activate } from '../src/detector/options.ts';
import { makeRuns, requestOf } from '../src/detector/testing/runs.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { seeded } from '../src/otlp/testing/encode.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import type { NewSpan } from '../src/otlp/write.ts';
import { openStorage, type Storage } from '../src/storage/storage.ts';
import { shippedDetectors } from './detectors.ts';

const { active } = activate(shippedDetectors, {});
const events = { damaged: () => undefined, missing: () => undefined, failed: () => undefined, working: () => undefined };
const onError: NonNullable<HostOptions['onError']> = (detector, _, error) => {
  throw new Error(`${detector.meta.id} failed`, { cause: error });
};
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'misstep-windows-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What stands at the end of all that was handed on: id → revision, without what was withdrawn. */
class Heard {
  readonly last = new Map<string, number>();
  /** (id, revision, label) that was handed on more than once. */
  readonly twice: string[] = [];
  private readonly all = new Set<string>();

  take(emissions: readonly Emission[]): void {
    for (const { finding, label } of emissions) {
      const one = `${finding.detector} ${finding.id} ${finding.revision} ${label}`;
      if (label === 'fail' && this.all.has(one)) this.twice.push(one);
      this.all.add(one);
      if (label === 'fail') this.last.set(`${finding.detector} ${finding.id}`, finding.revision);
      else this.last.delete(`${finding.detector} ${finding.id}`);
    }
  }

  get sorted(): [string, number][] {
    return [...this.last].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

function reference(spans: readonly NewSpan[]): [string, number][] {
  const heard = new Heard();
  const host = new DetectorHost({ detectors: active, onError });
  for (const span of spans) heard.take(host.process(walkTraces(requestOf([span]), dialectKeys), 'default'));
  heard.take(host.end('end_of_input'));
  return heard.sorted;
}

/** Neighbours change places, some spans come twice, and batches have any size. */
function delivered(spans: readonly NewSpan[], random: () => number): NewSpan[][] {
  const order = spans.map((span, i) => ({ span, at: i + random() * 12 })).sort((a, b) => a.at - b.at);
  const twice = order.flatMap(({ span }) => (random() < 0.1 ? [span, span] : [span]));
  const batches: NewSpan[][] = [];
  for (let i = 0; i < twice.length; ) {
    const size = 1 + Math.floor(random() * 8);
    batches.push(twice.slice(i, i + size));
    i += size;
  }
  return batches;
}

function open(name: string): Promise<Storage> {
  const path = join(directory, name);
  return openStorage({ directory: path, sync: 'none', syncIntervalMs: 200, segmentBytes: 1 << 20, maxBytes: 1 << 28 }, events);
}

test('claim 3: findings at window close do not depend on batching, order, duplicates and restarts', {
  timeout: 120_000,
}, async () => {
  let found = 0;
  let restarts = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(1_000_000), fc.constantFrom(200, 4_000, 1e9), async (seed, checkpointBytes) => {
      const random = seeded(seed + 1);
      const spans = makeRuns({ seed, runs: 2, spans: 14 });
      const expected = reference(spans);
      found += expected.length;
      const name = `restart-${seed}-${checkpointBytes}`;
      const heard = new Heard();
      let storage = await open(name);
      let journal = new Journal(storage, 'windows');
      const start = () =>
        new DetectorHost({ detectors: active, onError, journal, checkpointBytes, now: () => 1_790_000_000_000 });
      let host = start();
      const hand = (emissions: readonly Emission[]): void => {
        heard.take(emissions);
        host.handed(emissions);
        host.answered(emissions, true);
      };
      const restart = async (): Promise<void> => {
        restarts++;
        await storage.close();
        storage = await open(name);
        journal = new Journal(storage, 'windows');
        host = start();
        hand(
          await host.restore((error) => {
            throw error;
          }),
        );
      };
      for (const batch of delivered(spans, random)) {
        const emissions = host.process(walkTraces(requestOf(batch), dialectKeys), 'default');
        host.settleDebts();
        // What the process found and did not live to hand on.
        const dies = random() < 0.2;
        if (!dies) hand(emissions);
        host.work(() => false);
        await journal.committed();
        if (dies || random() < 0.1) await restart();
      }
      const emissions = host.end('end_of_input');
      if (random() < 0.3) {
        await journal.committed();
        await restart();
      } else hand(emissions);
      expect(heard.sorted).toEqual(expected);
      expect(heard.twice).toEqual([]);
      await journal.committed();
      expect([...storage.stream('windows').entries()]).toEqual([]);
      await storage.close();
    }),
    { seed: 7, numRuns: 60 },
  );
  expect(found).toBeGreaterThan(200);
  expect(restarts).toBeGreaterThan(60);
});

/** The same deliveries and quiet times twice: once by one process, once by many. */
test('claim 3: a restart after quiet times goes on from the checkpoint', { timeout: 120_000 }, async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(1_000_000), async (seed) => {
      const play = async (restarts: boolean): Promise<[string, number][]> => {
        const random = seeded(seed + 1);
        const heard = new Heard();
        const name = `quiet-${seed}`;
        let now = 1_790_000_000_000;
        let storage = restarts ? await open(name) : undefined;
        const start = () => {
          const journal = storage === undefined ? {} : { journal: new Journal(storage, 'windows') };
          return new DetectorHost({ detectors: active, onError, now: () => now, windows: { maxUnpacked: 1 }, ...journal });
        };
        let host = start();
        const hand = (emissions: readonly Emission[]): void => {
          heard.take(emissions);
          host.handed(emissions);
          host.answered(emissions, true);
        };
        for (const batch of delivered(makeRuns({ seed, runs: 2, spans: 16 }), random)) {
          hand(host.process(walkTraces(requestOf(batch), dialectKeys), 'default'));
          if (random() < 0.5) {
            now += 20_000;
            hand(host.tick(now));
            host.work(() => false);
          }
          const restart = random() < 0.4;
          if (!restart || storage === undefined) continue;
          await storage.close();
          storage = await open(name);
          host = start();
          hand(
            await host.restore((error) => {
              throw error;
            }),
          );
        }
        hand(host.end('end_of_input'));
        await storage?.close();
        expect(heard.twice).toEqual([]);
        return heard.sorted;
      };
      const expected = await play(false);
      found += expected.length;
      expect(await play(true)).toEqual(expected);
    }),
    { seed: 7, numRuns: 60 },
  );
  expect(found).toBeGreaterThan(100);
});

test('claim 3: a run that is packed while it is idle goes on as one that is not', { timeout: 120_000 }, () => {
  let packed = 0;
  fc.assert(
    fc.property(fc.nat(1_000_000), (seed) => {
      const spans = makeRuns({ seed, runs: 3, spans: 16 });
      const play = (maxUnpacked: number): [string, number][] => {
        const random = seeded(seed + 1);
        const heard = new Heard();
        let now = 0;
        const host = new DetectorHost({ detectors: active, onError, windows: { maxUnpacked }, now: () => now });
        for (const batch of delivered(spans, random)) {
          heard.take(host.process(walkTraces(requestOf(batch), dialectKeys), 'default'));
          if (random() < 0.5) {
            now += 20_000;
            heard.take(host.tick(now));
            host.work(() => false);
            packed += host.packedRuns;
          }
        }
        heard.take(host.end('end_of_input'));
        expect(host.openRuns).toBe(0);
        expect(host.keptBytes).toBe(0);
        expect(host.packedRuns).toBe(0);
        return heard.sorted;
      };
      expect(play(0)).toEqual(play(1_000));
    }),
    { seed: 7, numRuns: 60 },
  );
  expect(packed).toBeGreaterThan(500);
});
