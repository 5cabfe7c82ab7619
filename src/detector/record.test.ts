// State records: the format of every release can be read, and a state is only given to the detector that it is of.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialectKeys } from '../dialects/keys.ts';
import { walkTraces } from '../otlp/traces.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import { type AnyDetector, defineDetector } from './detector.ts';
import { type Coverage, DetectorHost } from './host.ts';
import { Journal } from './journal.ts';
import { activate } from './options.ts';
import { FORMAT_VERSION, readRecord, writeRecord } from './record.ts';
import { makeRuns, requestOf } from './testing/runs.ts';

const counter = (stateVersion: number, migrate?: AnyDetector['migrate']): AnyDetector => ({
  ...defineDetector({
    meta: {
      id: 'counter',
      family: 'execution',
      scope: 'session',
      version: 1,
      stateVersion,
      needs: [],
      summary: 'Counts steps.',
      docs: { what: '', why: '', fix: '', limits: '', sources: [] },
      options: { from: { type: 'integer', text: 't', default: 8, min: 1, max: 99, source: 's' } },
      messages: { many: { text: '{{count}} steps.', tier: 1, severity: 'low', impact: '', action: '', taxonomy: {} } },
    },
    init: () => ({ steps: 0 }),
    onStep(state, step, ctx) {
      const steps = (state?.steps ?? 0) + 1;
      if (steps >= ctx.options.from) ctx.report('many', { at: step, key: 'k', score: 0.9, data: { count: steps } });
      return { steps };
    },
  }),
  ...(migrate === undefined ? {} : { migrate }),
});

const fixture = new URL('testdata/state-1.bin', import.meta.url);
const spans = makeRuns({ seed: 3, runs: 1, spans: 6 });
let directory = '';
let storage: Storage;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'misstep-record-'));
  const quiet = { damaged() {}, missing() {}, failed() {}, working() {} };
  storage = await openStorage({ directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 1 << 20, maxBytes: 1 << 24 }, quiet);
});
afterEach(async () => {
  await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A host that goes on from `record`. */
async function from(record: Uint8Array, detector: AnyDetector, options: Record<string, unknown> = {}) {
  storage.stream('s').put(1, 1, [record]);
  await storage.committed();
  const coverage: Coverage[] = [];
  const errors: string[] = [];
  const { active } = activate([{ detector }], { detectors: { counter: options } });
  const host = new DetectorHost({
    detectors: active,
    journal: new Journal(storage, 's'),
    now: () => 1_000,
    onCoverage: (one) => coverage.push(one),
  });
  const found = await host.restore(({ message }) => errors.push(message));
  return { host, coverage, errors, found };
}

/** What a host writes of a run of seven steps: four are settled, three are kept. */
async function written(): Promise<Buffer> {
  const { active } = activate([{ detector: counter(1) }], {});
  const journal = new Journal(storage, 'w');
  let now = 1_000;
  const host = new DetectorHost({ detectors: active, journal, checkpointBytes: 1, now: () => now });
  host.process(walkTraces(requestOf(spans.slice(0, 4)), dialectKeys), 'default');
  now += 20_000;
  host.tick(now);
  host.process(walkTraces(requestOf(spans.slice(4)), dialectKeys), 'default');
  host.work(() => false);
  await journal.committed();
  const states = [...storage.stream('w').entries()].filter(([, { tag }]) => tag === 1);
  return storage.stream('w').read((states.at(-1) as (typeof states)[number])[0]);
}

test('claim 18: a record of format 1 is read, and its run goes on', async () => {
  if (process.env['MISSTEP_WRITE_FIXTURES'] !== undefined) writeFileSync(fixture, await written());
  const { host, errors, found } = await from(readFileSync(fixture), counter(1));
  expect(errors).toEqual([]);
  expect(host.counts.restored).toBe(1);
  expect(found).toEqual([]);
  // All are known again: none is folded twice.
  host.process(walkTraces(requestOf(spans), dialectKeys), 'default');
  expect(host.counts.steps).toBe(0);
  const next = { ...(spans[5] as (typeof spans)[number]), spanId: 'feedfeedfeedfeed', name: 'execute_tool x' };
  const step = { ...next, attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'x' } };
  const emissions = host.process(walkTraces(requestOf([step]), dialectKeys), 'default');
  expect(emissions.map(({ finding }) => finding.data)).toEqual([{ count: 8 }]);
});

describe('a state', () => {
  const bring =
    (steps: number): AnyDetector['migrate'] =>
    () => ({ steps });
  test.each<[string, AnyDetector, Record<string, unknown>, Coverage['outcome'], string | undefined]>([
    ['of the same version and options goes on', counter(1), { from: 8 }, 'fail', undefined],
    ['of another version is dropped', counter(2), {}, 'insufficient_data', 'restarted'],
    ['of another version is migrated', counter(2, bring(98)), {}, 'fail', undefined],
    ['that a detector does not want to migrate is dropped', counter(2, () => undefined), {}, 'insufficient_data', 'restarted'],
    ['of other options is dropped', counter(1), { from: 6 }, 'insufficient_data', 'restarted'],
  ])('%s', async (_, detector, options, outcome, reason) => {
    const { host, coverage } = await from(readFileSync(fixture), detector, options);
    const last = spans.at(-1) as (typeof spans)[number];
    for (let i = 0; i < 5; i++) {
      const attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'x' };
      const step = { ...last, spanId: `feedfeedfeedfee${i}`, attributes };
      host.process(walkTraces(requestOf([step]), dialectKeys), 'default');
    }
    host.end('end_of_input');
    expect(coverage.map((one) => [one.outcome, one.reason])).toEqual([[outcome, reason]]);
  });
});

test.each<[string, (record: Buffer) => Buffer, string]>([
  ['is cut short', (record) => record.subarray(0, record.length - 1), 'damaged'],
  ['has another byte', (record) => Buffer.from(record).fill(1, 40, 41), 'damaged'],
  ['is something else', () => Buffer.from('something else altogether'), 'no state record'],
  ['is empty', () => Buffer.alloc(0), 'no state record'],
  ['holds something else', () => writeRecord({ run: 1, replaces: [] }, []), ''],
])('a record that %s is told and left out', async (_, change, message) => {
  const { host, errors } = await from(change(readFileSync(fixture)), counter(1));
  expect(errors).toEqual([expect.stringContaining(message)]);
  expect(host.openRuns).toBe(0);
});

test('what is written is read', () => {
  const steps = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  expect(readRecord(writeRecord({ a: [1, 'x'] }, steps))).toEqual({ state: { a: [1, 'x'] }, steps: Buffer.of(1, 2, 3) });
  expect(FORMAT_VERSION).toBe(1);
});
