// What workers take from the main thread: `node dist/bench/workers.js [rounds] [workers ...]` after a build; 0, 1 and 2 workers if
// none is named. `2s` has their windows in a storage (interval sync). Every detector, steps with 4 KB of text that was never seen before, requests of 10 steps of as many sessions.
//
// steps/s: wall time until everything is found, as fast as it goes, 32 requests at once. main µs: CPU of the main thread a step (walk, copies,
// messages; with 0 workers the detectors). all µs: CPU of the process a step. The best of the rounds each.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shippedDetectors } from '../bin/detectors.ts';
import { WorkerStore } from '../processors/detect/worker-store.ts';
import { WorkerPool } from '../processors/detect/workers.ts';
import type { ActiveDetector } from '../src/detector/fold.ts';
import { DetectorHost } from '../src/detector/host.ts';
import { activate } from '../src/detector/options.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { openStorage, type Storage } from '../src/storage/storage.ts';
import { attribute, hex, prose, requestOf } from './bodies.ts';

const REQUESTS = 400;
const STEPS = 10;
const AT_ONCE = 32;
const rounds = Number(process.argv[2] ?? 3);
const named = process.argv.slice(3);

function step(i: number, session: string): Parameters<typeof requestOf>[0][number] {
  const isModel = i % 2 === 0;
  const message = (role: string, content: string): object => ({ role, parts: [{ type: 'text', content }] });
  const common = [attribute('gen_ai.conversation.id', session), attribute('gen_ai.agent.name', 'researcher')];
  const model = [
    ...common,
    attribute('gen_ai.operation.name', 'chat'),
    attribute('gen_ai.request.model', 'gpt-4o'),
    attribute('gen_ai.usage.input_tokens', 1_200),
    attribute('gen_ai.usage.output_tokens', 300),
    attribute('gen_ai.input.messages', JSON.stringify([message('user', prose(600)), message('tool', prose(2_200))])),
    attribute('gen_ai.output.messages', JSON.stringify([message('assistant', prose(1_200))])),
  ];
  const tool = [
    ...common,
    attribute('gen_ai.operation.name', 'execute_tool'),
    attribute('gen_ai.tool.name', 'search'),
    attribute('gen_ai.tool.call.arguments', JSON.stringify({ query: prose(300), limit: 10 })),
    attribute('gen_ai.tool.call.result', JSON.stringify({ hits: [prose(1_800), prose(1_900)] })),
  ];
  const name = isModel ? 'chat gpt-4o' : 'execute_tool search';
  return { traceId: hex(16), name, attributes: isModel ? model : tool, atMs: i * 1_000 };
}

/** Nanoseconds on the processor of the main thread; 0 where the system does not say. */
function mainNs(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return 0;
  }
}

function processUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function measure(name: string): Promise<void> {
  const workers = Number.parseInt(name, 10);
  const directory = name.endsWith('s') ? mkdtempSync(join(tmpdir(), 'misstep-workers-')) : undefined;
  const quiet = { damaged() {}, missing() {}, failed() {}, working() {} };
  const storage =
    directory === undefined
      ? undefined
      : await openStorage({ directory, sync: 'interval', syncIntervalMs: 200, segmentBytes: 1 << 26, maxBytes: 2 ** 32 }, quiet);
  const { active } = activate(shippedDetectors, {});
  let rate = 0;
  let main = Number.POSITIVE_INFINITY;
  let all = Number.POSITIVE_INFINITY;
  const pool = workers === 0 ? undefined : poolOf(workers, active, storage);
  await pool?.start();
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    const bodies = Array.from({ length: REQUESTS }, (_, i) =>
      requestOf(
        Array.from({ length: STEPS }, (__, s) => step(i, `${round}-${Math.floor(i / 20)}-${s}`)),
        'bench',
      ),
    );
    const host = new DetectorHost({ detectors: active });
    const [ns, us, start] = [mainNs(), processUs(), performance.now()];
    if (pool) {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < bodies.length) {
          const answer = pool.process(walkTraces(bodies[next++] as Uint8Array, dialectKeys), 'default', 60_000);
          await Promise.all([answer, storage?.committed()]);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
    } else for (const body of bodies) host.process(walkTraces(body, dialectKeys), 'default');
    const steps = REQUESTS * STEPS;
    if (round === 0) continue;
    rate = Math.max(rate, (steps / (performance.now() - start)) * 1_000);
    main = Math.min(main, (mainNs() - ns) / 1_000 / steps);
    all = Math.min(all, (processUs() - us) / steps);
    if (pool && pool.counts.shedSteps + pool.counts.lostSteps > 0) throw new Error('steps were not looked at');
  }
  await pool?.stop();
  await storage?.close();
  if (directory !== undefined) rmSync(directory, { recursive: true });
  console.log(`${name.padEnd(8)} ${rate.toFixed(0).padStart(8)} ${main.toFixed(1).padStart(9)} ${all.toFixed(1).padStart(9)}`);
}

function poolOf(workers: number, active: readonly ActiveDetector[], storage: Storage | undefined): WorkerPool {
  return new WorkerPool(
    {
      workers,
      entry: new URL('../bin/detect-worker.js', import.meta.url),
      setup: { tiers: [1, 2, 3], detectors: {}, rules: [], windows: {}, cooldownMs: 60_000, overrunMs: 60_000, embedding: false },
      detectors: active,
      deadlineMs: 60_000,
      now: () => Date.now(),
      store: storage === undefined ? undefined : new WorkerStore(storage, 'detect', workers, true),
    },
    {
      onLate: () => undefined,
      onUnreadable: () => undefined,
      onCoverage: () => undefined,
      onError: (detector, _, message) => {
        throw new Error(`${detector}: ${message}`);
      },
      onLost: ({ reason }) => {
        throw new Error(reason);
      },
    },
  );
}

console.log(`${'workers'.padEnd(8)} ${'steps/s'.padStart(8)} ${'main µs'.padStart(9)} ${'all µs'.padStart(9)}`);
for (const workers of named.length > 0 ? named : ['0', '1', '2', '1s', '2s']) await measure(workers);
