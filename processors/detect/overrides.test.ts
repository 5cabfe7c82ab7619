// `detect` under what tenants set while it runs: in its own thread and in workers, from the next window on.
import { afterEach, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import type { Component } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';
import type { Override, Overrides, TenantOverrides } from '../../src/detector/overrides.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { detectFactory } from './detect.ts';
import { counter } from './testing/counter.ts';

const none: Override = { thresholds: {}, detectors: {} };
const of = (more: Partial<TenantOverrides>): TenantOverrides => ({ ...none, frameworks: {}, suppress: [], ...more });
const lower: TenantOverrides = of({ detectors: { counter: { emit_above: 0.3 } } });

let nextSpan = 1;
function call(trace: number, tenant = 'a'): Batch {
  const n = nextSpan++;
  const body = writeTraces([
    {
      resource: {},
      scope: { name: 'app', version: '1' },
      spans: [
        {
          traceId: trace.toString(16).padStart(32, '0'),
          spanId: n.toString(16).padStart(16, '0'),
          parentId: '1'.padStart(16, '0'),
          name: 'execute_tool x',
          kind: 1,
          startNs: BigInt(Date.now()) * 1_000_000n,
          endNs: BigInt(Date.now() + 1) * 1_000_000n,
          attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'x', 'gen_ai.agent.name': 'shopper' },
          events: [],
          links: [],
        },
      ],
    },
  ]);
  return { signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant };
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function started(options: object = {}, first: Overrides = new Map()) {
  const settings = { overrides: first, start: async () => {}, shutdown: async () => {} };
  const factory = detectFactory([{ detector: counter }], undefined, new URL('./testing/counter-worker.mjs', import.meta.url));
  const got: Batch[] = [];
  const host = testHost(undefined, { settings: settings as Component });
  const parsed = factory.options.parse({ overrides: 'settings', wait: '5s', ...options });
  const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], parsed, {
    consume: (batch) => {
      got.push(batch);
      return undefined;
    },
  });
  await detect.start(host);
  const stop = () => detect.shutdown(new AbortController().signal);
  stops.push(stop);
  /** Findings in what went out. */
  const found = (): number => {
    const documents = got.map(({ chunks }) => JSON.stringify(protobufToDocument('traces', Buffer.concat(chunks))));
    return documents.join().split('gen_ai.evaluation.name').length - 1;
  };
  const says = async (trace: number, tenant?: string): Promise<number> => {
    const before = found();
    await detect.consume(call(trace, tenant));
    return found() - before;
  };
  return { detect, host, settings, found, says };
}

/** `detect` looks at the overrides once a second. */
async function eventually(done: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`Still not after 10 s: ${done}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.each([{}, { workers: 1 }])('a least confidence of one tenant, for windows that open later: %o', async (options) => {
  const { settings, says } = await started(options);
  expect(await says(1)).toBe(0);
  settings.overrides = new Map([['a', lower]]);
  let trace = 10;
  await eventually(async () => (await says(trace++)) === 1);
  // The window that was open before goes on as it began, and another tenant has what the configuration says.
  expect([await says(1), await says(trace++), await says(trace++, 'b')]).toEqual([0, 1, 0]);
  settings.overrides = new Map();
  await eventually(async () => (await says(trace++)) === 0);
});

test.each([{}, { workers: 1 }])('they are there from the first window on: %o', async (options) => {
  const { says } = await started(options, new Map([['a', lower]]));
  expect(await says(1)).toBe(1);
});

test.each([{}, { workers: 1 }])('a reload takes them along: %o', async (options) => {
  const overrides = new Map([['a', lower]]);
  const before = await started(options, overrides);
  expect(await before.says(1)).toBe(1);
  const after = await started({ ...options, cooldown: '61s' }, overrides);
  after.detect.adopt?.(before.detect);
  expect([await after.says(1), await after.says(2), await after.says(3, 'b')]).toEqual([1, 1, 0]);
  const same = await started({ ...options, cooldown: '61s' }, overrides);
  same.detect.adopt?.(after.detect);
  expect([await same.says(2), await same.says(4), await same.says(5, 'b')]).toEqual([1, 1, 0]);
});

test('the factor on confidence', async () => {
  // It says .5; `emit_above` is .6.
  const { says } = await started(
    {},
    new Map([
      ['a', of({ thresholds: { confidence_scaling: 1.2 } })],
      ['b', of({ thresholds: { confidence_scaling: 1.1 } })],
    ]),
  );
  expect([await says(1, 'a'), await says(2, 'b')]).toEqual([1, 0]);
});

test('suppressions hold at once, for their tenant, and end', async () => {
  const silent = (until: number, more: object = {}): TenantOverrides =>
    of({ ...lower, suppress: [{ detector: 'counter', agent: 'shopper', until, ...more }] });
  const { says, host } = await started(
    {},
    new Map([
      ['a', silent(Date.now() + 60_000)],
      ['b', silent(Date.now() - 1)],
      ['c', silent(Date.now() + 60_000, { message: 'other' })],
      ['d', silent(Date.now() + 60_000, { agent: 'other' })],
    ]),
  );
  expect([await says(1, 'a'), await says(2, 'b'), await says(3, 'c'), await says(4, 'd')]).toEqual([0, 1, 1, 1]);
  expect(host.metric('misstep_detect_suppressed')).toBe(1);
});

test('what fits no option is told, with its tenant, and left out', async () => {
  const { host, says } = await started({}, new Map([['a', of({ detectors: { counter: { emit_above: 3 }, gone: {} } })]]));
  expect(await says(1)).toBe(0);
  expect(host.logs).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      fields: { tenant: 'a', problems: ['gone is no detector that runs.', 'counter.emit_above must be a number from 0 to 1.'] },
    }),
  );
});

test.each([
  ['nobody', "overrides: 'nobody' does not run. Name it in service.extensions."],
  ['other', "overrides: 'other' has no overrides. Name an extension of type 'settings'."],
])('overrides: %s is refused', async (overrides, message) => {
  const factory = detectFactory([{ detector: counter }]);
  const other = { start: async () => {}, shutdown: async () => {} };
  const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], factory.options.parse({ overrides }), {
    consume: () => undefined,
  });
  await expect(detect.start(testHost(undefined, { other }))).rejects.toThrow(message);
});
