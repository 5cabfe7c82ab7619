// Workers with real threads and detectors that misbehave: they cannot stop the pipeline, and one session cannot stop the others.
import { afterEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { type TestHost, testHost, until } from '../../src/component/testing.ts';
import { DetectorHost, type Emission } from '../../src/detector/host.ts';
import { activate } from '../../src/detector/options.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { seeded } from '../../src/otlp/testing/encode.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { detectFactory } from './detect.ts';
import { Shards } from './shards.ts';
import { chaos } from './testing/chaos.ts';

const entry = new URL('./testing/chaos-worker.mjs', import.meta.url);
const T0 = 1_790_000_000_000;
let nextSpan = 1;

function callsOf(tools: readonly string[], session: string, trace = session): Batch {
  const hex = (text: string, digits: number): string => Buffer.from(text).toString('hex').padStart(digits, '0').slice(-digits);
  const spans = tools.map((tool) => {
    const n = nextSpan++;
    return {
      traceId: hex(trace, 32),
      spanId: n.toString(16).padStart(16, '0'),
      parentId: '',
      name: `execute_tool ${tool}`,
      kind: 1,
      startNs: BigInt(T0 + n) * 1_000_000n,
      endNs: BigInt(T0 + n + 1) * 1_000_000n,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': tool,
        ...(session === '' ? {} : { 'gen_ai.conversation.id': session }),
      },
      events: [],
      links: [],
    };
  });
  const body = writeTraces([{ resource: { 'service.name': 'test' }, scope: { name: 'app', version: '1' }, spans }]);
  return { signal: 'traces', chunks: [body], bytes: body.length, items: spans.length, tenant: 'default' };
}

interface Running {
  readonly host: TestHost;
  readonly consume: (batch: Batch) => Promise<void>;
  readonly got: Batch[];
  /** `<detector> <tool>` of each finding that went out, with where it stands. */
  readonly found: () => { readonly inPlace: string[]; readonly carried: string[] };
  readonly detect: ReturnType<ReturnType<typeof detectFactory>['create']>;
  readonly stop: () => Promise<void>;
}

const running: Running[] = [];
afterEach(() => Promise.all(running.splice(0).map(({ stop }) => stop())));

async function started(options: Record<string, unknown>): Promise<Running> {
  const factory = detectFactory(chaos, undefined, entry);
  const got: Batch[] = [];
  const host = testHost();
  const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], factory.options.parse(options), {
    consume: (batch) => {
      got.push(batch);
      return undefined;
    },
  });
  await detect.start(host);
  const one: Running = {
    host,
    detect,
    got,
    consume: async (batch) => detect.consume(batch),
    found: () => findingsOf(got),
    stop: () => detect.shutdown(new AbortController().signal),
  };
  running.push(one);
  return one;
}

function findingsOf(batches: readonly Batch[]): { inPlace: string[]; carried: string[] } {
  const inPlace: string[] = [];
  const carried: string[] = [];
  for (const batch of batches) {
    const document = protobufToDocument('traces', Buffer.concat(batch.chunks)) as {
      readonly resourceSpans: readonly {
        readonly scopeSpans: readonly {
          readonly scope?: { readonly name?: string };
          readonly spans: readonly {
            readonly events?: readonly {
              readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
            }[];
          }[];
        }[];
      }[];
    };
    for (const { scopeSpans } of document.resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        for (const event of spans.flatMap(({ events }) => events ?? [])) {
          const value = (key: string) => event.attributes.find((one) => one.key === key)?.value.stringValue ?? '';
          const text = `${value('gen_ai.evaluation.name')} ${value('misstep.detection.data.tool')}`;
          (scope?.name === 'misstep' ? carried : inPlace).push(text);
        }
      }
    }
  }
  return { inPlace, carried };
}

const errorLogs = ({ logs }: TestHost): string[] => logs.filter(({ level }) => level === 'error').map(({ message }) => message);

describe('claim 9: a detector that throws, is slow or never returns cannot stop the pipeline', () => {
  test('inline: one that throws is off for that window; said once, counted always', async () => {
    const { host, consume, found } = await started({});
    for (const session of ['a', 'b']) {
      await consume(callsOf(['throw'], session));
      await consume(callsOf(['ls'], session));
    }
    expect(found().inPlace.filter((one) => one.startsWith('calls'))).toHaveLength(4);
    expect(found().inPlace.filter((one) => one.startsWith('throws'))).toEqual([]);
    expect(host.metric('misstep_detect_errors')).toBe(2);
    expect(errorLogs(host)).toHaveLength(1);
  });

  test('inline: one that overruns twice in a session is off for it, in three sessions for all', async () => {
    const { host, consume, got, found } = await started({ overrun: '20ms' });
    const slow = (): number => found().inPlace.filter((one) => one.startsWith('slow')).length;
    // The first slow step of all only arms the watch.
    await consume(callsOf(['slow', 'slow', 'slow'], 'a'));
    expect(slow()).toBe(2);
    expect(host.metric('misstep_detect_overruns')).toBe(1);
    await consume(callsOf(['ls'], 'a'));
    expect(slow()).toBe(2);
    await consume(callsOf(['slow', 'ls'], 'b'));
    await consume(callsOf(['slow', 'ls'], 'c'));
    expect(host.metric('misstep_detect_overruns')).toBe(3);
    const before = performance.now();
    await consume(callsOf(['slow', 'slow'], 'd'));
    expect(performance.now() - before).toBeLessThan(60);
    expect(slow()).toBe(4);
    expect(got).toHaveLength(5);
    expect(errorLogs(host)).toHaveLength(1);
    // The others work on.
    expect(found().inPlace.filter((one) => one.startsWith('calls'))).toHaveLength(10);
  });

  test('with workers: a throwing and a slow one', async () => {
    const { host, consume, found } = await started({ workers: 1, wait: '10s', overrun: '20ms' });
    await consume(callsOf(['throw', 'slow', 'slow', 'ls'], 'a'));
    expect(found().inPlace.filter((one) => one.startsWith('calls'))).toHaveLength(4);
    expect(found().inPlace.filter((one) => one.startsWith('slow'))).toEqual(['slow throw', 'slow slow', 'slow slow']);
    expect(host.metric('misstep_detect_errors')).toBe(1);
    expect(host.metric('misstep_detect_overruns')).toBe(1);
  });

  test('with workers: the batch waits no longer than `wait`; what comes later is carried', async () => {
    const { consume, got, found } = await started({ workers: 1, wait: '1ms', overrun: '10s' });
    await consume(callsOf(['slow'], 'a'));
    expect(got).toHaveLength(1);
    await until(() => found().carried.includes('calls slow'));
    expect(found().inPlace).toEqual([]);
  });

  test('with workers: one that never returns is ended with its worker, and is off for that window, then for all', async () => {
    const { host, consume, got, found } = await started({ workers: 1, wait: '1ms', deadline: '300ms' });
    await consume(callsOf(['never'], 'a'));
    await consume(callsOf(['ls'], 'b'));
    // Both went on at once.
    expect(got).toHaveLength(2);
    await until(() => host.metric('misstep_detect_worker_restarts') === 1);
    expect(host.metric('misstep_detect_lost_windows')).toBe(2);
    expect(host.metric('misstep_detect_lost_steps')).toBe(2);
    expect(errorLogs(host)[0]).toContain('Detector never is off in that window.');
    // The same window again: it is off there, and what the dead worker held is not looked at again.
    await consume(callsOf(['never', 'ls'], 'a'));
    await until(() => found().carried.filter((one) => one === 'calls never').length === 1);
    expect(found().carried.filter((one) => one.startsWith('never'))).toEqual([]);
    // Another window: it ends a worker once more, and then no more.
    await consume(callsOf(['never'], 'c'));
    await until(() => host.metric('misstep_detect_worker_restarts') === 2);
    expect(errorLogs(host)[1]).toContain('Detector never is off in all windows.');
    for (const session of ['c', 'd', 'e']) await consume(callsOf(['never', 'ls'], session));
    await until(() => found().carried.filter((one) => one === 'calls never').length === 4);
    expect(host.metric('misstep_detect_worker_restarts')).toBe(2);
    expect(got.filter(({ generated }) => generated === undefined)).toHaveLength(7);
  });

  test('with workers: a worker that cannot start says so at the start', async () => {
    const factory = detectFactory(chaos, undefined, new URL('./testing/missing.mjs', import.meta.url));
    const options = factory.options.parse({ workers: 2 });
    const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], options, {
      consume: () => undefined,
    });
    await expect(detect.start(testHost())).rejects.toThrow('missing.mjs');
  });
});

test('shutdown: what waits is looked at, windows end, their findings go out', async () => {
  const one = await started({ workers: 2, wait: '0s' });
  for (let i = 0; i < 20; i++) await one.consume(callsOf(['ls'], `s${i}`));
  await one.stop();
  expect(one.found().carried.filter((text) => text === 'calls ls')).toHaveLength(20);
});

test('reload: workers and their windows go over to the next instance', async () => {
  const one = await started({ workers: 1, wait: '10s' });
  await one.consume(callsOf(['ls'], 'a'));
  const two = await started({ workers: 1, wait: '10s' });
  two.detect.adopt?.(one.detect);
  await one.stop();
  expect(two.host.metric('misstep_detect_windows_open')).toBe(1);
  await two.consume(callsOf(['ls'], 'a'));
  expect(two.host.metric('misstep_detect_windows_open')).toBe(1);
  expect(two.host.metric('misstep_detect_steps')).toBe(2);
});

test('a reload that is taken back gives the workers back', async () => {
  const one = await started({ workers: 1, wait: '10s' });
  await one.consume(callsOf(['ls'], 'a'));
  const two = await started({ workers: 1, wait: '10s' });
  two.detect.adopt?.(one.detect);
  one.detect.adopt?.(two.detect);
  await two.stop();
  await one.consume(callsOf(['ls'], 'a'));
  expect(one.host.metric('misstep_detect_steps')).toBe(2);
});

describe('claim 17: one hot session cannot starve the others', () => {
  /** Two sessions that live in different workers of two. */
  function apart(): [string, string] {
    const shards = new Shards(2);
    const shardOf = (session: string): number =>
      shards
        .route(walkTraces(callsOf(['ls'], session).chunks[0] as Uint8Array, dialectKeys), 'default')
        .parts.findIndex((part) => part !== undefined);
    const all = Array.from({ length: 16 }, (_, i) => `session-${i}`);
    const first = all[0] as string;
    return [first, all.find((one) => shardOf(one) !== shardOf(first)) as string];
  }

  test('with workers: sessions elsewhere are answered while it is worked on', async () => {
    const [hot, cold] = apart();
    const { host, consume, got, found } = await started({ workers: 2, wait: '10s', overrun: '10s' });
    // A hundred times the steps, each of them slow.
    const busy = consume(callsOf(new Array(100).fill('slow'), hot));
    await consume(callsOf(['ls'], cold));
    expect(got.map(({ items }) => items)).toEqual([1]);
    await busy;
    expect(host.metric('misstep_detect_shed_steps')).toBe(0);
    expect(found().inPlace.filter((one) => one === 'calls ls')).toHaveLength(1);
  });

  test('with workers: a run that fills the queue of its worker leaves room for others there, and its windows say so', async () => {
    const { host, consume, found } = await started({ workers: 1, wait: '0s', overrun: '10s' });
    // Each step keeps the worker busy and weighs 200 KB.
    const heavy = (): Promise<void> => consume(callsOf(['slow', 'x'.repeat(200_000)], 'hot'));
    for (let i = 0; i < 60; i++) await heavy();
    await consume(callsOf(['ls'], 'cold'));
    const shed = host.metric('misstep_detect_shed_steps');
    expect(shed).toBeGreaterThan(40);
    expect(host.metric('misstep_detect_worker_queue_bytes')).toBeLessThan(8 * 1024 * 1024);
    await until(() => found().carried.includes('calls ls'), 30_000);
    expect(host.metric('misstep_detect_shed_steps')).toBe(shed);
  });

  test('inline: the others find the same, whatever the order of a session with a hundred times their steps', async () => {
    const random = seeded(17);
    const quiet = (i: number): Batch => callsOf(['ls', 'cat'], `quiet-${i % 5}`);
    const idsOf = (emissions: readonly Emission[]): string[] =>
      emissions.filter(({ finding }) => finding.sessionId !== 'hot').map(({ finding }) => `${finding.id} ${finding.revision}`);
    const walk = (batch: Batch) => walkTraces(batch.chunks[0] as Uint8Array, dialectKeys);
    const others = Array.from({ length: 20 }, (_, i) => quiet(i));
    // Backwards and shuffled: each step comes before those that are there.
    const hot = Array.from({ length: 400 }, () => callsOf(['ls', 'rm'], 'hot')).sort(() => random() - 0.5);
    const { active } = activate(chaos, {});
    const windows = { maxTail: 100 };
    const alone = new DetectorHost({ detectors: active, windows, cooldownMs: 0 });
    const reference = [...others.flatMap((batch) => alone.process(walk(batch), 'default')), ...alone.end('end_of_input')];
    const host = new DetectorHost({ detectors: active, windows, cooldownMs: 0 });
    const said = others.flatMap((batch, i) => [
      ...hot.slice(i * 20, i * 20 + 20).flatMap((one) => host.process(walk(one), 'default')),
      ...host.process(walk(batch), 'default'),
    ]);
    expect(idsOf([...said, ...host.end('end_of_input')]).sort()).toEqual(idsOf(reference).sort());
    // 8 times the steps it has and the length of its tail (REFOLD_FACTOR): linear, not quadratic.
    expect(host.counts.refolded).toBeLessThan(8 * (800 + 100) + 200);
  });
});
