import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dialectKeys } from '../dialects/keys.ts';
import { walkTraces } from '../otlp/traces.ts';
import { writeTraces } from '../otlp/write.ts';
import { openStorage } from '../storage/storage.ts';
import { Choices, frameworksOf, overridden, overrideProblems } from './choice.ts';
import { type AnyDetector, defineDetector } from './detector.ts';
import { DetectorHost } from './host.ts';
import { Journal } from './journal.ts';
import { activate } from './options.ts';
import type { Override, Overrides, TenantOverrides } from './overrides.ts';

/** Speaks when a tool was called so often. With the name of a detector that thresholds move. */
const loop = defineDetector({
  meta: {
    id: 'loop',
    family: 'execution',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Counts calls.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: { min_repeats: { type: 'integer', text: '', default: 3, min: 2, max: 9, source: '' } },
    messages: { often: { text: '{{count}} calls.', tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} } },
  },
  init: (): number => 0,
  onStep(state = 0, step, ctx) {
    const count = state + 1;
    if (count === ctx.options.min_repeats) ctx.report('often', { at: step, key: 'k', score: 0.7, data: { count } });
    return count;
  },
});

const none: Override = { thresholds: {}, detectors: {} };
const of = (more: Partial<TenantOverrides>): TenantOverrides => ({ ...none, frameworks: {}, suppress: [], ...more });
const { active: base } = activate([{ detector: loop }], {});
const repeats = (overrides: TenantOverrides, framework?: string) =>
  overridden(base, overrides, framework).detectors[0]?.options['min_repeats'];

describe('what stands before what', () => {
  const matches = (min_matches_for_loop: number) => ({ thresholds: { min_matches_for_loop } });
  const named = (min_repeats: number) => ({ detectors: { loop: { min_repeats } } });
  test.each<[string, Partial<TenantOverrides>, string | undefined, number]>([
    ['nothing', {}, undefined, 3],
    ['a threshold', matches(3), undefined, 4],
    ['a framework, its threshold first', { ...matches(3), frameworks: { n8n: { ...none, ...matches(5) } } }, 'n8n', 6],
    ['another framework', { ...matches(3), frameworks: { n8n: { ...none, ...matches(5) } } }, 'dify', 4],
    ['an option by name before thresholds', { ...named(7), frameworks: { n8n: { ...none, ...matches(5) } } }, 'n8n', 7],
    ['an option of the framework first of all', { ...named(7), frameworks: { n8n: { ...none, ...named(8) } } }, 'n8n', 8],
    ['no framework called toString', { ...matches(3) }, 'toString', 4],
  ])('%s', (_, overrides, framework, expected) => expect(repeats(of(overrides), framework)).toBe(expected));
});

test('what an option does not take is left out and told', () => {
  const { detectors, problems } = overridden(
    base,
    of({ detectors: { loop: { min_repeats: 99, nope: 1, emit_above: 2 } } }),
    undefined,
  );
  expect(detectors).toBe(base);
  expect(problems).toEqual([
    'loop.min_repeats must be a whole number from 2 to 9.',
    'loop.nope is no option of it.',
    'loop.emit_above must be a number from 0 to 1.',
  ]);
});

test('problems of all frameworks, each once', () => {
  const bad = { ...none, detectors: { loop: { min_repeats: 1 } } };
  expect(overrideProblems(base, of({ ...bad, frameworks: { n8n: bad, dify: { ...none, detectors: { lop: {} } } } }))).toEqual([
    'lop is no detector that runs.',
    'loop.min_repeats must be a whole number from 2 to 9.',
  ]);
  expect(overrideProblems(base, of({ thresholds: { min_matches_for_loop: 100 } }))).toEqual([]);
});

test('confidence: own least value and the factor, and the configuration is known by another hash only if options differ', () => {
  const { detectors } = overridden(
    base,
    of({ thresholds: { confidence_scaling: 0.5 }, detectors: { loop: { emit_above: 0.3 } } }),
    undefined,
  );
  expect(detectors[0]).toMatchObject({ emit: { above: 0.3, scaling: 0.5 }, configHash: base[0]?.configHash });
  expect(overridden(base, of({ thresholds: { min_matches_for_loop: 4 } }), undefined).detectors[0]?.configHash).not.toBe(
    base[0]?.configHash,
  );
});

test('frameworks of a step', () => {
  expect(frameworksOf({ dialects: ['openinference', 'langgraph'], scope: 'openinference.instrumentation.crewai' })).toEqual([
    'openinference',
    'langgraph',
    'openinference',
    'instrumentation',
    'crewai',
  ]);
});

test('the same list as long as nothing changes for the tenant', () => {
  const choices = new Choices(base);
  const a = of({ thresholds: { min_matches_for_loop: 3 } });
  choices.set(new Map([['a', a]]));
  const list = choices.detectorsFor('a', undefined);
  choices.set(
    new Map([
      ['a', a],
      ['b', of({})],
    ]),
  );
  expect(choices.detectorsFor('a', undefined)).toBe(list);
  expect(choices.detectorsFor('b', undefined)).toBe(base);
  expect(choices.detectorsFor('c', undefined)).toBe(base);
  choices.set(new Map());
  expect(choices.detectorsFor('a', undefined)).toBe(base);
});

describe('in a host', () => {
  const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');
  let span = 1;
  const request = (trace: number, calls: number, scope = 'app') =>
    walkTraces(
      writeTraces([
        {
          resource: {},
          scope: { name: scope, version: '' },
          spans: Array.from({ length: calls }, () => {
            const id = span++;
            return {
              traceId: hex(trace, 32),
              spanId: hex(id, 16),
              parentId: hex(9_999, 16),
              name: 'execute_tool x',
              kind: 1,
              startNs: BigInt(id) * 1_000_000n,
              endNs: BigInt(id + 1) * 1_000_000n,
              attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'x' },
              events: [],
              links: [],
            };
          }),
        },
      ]),
      dialectKeys,
    );
  const hostWith = (overrides: Overrides) => {
    const choice = new Choices(base);
    choice.set(overrides);
    const host = new DetectorHost({ detectors: base, choice });
    return {
      host,
      choice,
      said: (tenant: string, trace: number, calls: number, scope?: string) =>
        host.process(request(trace, calls, scope), tenant).length,
    };
  };
  const strict = of({ thresholds: { min_matches_for_loop: 4 } });

  test('windows of the tenant have them, of others not', () => {
    const { said } = hostWith(new Map([['a', strict]]));
    expect([said('a', 1, 3), said('b', 1, 3), said('a', 1, 2)]).toEqual([0, 1, 1]);
  });

  test('a change holds for windows that open later', () => {
    const { said, choice } = hostWith(new Map());
    expect(said('a', 1, 2)).toBe(0);
    choice.set(new Map([['a', strict]]));
    expect([said('a', 1, 1), said('a', 2, 3), said('a', 2, 2)]).toEqual([1, 0, 1]);
  });

  test('by the framework of the first step', () => {
    const { said } = hostWith(
      new Map([['a', of({ frameworks: { crewai: { ...none, thresholds: { min_matches_for_loop: 1 } } } })]]),
    );
    expect([said('a', 1, 2, 'openinference.instrumentation.crewai'), said('a', 2, 2)]).toEqual([1, 0]);
  });

  test('what pressure leaves out is left out of them too', () => {
    const { meta, init, onStep } = loop as AnyDetector;
    const reader: AnyDetector = { init, onStep, meta: { ...meta, messages: { often: { ...meta.messages.often, tier: 3 } } } };
    const { active } = activate([{ detector: reader }], {});
    const choice = new Choices(active);
    choice.set(new Map([['a', strict]]));
    const host = new DetectorHost({ detectors: active, choice });
    host.process(request(1, 1), 'a');
    host.leaveOutText(true);
    expect(host.process(request(1, 5), 'a')).toEqual([]);
    expect(host.process(request(2, 5), 'a')).toEqual([]);
    host.leaveOutText(false);
    expect(host.process(request(3, 5), 'a')).toHaveLength(1);
  });

  const only = (thresholds: number) =>
    of({ frameworks: { crewai: { ...none, thresholds: { min_matches_for_loop: thresholds } } } });
  const crewai = 'openinference.instrumentation.crewai';

  test('a packed run keeps its list', () => {
    const choice = new Choices(base);
    choice.set(new Map([['a', only(4)]]));
    const host = new DetectorHost({ detectors: base, choice, windows: { maxUnpacked: 0 }, now: () => 0 });
    host.process(request(1, 3, crewai), 'a');
    choice.set(new Map());
    while (host.work(() => false));
    expect(host.packedRuns).toBe(1);
    expect([host.process(request(1, 1, crewai), 'a').length, host.process(request(1, 1, crewai), 'a').length]).toEqual([0, 1]);
  });

  test.each([
    ['the same overrides: it goes on', 4, ['fail', undefined]],
    ['other overrides: it is blind', 5, ['insufficient_data', 'restarted']],
  ])('a run that outlives the process, %s', async (_, later, outcome) => {
    const directory = mkdtempSync(join(tmpdir(), 'misstep-choice-'));
    const quiet = { damaged() {}, missing() {}, failed() {}, working() {} };
    const storage = await openStorage(
      { directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 1 << 20, maxBytes: 1 << 24 },
      quiet,
    );
    let now = 1_000;
    const coverage: [string, string | undefined][] = [];
    const open = async (threshold: number): Promise<DetectorHost> => {
      const choice = new Choices(base);
      choice.set(new Map([['a', only(threshold)]]));
      const host = new DetectorHost({
        detectors: base,
        choice,
        journal: new Journal(storage, 's'),
        checkpointBytes: 1,
        now: () => now,
        onCoverage: (one) => coverage.push([one.outcome, one.reason]),
      });
      await host.restore((error) => {
        throw error;
      });
      return host;
    };
    const before = await open(4);
    before.process(request(1, 3, crewai), 'a');
    now += 20_000;
    before.tick(now);
    while (before.work(() => false));
    await storage.committed();
    const after = await open(later);
    expect(after.counts.restored).toBe(1);
    after.process(request(1, 2, crewai), 'a');
    after.end('end_of_input');
    expect(coverage).toEqual([outcome]);
    await storage.close();
    rmSync(directory, { recursive: true, force: true });
  });
});
