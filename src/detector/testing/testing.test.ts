// The kit itself: it must refuse what it says it refuses.
import { describe, expect, test } from 'vitest';
import { type AnyDetector, defineDetector } from '../detector.ts';
import { spanIdAt, times, tool, toSteps } from './builders.ts';
import { dialects, playScenario } from './encode.ts';
import { fold } from './fold.ts';
import { parseScript, readScenarios } from './scenario.ts';
import { check, requireCompleteTable, requireMetadata } from './tester.ts';

const message = { tier: 1, severity: 'low', impact: 'It costs time.', action: 'Stop.', taxonomy: { modes: ['F0'] } } as const;

function make(onStep: AnyDetector['onStep'], text = "Tool '{{tool}}' ran."): AnyDetector {
  return defineDetector({
    meta: {
      id: 'probe',
      family: 'execution',
      scope: 'agent',
      version: 1,
      stateVersion: 1,
      needs: ['tool.name'],
      summary: 'Finds calls.',
      docs: {
        what: 'It looks at every call.',
        why: 'Because a test needs it.',
        fix: 'There is nothing to fix.',
        limits: 'It knows no limits at all.',
        sources: ['x'],
      },
      options: { limit: { type: 'integer', text: 'A limit.', default: 1, min: 0, max: 9, source: 'Judgement.' } },
      messages: { ran: { ...message, text } },
    },
    init: () => undefined,
    onStep,
  }) as AnyDetector;
}

const steps = toSteps(times(3, tool('search', { q: 'x' }, { result: 'y' })));
const report: AnyDetector['onStep'] = (state, step, ctx) => {
  ctx.report('ran', { at: step, key: step.spanId, score: 0.5, data: { tool: step.tool?.name ?? '' } });
  return state;
};

describe('fold refuses', () => {
  test.each<[string, AnyDetector['onStep'], RegExp]>([
    ['a state with a class instance', () => ({ seen: new Set() }), /plain JSON/],
    ['a state with undefined', () => ({ seen: undefined }), /plain JSON/],
    ['a state with NaN', () => ({ mean: Number.NaN }), /plain JSON/],
    ['a state over the limit', () => ({ text: 'x'.repeat(70_000) }), /limit is/],
    [
      'a changed step',
      (_, step) => {
        (step as { name: string }).name = 'mine';
        return undefined;
      },
      /read only|read-only/,
    ],
    [
      'an unknown message',
      (_, step, ctx) => {
        ctx.report('other' as never, { at: step, key: 'k', score: 1, data: {} as never });
        return undefined;
      },
      /unknown message/,
    ],
    [
      'a score outside 0 to 1',
      (_, step, ctx) => {
        ctx.report('ran', { at: step, key: 'k', score: 2, data: { tool: 'x' } });
        return undefined;
      },
      /score/,
    ],
    [
      'an empty slot',
      (_, step, ctx) => {
        ctx.report('ran', { at: step, key: 'k', score: 1, data: {} as never });
        return undefined;
      },
      /slot/,
    ],
  ])('%s', (_, onStep, error) => {
    expect(() => fold(make(onStep), steps)).toThrow(error);
  });
});

test('fold takes each span once and in event order', () => {
  const said = fold(make(report), [...steps].reverse().concat(steps));
  expect(said.map((one) => one.at.spanId)).toEqual([spanIdAt(1), spanIdAt(2), spanIdAt(3)]);
});

test('an incomplete table is refused with everything it lacks', () => {
  const twin = { steps: [tool('a')], expect: [] };
  expect(() =>
    requireCompleteTable(make(report), {
      quiet: [],
      fires: [
        { name: 'x', ...twin },
        { name: 'y', ...twin },
      ],
    }),
  ).toThrow(/nearMiss.*'ran' is never fired.*'limit' is never moved.*same case/);
});

test('metadata: a message without a full stop is refused', () => {
  expect(() => requireMetadata(make(report))).not.toThrow();
  expect(() => requireMetadata(make(report, 'tool {{tool}} ran'))).toThrow(/full stop/);
});

test('a finding too many, or missing, is refused', () => {
  const said = fold(make(report), steps);
  expect(() => check(said, [{ message: 'ran', at: 1 }])).toThrow();
  expect(() => check(said.slice(0, 1), [{ message: 'ran', at: 2 }])).toThrow(/expected/);
});

describe('scenario language', () => {
  test('a script becomes steps', () => {
    const parsed = parseScript(
      `agent a
       system "Be kind."
       user "Hi -> {there}"
       @1500ms llm "Hello" model=m in=5 out=2 cost=0.1 finish=stop
       2x tool get {"page":$i} -> {"n":$i}
       tool get {} -> error it is down
       retrieve "q" -> ["d1"]`,
      'test',
    );
    expect(parsed).toEqual([
      {
        kind: 'llm',
        agent: 'a',
        at: 1_500,
        model: 'm',
        output: 'Hello',
        tokens: { input: 5, output: 2 },
        cost: 0.1,
        finish: 'stop',
        input: [{ role: 'user', text: 'Hi -> {there}' }],
        system: 'Be kind.',
      },
      { kind: 'tool', agent: 'a', tool: 'get', args: { page: 1 }, result: { n: 1 } },
      { kind: 'tool', agent: 'a', tool: 'get', args: { page: 2 }, result: { n: 2 } },
      { kind: 'tool', agent: 'a', tool: 'get', args: {}, error: 'it is down' },
      { kind: 'retriever', agent: 'a', query: 'q', documents: ['d1'] },
    ]);
  });

  test.each([
    ['dance', /unknown verb 'dance'/],
    ['tool get {"a":', /line 1/],
    ['999x tool get', /repeats/],
    ['llm "x" speed=3', /speed=3/],
    ['trace 12', /32 hex/],
  ])('%j is refused', (line, error) => {
    expect(() => parseScript(line, 'test')).toThrow(error);
  });

  test.each([
    ['name: x', /must be a list/],
    ['- {name: x, script: "", expect: [], extra: 1}', /unknown key 'extra'/],
    ['- {name: x, script: ""}', /expect/],
    ['- {name: x, script: "", expect: [{message: a, where: 3}]}', /unknown key 'where'/],
    ['- {name: x, script: "", expect: []}\n- {name: x, script: "", expect: []}', /twice/],
  ])('file %j is refused', (text, error) => {
    expect(() => readScenarios(text, 'x.yaml')).toThrow(error);
  });
});

test.each(dialects)('%s: a request a span, in end order, with the ids of the steps', (dialect) => {
  const [scenario] = readScenarios('- {name: x, script: "tool a {} -> 1\\n@100ms llm \\"hi\\"", expect: []}', 'x.yaml');
  if (!scenario) throw new Error('no scenario');
  const ids = playScenario(scenario, dialect).map(
    (document) =>
      (document as { resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[] }).resourceSpans[0]?.scopeSpans[0]
        ?.spans[0]?.spanId,
  );
  expect(ids).toEqual([spanIdAt(2), spanIdAt(1)]);
});
