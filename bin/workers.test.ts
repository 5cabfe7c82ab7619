// Claim 3: the same input gives the same findings at window close, whatever the number of workers. Shipped detectors, real threads.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkerStore } from '../processors/detect/worker-store.ts';
import { WorkerPool } from '../processors/detect/workers.ts';
import { DetectorHost, type Emission } from '../src/detector/host.ts';
import { activate } from '../src/detector/options.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import type { Value } from '../src/otlp/span.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { type NewSpan, writeTraces } from '../src/otlp/write.ts';
import { openStorage } from '../src/storage/storage.ts';
import { shippedDetectors } from './detectors.ts';

const T0 = 1_790_000_000_000;
const { active } = activate(shippedDetectors, {});
const pools: WorkerPool[] = [];
/** Where findings go that no batch waits for. */
let take: (emissions: readonly Emission[]) => void = () => undefined;

function poolOf(workers: number, store: WorkerStore | undefined): WorkerPool {
  return new WorkerPool(
    {
      workers,
      entry: new URL('../processors/detect/testing/shipped-worker.mjs', import.meta.url),
      setup: {
        tiers: [1, 2, 3],
        detectors: {},
        rules: [],
        windows: {},
        cooldownMs: 0,
        overrunMs: 60_000,
        embedding: false,
      },
      detectors: active,
      deadlineMs: 60_000,
      now: () => T0,
      store,
    },
    {
      onLate: (emissions) => take(emissions),
      onCoverage: () => undefined,
      onError: (detector, window, message) => {
        throw new Error(`${detector} in ${window}: ${message}`);
      },
      onUnreadable: (message) => {
        throw new Error(message);
      },
      onLost: ({ reason }) => {
        throw new Error(reason);
      },
    },
  );
}

beforeAll(async () => {
  for (const workers of [1, 2, 4]) {
    const pool = poolOf(workers, undefined);
    await pool.start();
    pools.push(pool);
  }
}, 120_000);

afterAll(() => Promise.all(pools.map((pool) => pool.stop())));

/** One span: what it is, whether it names its session, and where it comes among the others. */
const spanArbitrary = fc.record({
  kind: fc.constantFrom('tool', 'tool', 'failing', 'model', 'agent', 'other'),
  named: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  nested: fc.boolean(),
  by: fc.nat(1_000),
  cut: fc.boolean(),
});
/** Traces; those with the same number are of one session, 0 names none. */
const runsArbitrary = fc.array(
  fc.record({ session: fc.integer({ min: 0, max: 3 }), spans: fc.array(spanArbitrary, { minLength: 2, maxLength: 14 }) }),
  { minLength: 1, maxLength: 6 },
);
type Runs = typeof runsArbitrary extends fc.Arbitrary<infer T> ? T : never;

const attributesOf: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  tool: {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'search',
    'gen_ai.tool.call.arguments': '{"query":"a"}',
    'gen_ai.tool.call.result': '{"hits":[]}',
  },
  failing: {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'book_flight',
    'gen_ai.tool.call.arguments': '{"to":"b"}',
    'gen_ai.tool.call.result': 'Error: connection refused',
  },
  model: {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.input_tokens': 900,
    'gen_ai.usage.output_tokens': 100,
    'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Find me a flight."}]}]',
    'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":"I could not find it, I try again."}]}]',
  },
  agent: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' },
  other: {},
};

function requests(runs: Runs): Uint8Array[] {
  const placed: { readonly span: NewSpan; readonly by: number; readonly cut: boolean }[] = [];
  runs.forEach(({ session, spans }, run) => {
    const trace = (run + 1).toString(16).padStart(32, '0');
    spans.forEach(({ kind, named, nested, by, cut }, i) => {
      const at = T0 + i * 100 + run * 7;
      const naming = session > 0 && (named || i === spans.length - 1) && kind !== 'other';
      const span: NewSpan = {
        traceId: trace,
        spanId: ((run + 1) * 1_000 + i).toString(16).padStart(16, '0'),
        parentId: i + 1 < spans.length && nested ? ((run + 1) * 1_000 + i + 1).toString(16).padStart(16, '0') : '',
        name: kind,
        kind: 1,
        startNs: BigInt(at) * 1_000_000n,
        endNs: BigInt(at + 50) * 1_000_000n,
        attributes: { ...attributesOf[kind], ...(naming ? { 'gen_ai.conversation.id': `s${session}` } : {}) },
        events: [],
        links: [],
      };
      placed.push({ span, by, cut });
    });
  });
  placed.sort((a, b) => a.by - b.by);
  const groups: NewSpan[][] = [[]];
  for (const { span, cut } of placed) {
    groups[groups.length - 1]?.push(span);
    if (cut) groups.push([]);
  }
  const resource = { 'service.name': 'made-up' };
  return groups
    .filter((spans) => spans.length > 0)
    .map((spans) => writeTraces([{ resource, scope: { name: 'app', version: '1' }, spans }]));
}

/** What stands at the end: id, revision and text of each finding that was not taken back. */
function standing(emissions: readonly Emission[]): string[] {
  const last = new Map<string, string>();
  for (const { finding, label } of emissions) {
    if (label === 'withdrawn') last.delete(finding.id);
    else last.set(finding.id, `${finding.id} ${finding.detector} ${finding.revision} ${finding.agent} ${finding.explanation}`);
  }
  return [...last.values()].sort();
}

function inline(bodies: readonly Uint8Array[]): string[] {
  const host = new DetectorHost({ detectors: active, cooldownMs: 0, now: () => T0 });
  const said = bodies.flatMap((body) => host.process(walkTraces(body, dialectKeys), 'default'));
  return standing([...said, ...host.end('end_of_input')]);
}

async function sharded(pool: WorkerPool, bodies: readonly Uint8Array[], waitMs: number): Promise<string[]> {
  const said: Emission[] = [];
  take = (emissions) => said.push(...emissions);
  const batches = bodies.map((body) => pool.process(walkTraces(body, dialectKeys), 'default', waitMs));
  for (const batch of batches) void batch?.then((emissions) => said.push(...emissions));
  const last = await pool.end('end_of_input');
  await Promise.all(batches);
  expect(pool.seen().openRuns).toBe(0);
  return standing([...said, ...last]);
}

test('claim 3: findings at window close are the same for 0, 1, 2 and 4 workers', { timeout: 300_000 }, async () => {
  let found = 0;
  let moved = 0;
  await fc.assert(
    fc.asyncProperty(runsArbitrary, fc.constantFrom(0, 5, 60_000), async (runs, waitMs) => {
      const bodies = requests(runs);
      const reference = inline(bodies);
      found += reference.length;
      for (const pool of pools) {
        expect(await sharded(pool, bodies, waitMs)).toEqual(reference);
        moved = Math.max(moved, pool.movedRuns);
        expect(pool.counts).toMatchObject({ shedSteps: 0, lostSteps: 0 });
      }
    }),
    { seed: 7, numRuns: 60 },
  );
  // A property over nothing proves nothing.
  expect(found).toBeGreaterThan(100);
  expect(moved).toBeGreaterThan(20);
});

/** A process over the storage in `directory`: what it hands on is told to the storage, as `detect` does. */
async function lifeOf(directory: string, workers: number, said: Emission[]) {
  const quiet = { damaged() {}, missing() {}, failed() {}, working() {} };
  const storage = await openStorage(
    { directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 1 << 20, maxBytes: 2 ** 30 },
    quiet,
  );
  const store = new WorkerStore(storage, 'detect', workers, true);
  const handOn = (emissions: readonly Emission[]): void => {
    said.push(...emissions);
    store.handed(emissions);
  };
  const unreadable = (error: Error): void => {
    throw error;
  };
  handOn(await store.left(unreadable));
  const pool = poolOf(workers, store);
  take = handOn;
  await pool.start();
  return { pool, storage, handOn };
}

test('claim 3: the same after kill -9 in the middle, whatever the number of workers before and after it', {
  timeout: 300_000,
}, async () => {
  let found = 0;
  const workers = fc.integer({ min: 1, max: 3 });
  await fc.assert(
    fc.asyncProperty(
      runsArbitrary,
      workers,
      workers,
      fc.nat(100),
      fc.constantFrom(0, 60_000),
      async (runs, one, two, at, waitMs) => {
        const bodies = requests(runs);
        const reference = inline(bodies);
        found += reference.length;
        const cut = Math.round((bodies.length * at) / 100);
        const root = mkdtempSync(join(tmpdir(), 'misstep-workers-'));
        const said: Emission[] = [];
        const before = await lifeOf(join(root, 'one'), one, said);
        for (const body of bodies.slice(0, cut)) {
          const answer = before.pool.process(walkTraces(body, dialectKeys), 'default', waitMs);
          void answer?.then(before.handOn);
          // It is acknowledged when it is stored; with a wait of 0 most is not looked at when the kill comes.
          await Promise.all([before.storage.committed(), waitMs > 0 ? answer : undefined]);
        }
        take = () => undefined;
        // What is handed on after this turn is another life's.
        cpSync(join(root, 'one'), join(root, 'two'), { recursive: true, filter: (file) => !file.endsWith('lock') });
        const known = said.length;
        await before.pool.stop();
        await before.storage.close();
        said.length = known;
        const after = await lifeOf(join(root, 'two'), two, said);
        // The sender has no answer for the last one, and sends it again.
        for (const body of bodies.slice(Math.max(cut - 1, 0))) {
          void after.pool.process(walkTraces(body, dialectKeys), 'default', 0);
        }
        const last = await after.pool.end('end_of_input');
        expect(standing([...said, ...last])).toEqual(reference);
        await after.storage.committed();
        after.handOn(last);
        await after.storage.committed();
        for (const name of ['detect', 'detect requests', 'detect findings']) {
          expect([name, ...after.storage.stream(name).entries()]).toEqual([name]);
        }
        await after.pool.stop();
        await after.storage.close();
        rmSync(root, { recursive: true });
      },
    ),
    { seed: 11, numRuns: 15 },
  );
  expect(found).toBeGreaterThan(20);
});
