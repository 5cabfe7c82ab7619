import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { handoff, llm, type StepLike, spanIdAt, step, times, tool, toSteps } from '../detector/testing/builders.ts';
import { fold, type Said } from '../detector/testing/fold.ts';
import { ruleDetector } from './detector.ts';
import { type Rule, rule } from './rule.ts';

const made = (given: object): Rule => rule.parse({ id: 'one', summary: 'Finds x.', message: 'X.', ...given });
const detectorOf = (given: object) => ruleDetector(made(given));
const place = ({ at }: Said) => Number.parseInt(at.spanId, 16);
/** Places of the steps that are blamed, in order. */
const found = (given: object, steps: readonly StepLike[], reason?: Parameters<typeof fold>[3]) =>
  fold(detectorOf(given), toSteps(steps), {}, reason)
    .map(place)
    .sort((a, b) => a - b);

const [a, b, c] = [tool('a'), tool('b'), tool('c')];

describe('one step', () => {
  test.each<[string, object, readonly StepLike[], readonly number[]]>([
    ['by its tool', { tool: 'a' }, [b, a], [2]],
    ['by a pattern', { tool: ['x', 'a*'] }, [tool('abc')], [1]],
    ['by its kind', { kind: 'llm' }, [a, llm('x')], [2]],
    ['by its agent', { agent: 'r*' }, [tool('a', {}, { agent: 'writer' }), tool('a', {}, { agent: 'reviewer' })], [2]],
    ['by its model', { model: 'gpt*' }, [llm('x', { model: 'claude' }), llm('x', { model: 'gpt-4o' })], [2]],
    ['by its outcome', { outcome: ['error', 'timeout'] }, [a, tool('a', {}, { error: 'no' })], [2]],
    ['by its name', { name: 'do*' }, [step('task', { name: 'do it' })], [1]],
    ['by an expression', { if: 'step.args.n > 1' }, [tool('a', { n: 1 }), tool('a', { n: 2 }), llm('x')], [2]],
    ['by the run', { if: 'run.errors == 2' }, [tool('a', {}, { error: 'x' }), tool('a', {}, { error: 'x' })], [2]],
    ['all of it must hold', { tool: 'a', outcome: 'error' }, [a, tool('b', {}, { error: 'x' })], []],
    ['text of arguments that is no JSON', { if: 'step.args == "ls -la"' }, [tool('bash', 'ls -la')], [1]],
    ['a handoff', { if: 'step.handoff_to == "b"' }, [handoff('a', 'b')], [1]],
  ])('%s', (_, when, steps, expected) => {
    expect(found({ when }, steps)).toEqual(expected);
  });

  test('a roll-up is none', () => {
    expect(found({ when: { tool: 'a' } }, [tool('a', {}, { rollup: true })])).toEqual([]);
  });
});

describe('sequences', () => {
  test.each<[string, object, readonly StepLike[], readonly number[]]>([
    ['one after the other', { when: { tool: 'a' }, then: [{ tool: 'b' }] }, [a, c, b], [3]],
    ['in this order', { when: { tool: 'a' }, then: [{ tool: 'b' }] }, [b, a], []],
    ['three stages', { when: { tool: 'a' }, then: [{ tool: 'b' }, { tool: 'c' }] }, [a, b, b, c], [4]],
    ['the first is blamed if asked', { blame: 'first', when: { tool: 'a' }, then: [{ tool: 'b' }] }, [c, a, b], [2]],
    ['the same step is not two stages', { when: { tool: 'a' }, then: [{ tool: 'a' }] }, [a], []],
    ['within steps', { when: { tool: 'a' }, then: [{ tool: 'b', within: '2 steps' }] }, [a, c, b], [3]],
    ['beyond', { when: { tool: 'a' }, then: [{ tool: 'b', within: '1 step' }] }, [a, c, b], []],
    ['the last that could begin it counts', { when: { tool: 'a' }, then: [{ tool: 'b', within: '1 step' }] }, [a, c, a, b], [4]],
    ['within seconds', { when: { tool: 'a' }, then: [{ tool: 'b', within: '1s' }] }, [a, b], [2]],
    ['after them', { when: { tool: 'a' }, then: [{ tool: 'b', within: '1s' }] }, [a, tool('b', {}, { at: 5_000 })], []],
    ['without something between', { when: { tool: 'a' }, then: [{ tool: 'b', without: { tool: 'c' } }] }, [a, c, b], []],
    ['what is before is not between', { when: { tool: 'a' }, then: [{ tool: 'b', without: { tool: 'c' } }] }, [c, a, b], [3]],
    ['it may begin again', { when: { tool: 'a' }, then: [{ tool: 'b', without: { tool: 'c' } }] }, [a, c, a, b], [4]],
    ['without something before', { when: { tool: 'a', without: { tool: 'c' } } }, [c, a], []],
    ['it only came after', { when: { tool: 'a', without: { tool: 'c' } } }, [a, c], [1]],
    ['it came too long before', { when: { tool: 'a', without: { tool: 'c' }, within: '1 step' } }, [c, b, a], [3]],
  ])('%s', (_, given, steps, expected) => {
    expect(found(given, steps)).toEqual(expected);
  });
});

describe('counts', () => {
  const three = { when: { tool: 'a', count: 3 } };
  test.each<[string, object, readonly StepLike[], readonly number[]]>([
    ['enough', three, [a, b, a, a], [4]],
    ['too few', three, [a, a, b], []],
    ['within steps', { when: { tool: 'a', count: 3, within: '3 steps' } }, [a, a, a], [3]],
    ['spread too far', { when: { tool: 'a', count: 3, within: '3 steps' } }, [a, b, a, a], []],
    ['the window slides', { when: { tool: 'a', count: 3, within: '3 steps' } }, [a, b, a, a, a], [5]],
    [
      'of the same value',
      { when: { tool: 'a', count: 2, capture: { n: 'step.args.n' } } },
      [tool('a', { n: 1 }), tool('a', { n: 2 }), tool('a', { n: 1 })],
      [3],
    ],
    ['of a later stage', { when: { tool: 'a' }, then: [{ tool: 'b', count: 2 }] }, [a, b, c, b], [4]],
    ['then something', { when: { tool: 'a', count: 2 }, then: [{ tool: 'b' }] }, [a, a, b], [3]],
  ])('%s', (_, given, steps, expected) => {
    expect(found(given, steps)).toEqual(expected);
  });

  test('more of them make one finding grow', () => {
    const said = fold(detectorOf({ ...three, message: '{{count}} of {{tool}}.' }), toSteps(times(5, a)));
    expect(said.map(({ text, data }) => [text, data['count']])).toEqual([['5 of a.', 5]]);
    expect(said.map(place)).toEqual([3]);
    expect(said[0]?.evidence).toEqual([3, 4, 5].map(spanIdAt));
  });
});

describe('what never comes', () => {
  const never = { blame: 'first', when: { tool: 'a' }, then: [{ never: { tool: 'b' } }] };
  const soon = { ...never, then: [{ never: { tool: 'b' }, within: '2 steps' }] };
  test.each<[string, object, readonly StepLike[], readonly number[]]>([
    ['at the end', never, [a, c], [1]],
    ['it came', never, [a, c, b], []],
    ['it came before', never, [b, a], [2]],
    ['in time', soon, [a, c, b], []],
    ['too late', soon, [a, c, c, b], [1]],
    ['the run ended first', soon, [a], [1]],
    ['each time it is owed', never, [a, b, a], [3]],
    ['the first is owed', never, [a, a], [1]],
    [
      'of the same value',
      {
        ...never,
        when: { tool: 'a', capture: { n: 'step.args.n' } },
        then: [{ never: { tool: 'b', capture: { n: 'step.args.n' } } }],
      },
      [tool('a', { n: 1 }), tool('a', { n: 2 }), tool('b', { n: 1 })],
      [2],
    ],
  ])('%s', (_, given, steps, expected) => {
    expect(found(given, steps)).toEqual(expected);
  });

  test.each(['size', 'evicted', 'shutdown', 'age'] as const)('a window that is cut off (%s) says nothing', (reason) => {
    expect(found(never, [a, c], reason)).toEqual([]);
  });
});

describe('captured values', () => {
  const paid = {
    message: 'Paid {{n}}.',
    when: { tool: 'a', capture: { n: 'step.args.n' } },
    then: [{ tool: 'b', if: 'step.args.n == captured.n' }],
  };
  test('flow from one step to another', () => {
    const steps = [tool('a', { n: 1 }), tool('a', { n: 2 }), tool('b', { n: 2 }), tool('b', { n: 3 })];
    const said = fold(detectorOf(paid), toSteps(steps));
    expect(said.map(({ text }) => text)).toEqual(['Paid 2.']);
  });

  test('a value that is not there begins nothing', () => {
    expect(found(paid, [tool('a', {}), tool('b', { n: 1 })])).toEqual([]);
  });

  test('a finding for each value', () => {
    const steps = [1, 2, 1].flatMap((n) => [tool('a', { n }), tool('b', { n })]);
    expect(fold(detectorOf(paid), toSteps(steps)).map(({ text, data }) => [text, data['count']])).toEqual([
      ['Paid 1.', 2],
      ['Paid 2.', 1],
    ]);
  });

  test('long values are cut, and are the same if all that is kept is', () => {
    const long = 'x'.repeat(10_000);
    const said = fold(detectorOf(paid), toSteps([tool('a', { n: long })]));
    expect(said).toEqual([]);
    expect(fold(detectorOf({ ...paid, then: [{ tool: 'b' }] }), toSteps([tool('a', { n: long }), b]))[0]?.data['n']).toHaveLength(
      120,
    );
  });
});

test('a rule over its budget is off, and says why', () => {
  const slow = detectorOf({ when: { if: 'step.args.l.exists(a, step.args.l.exists(b, a + b < 0))' } });
  const steps = toSteps([tool('a', { l: Array.from({ length: 2_000 }, (_, i) => i) })]);
  expect(() => fold(slow, steps)).toThrow('rule one: an expression took more than 200000 operations on one step');
});

test('tiers follow what is read', () => {
  const tier = (when: object) => ruleDetector(made({ when })).meta.messages['matched'].tier;
  expect([{ tool: 'a' }, { if: 'has(step.state.x)' }, { if: 'step.text == "x"' }].map(tier)).toEqual([1, 2, 3]);
});

test('it needs what its stages read, and not what they must not meet', () => {
  const needs = (given: Readonly<Record<string, unknown>>) =>
    detectorOf(given).meta.needs.map((need) => (typeof need === 'string' ? need : need.fact));
  expect(needs({ when: { tool: 'a', if: 'step.result == 1' }, then: [{ never: { if: 'step.text == "x"' } }] })).toEqual([
    'tool.result',
    'tool.name',
  ]);
  expect(needs({ when: { kind: 'llm', without: { tool: 'a' } } })).toEqual([]);
});

test('another rule has another version, and drops the state', () => {
  const versions = [{ tool: 'a' }, { tool: 'b' }].map((when) => detectorOf({ when }).meta.stateVersion);
  expect(new Set(versions).size).toBe(2);
  expect(detectorOf({ when: { tool: 'a' } }).meta.version).toBe(versions[0]);
});

test('a property: late, repeated and shuffled steps give the same answer, in a state that stays small', () => {
  const rules = [
    {
      when: { tool: 'a', capture: { n: 'step.args.n' } },
      then: [
        { tool: 'b', within: '3 steps', without: { tool: 'c' } },
        { never: { tool: 'a' }, within: '2 steps' },
      ],
    },
    { when: { tool: 'a', count: 3, within: '6 steps', capture: { n: 'step.args.n' } } },
    {
      when: { tool: 'b', without: { tool: 'c', capture: { n: 'step.args.n' } }, capture: { n: 'step.args.n' } },
      then: [{ tool: 'a', count: 2 }],
    },
  ].map(detectorOf);
  const one = fc
    .tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 40 }))
    .map(([name, n]) => tool(name, { n: `${n}${'x'.repeat(200)}` }));
  fc.assert(
    fc.property(fc.array(one, { maxLength: 120 }), fc.constantFrom(...rules), (likes, detector) => {
      const steps = toSteps(likes);
      const straight = fold(detector, steps);
      // `fold` holds the state against its limit.
      expect(fold(detector, [...steps].reverse())).toEqual(straight);
      expect(fold(detector, [...steps, ...steps])).toEqual(straight);
    }),
    { numRuns: 60 },
  );
});
