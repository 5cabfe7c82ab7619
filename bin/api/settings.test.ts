// Thresholds by the API: what they say and refuse, and that the running `detect` has them from the next window on.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { request } from '../../extensions/database/testing/suite.ts';
import { factory as settingsFactory } from '../../extensions/settings/settings.ts';
import { detectFactory } from '../../processors/detect/detect.ts';
import type { Batch } from '../../src/batch/batch.ts';
import { testHost } from '../../src/component/testing.ts';
import { shippedDetectors } from '../detectors.ts';
import { type Platform, startPlatform } from './testing.ts';

let platform: Platform;
const ask: Platform['ask'] = (...args) => platform.ask(...args);
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());
afterEach(() => ask('DELETE', '/settings/thresholds'));

const neutral = {
  structural_threshold: 0.8,
  semantic_threshold: 0.8,
  loop_detection_window: 6,
  min_matches_for_loop: 2,
  confidence_scaling: 1,
};

test('the body that is published is taken, and read back', async () => {
  const published = {
    global_thresholds: {
      structural_threshold: 0.85,
      semantic_threshold: 0.8,
      loop_detection_window: 8,
      min_matches_for_loop: 3,
      confidence_scaling: 1.0,
    },
    framework_thresholds: { langgraph: { loop_detection_window: 10, semantic_threshold: 0.75 } },
  };
  expect((await ask('GET', '/settings/thresholds')).body).toMatchObject({ global_thresholds: neutral, is_default: true });
  const put = await ask('PUT', '/settings/thresholds', published);
  expect(put).toMatchObject({ status: 200, body: { global_thresholds: published.global_thresholds, is_default: false } });
  const { body } = await ask('GET', '/settings/thresholds');
  expect(body.framework_thresholds).toEqual({
    langgraph: { ...published.global_thresholds, loop_detection_window: 10, semantic_threshold: 0.75 },
  });
  expect((await ask('GET', '/settings/thresholds/langgraph')).body.thresholds).toEqual(body.framework_thresholds.langgraph);
  const preview = (await ask('GET', '/settings/thresholds/preview?framework=langgraph')).body;
  expect(preview.moved).toContainEqual({ detector: 'loop', option: 'max_period', from: 6, to: 10 });
  expect(preview.moved).toContainEqual({ detector: 'loop', option: 'similarity', from: 0.8, to: 0.76875 });
  expect(preview.moved).toContainEqual({ detector: 'loop', option: 'min_repeats', from: 3, to: 4 });
});

test('PUT replaces a part, PATCH a field, null takes back; a framework that says nothing is none', async () => {
  await ask('PUT', '/settings/thresholds', { global_thresholds: { semantic_threshold: 0.9, min_matches_for_loop: 4 } });
  const patched = await ask('PATCH', '/settings/thresholds', {
    global_thresholds: { semantic_threshold: null },
    framework_thresholds: { N8N: { min_matches_for_loop: 5 } },
    detectors: { loop: { min_cycles: 4, emit_above: 0.7 } },
  });
  expect(patched.body).toMatchObject({
    global_thresholds: { ...neutral, min_matches_for_loop: 4 },
    framework_thresholds: { n8n: { min_matches_for_loop: 5 } },
    detectors: { loop: { min_cycles: 4, emit_above: 0.7 } },
  });
  await ask('PATCH', '/settings/thresholds', {
    framework_thresholds: { n8n: { min_matches_for_loop: null } },
    detectors: { loop: { min_cycles: null } },
  });
  const { body } = await ask('PUT', '/settings/thresholds', { global_thresholds: {} });
  expect(body).toMatchObject({ global_thresholds: neutral, framework_thresholds: {}, detectors: { loop: { emit_above: 0.7 } } });
  expect((await ask('POST', '/settings/thresholds/reset')).body).toMatchObject({ is_default: true, detectors: {} });
  expect((await ask('GET', '/settings/thresholds/n8n')).status).toBe(404);
});

test.each<[string, unknown]>([
  ['a field that nobody has', { global_thresholds: { semantic: 0.8 } }],
  ['a share above 1', { global_thresholds: { semantic_threshold: 85 } }],
  ['half a match', { global_thresholds: { min_matches_for_loop: 2.5 } }],
  ['a name of no framework', { framework_thresholds: { 'a b': {} } }],
  ['an unknown detector', { detectors: { lop: { min_repeats: 3 } } }],
  ['an unknown option', { detectors: { loop: { repeats: 3 } } }],
  ['a value out of bounds', { framework_detectors: { n8n: { loop: { min_repeats: 1 } } } }],
  ['`enabled`', { detectors: { loop: { enabled: false } } }],
  ['no object', '[]'],
])('refused: %s', async (_, body) => {
  for (const [method, path] of [
    ['PUT', '/settings/thresholds'],
    ['PATCH', '/settings/thresholds'],
    ['POST', '/settings/thresholds/preview'],
  ] as const) {
    const answer = await ask(method, path, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'not-valid']);
  }
  expect((await ask('GET', '/settings/thresholds')).body.is_default).toBe(true);
});

test('the defaults say why, and every option that a threshold moves exists', async () => {
  const { body } = await ask('GET', '/settings/thresholds/defaults');
  expect(body.global_thresholds).toEqual(neutral);
  for (const { reason, options } of body.thresholds) {
    expect(reason).toMatch(/\w/);
    for (const option of options) expect(option.default, `${option.detector}.${option.option}`).not.toBeNull();
  }
});

describe('the running detectors', () => {
  test.each([{}, { workers: 1 }])('have them from the next window on: %o', async (options) => {
    const settings = settingsFactory.create('settings', settingsFactory.options.parse({ refresh: '100ms' }));
    const host = testHost(undefined, { database: platform.database, settings });
    await settings.start(host);
    const entry = new URL('../../processors/detect/testing/shipped-worker.mjs', import.meta.url);
    const factory = detectFactory(shippedDetectors, undefined, entry);
    const got: Batch[] = [];
    const parsed = factory.options.parse({ overrides: 'settings', wait: '5s', ...options });
    const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], parsed, {
      consume: (batch) => {
        got.push(batch);
        return undefined;
      },
    });
    await detect.start(host);
    let id = 1;
    /** Whether a tool that runs `times` times with one result is reported as a loop. */
    const loops = async (times: number, tenant = 'default'): Promise<boolean> => {
      const trace = ++id;
      const attributes = {
        'gen_ai.tool.name': 'ls',
        'gen_ai.agent.name': 'a',
        'gen_ai.tool.call.arguments': '{"path":"/"}',
        'gen_ai.tool.call.result': 'bin etc usr',
      };
      const body = request(Array.from({ length: times }, () => ({ trace, span: ++id, attributes })));
      got.length = 0;
      await detect.consume({ signal: 'traces', chunks: [body], bytes: body.length, items: times, tenant });
      return got.some(({ chunks }) => Buffer.concat(chunks).includes('gen_ai.evaluation'));
    };
    const eventually = async (done: () => Promise<boolean>) => {
      const end = performance.now() + 10_000;
      while (!(await done())) {
        if (performance.now() > end) throw new Error('still not after 10 s');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    expect([await loops(3), await loops(2)]).toEqual([true, false]);
    await ask('PUT', '/settings/thresholds', { global_thresholds: { min_matches_for_loop: 4 } });
    await eventually(async () => !(await loops(3)));
    expect([await loops(5), await loops(3, 'other')]).toEqual([true, true]);
    await ask('DELETE', '/settings/thresholds');
    await eventually(() => loops(3));
    const signal = new AbortController().signal;
    await detect.shutdown(signal);
    await settings.shutdown(signal);
  });

  test('what stands in the database that cannot be read is told and does not count; without a database the last stands', async () => {
    const records = platform.database.records.of('misstep:system');
    await records.put('detection-settings', 'broken', { global: { thresholds: { semantic_threshold: 'high' } } });
    await ask('PUT', '/settings/thresholds', { global_thresholds: { min_matches_for_loop: 4 } });
    const settings = settingsFactory.create('settings', settingsFactory.options.parse({}));
    const host = testHost(undefined, { database: platform.database });
    await settings.start(host);
    const { overrides } = settings as unknown as { overrides: ReadonlyMap<string, unknown> };
    expect([...overrides.keys()]).toEqual(['default']);
    expect(host.logs).toContainEqual(expect.objectContaining({ level: 'error', fields: { tenant: 'broken' } }));
    await settings.shutdown(new AbortController().signal);
    await records.remove('detection-settings', 'broken');
  });
});
