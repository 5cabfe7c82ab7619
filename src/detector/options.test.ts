import { expect, test } from 'vitest';
import { defineDetector } from './detector.ts';
import { Fold } from './fold.ts';
import { activate } from './options.ts';
import { toSteps } from './testing/builders.ts';

const sample = defineDetector({
  meta: {
    id: 'sample',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name', { fact: 'tool.result', settled: true }],
    summary: 's',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {
      min_repeats: { type: 'integer', text: 't', default: 4, min: 2, max: 100, source: 's' },
      names: { type: 'strings', text: 't', default: [], source: 's' },
      limits: { type: 'numbers_by_name', text: 't', default: {}, source: 's' },
      strict: { type: 'boolean', text: 't', default: false, source: 's' },
    },
    messages: { one: { text: 'One.', tier: 2, severity: 'low', impact: '', action: '', taxonomy: {} } },
  },
  init: () => undefined,
  onStep: (state) => state,
});
const shipped = [{ detector: sample }];

test('null and an absent entry are the defaults; `enabled: false` switches off', () => {
  expect(activate(shipped, { detectors: { sample: null } }).active[0]?.options).toEqual({
    min_repeats: 4,
    names: [],
    limits: {},
    strict: false,
  });
  expect(activate(shipped, {}).active).toHaveLength(1);
  expect(activate(shipped, { detectors: { sample: { enabled: false } } }).active).toHaveLength(0);
});

test('tiers and ids select', () => {
  expect(activate(shipped, { tiers: [1] }).active).toHaveLength(0);
  expect(activate(shipped, { tiers: [1, 2] }).active).toHaveLength(1);
  expect(activate(shipped, { only: ['sample'] }).active).toHaveLength(1);
  expect(activate(shipped, { only: ['smaple'] }).problems[0]?.message).toContain("Did you mean 'sample'?");
});

test('every wrong option is a problem with its path, and all come at once', () => {
  const { problems } = activate(shipped, {
    detectors: { sample: { min_repeat: 3, min_repeats: 1.5, names: 'x', limits: [1], strict: 1, enabled: 'no' }, lop: null },
  });
  expect(problems.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([
    'lop: unknown detector, lop. Known: sample.',
    'sample.enabled: must be true or false, got "no".',
    "sample.min_repeat: unknown option, min_repeat. Did you mean 'min_repeats'?",
    'sample.min_repeats: must be a whole number from 2 to 100, got 1.5.',
    'sample.names: must be a list of strings, got "x".',
    'sample.limits: must be a map from name to number, got [1].',
    'sample.strict: must be true or false, got 1.',
  ]);
});

test('of a detector with messages of several tiers only those of the chosen ones are wanted and reported', () => {
  const asked: string[] = [];
  const text = { text: 'T.', severity: 'low', impact: '', action: '', taxonomy: {} } as const;
  const both = defineDetector({
    meta: { ...sample.meta, messages: { cheap: { ...text, tier: 1 }, dear: { ...text, tier: 3 } } },
    init: () => undefined,
    onStep(state, step, ctx) {
      for (const message of ['cheap', 'dear'] as const) {
        if (ctx.wants(message)) asked.push(message);
        ctx.report(message, { at: step, key: 'k', score: 1, data: {} });
      }
      return state;
    },
  });
  const { active } = activate([{ detector: both }], { tiers: [1, 2] });
  const fold = new Fold(active, { tenant: 'default', key: 'session:s', sessionId: 's' }, () => undefined, {
    onError: (_, __, error) => {
      throw error;
    },
    onRefold: () => undefined,
  });
  fold.run(toSteps([{ kind: 'llm' }]), 0);
  expect(asked).toEqual(['cheap']);
  expect([...fold.findings.values()].map(({ message }) => message)).toEqual(['cheap']);
});
