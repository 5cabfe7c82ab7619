import { describe, expect, it } from 'vitest';
import type { Step } from '../../step/step.ts';
import type { Severity } from '../detector.ts';
import type { Finding } from '../finding.ts';
import {
  agent,
  llm,
  type StepLike,
  spanIdAt,
  step,
  TRACE_ID,
  times,
  tool,
  toSteps,
  traceIdOf,
  user,
} from '../testing/builders.ts';
import { blame, blameRecord } from './blame.ts';
import { MAX_TURNS } from './turns.ts';

const call = (name: string, args: unknown = {}): StepLike => llm([{ role: 'assistant', toolCalls: [{ name, arguments: args }] }]);
const say = (who: string, output: string): StepLike => agent(who, { output });
const question = step('workflow', {
  input: [user('How many moons does the planet Jupiter have?')],
  output: '95',
  span: 'f'.repeat(16),
  at: 60_000,
});

function finding(place: number, confidence: number, severity: Severity = 'high', id = '1'): Finding {
  return {
    id,
    revision: 0,
    detector: 'grounding',
    message: 'unsupported',
    category: 'test',
    version: 1,
    tier: 'core',
    scope: 'trace',
    severity,
    score: confidence,
    confidence,
    tenant: 'default',
    windowKey: TRACE_ID,
    sessionId: undefined,
    agent: undefined,
    at: { traceId: TRACE_ID, spanId: spanIdAt(place) },
    evidence: [],
    explanation: '',
    impact: '',
    action: '',
    taxonomy: {},
    data: {},
    atMs: 0,
  } as unknown as Finding;
}

/** Steps under one root, as a framework sends them. */
function under(...likes: StepLike[]): StepLike[] {
  return [...likes.map((like) => ({ ...like, parent: 'f'.repeat(16) })), question];
}

const dispatched = under(
  say('human', 'How many moons does the planet Jupiter have?'),
  say('Lead', 'The plan: WebSurfer searches, Writer writes down the answer. Please search for the moons of Jupiter, WebSurfer.'),
  say('WebSurfer', 'The page of the Observatory of Arcetri lists 79 moons, found by Galileo Galilei and Scott Sheppard.'),
  say('Lead', '{"is_request_satisfied": {"reason": "there is a number", "answer": true}, "next_speaker": {"answer": "none"}}'),
  say('Lead', 'Final answer: 79.'),
);

interface Case {
  readonly title: string;
  readonly steps: readonly StepLike[];
  readonly findings?: readonly Finding[];
  /** 1-based place of the step. */
  readonly place: number;
  readonly agent: string;
  readonly reason: RegExp;
}

const cases: readonly Case[] = [
  {
    title: 'agents that talk: the first code, whose execution fails',
    steps: under(
      say('Expert', 'We have to count the moons of the planet Jupiter. I will wait for data.'),
      say('Coder', 'I assume a sample list:\n```python\nmoons = ["Io", "Europa"]\nprint(len(moon))\n```'),
      tool('terminal', undefined, { agent: 'terminal', result: 'exitcode: 1 (execution failed)\nCode output: NameError: moon' }),
      say('Expert', 'Then the answer is 95.'),
    ),
    place: 2,
    agent: 'Coder',
    reason: /code/,
  },
  {
    title: 'a brief that is another task than the one asked',
    steps: under(
      say(
        'Expert',
        '## Task description\nDebug the traceback of a python script that parses languages.\n```python\nparse(x)\n```\n# Plan\nFix it.',
      ),
      say('Coder', 'I look into it.'),
      say('Expert', 'Nothing else to do.'),
    ),
    place: 1,
    agent: 'Expert',
    reason: /restated|code/,
  },
  { title: 'a planner and workers: the worker', steps: dispatched, place: 3, agent: 'WebSurfer', reason: /planner|worker|work/ },
  {
    title: 'one agent with tools: the last change',
    steps: [
      call('get_order'),
      tool('get_order', {}, { result: '{"items":[1]}' }),
      call('return_items'),
      tool('return_items', {}, { result: '{"status":"returned"}' }),
      llm('Done.'),
    ],
    place: 3,
    agent: 'assistant',
    reason: /last change/,
  },
  {
    title: 'a refused change: the one before it that closed the way',
    steps: [
      call('modify_items'),
      tool('modify_items', {}, { result: '{"status":"modified"}' }),
      call('modify_address'),
      tool('modify_address', {}, { result: 'Error: the order is not pending any more' }),
      llm('The address can not be changed.'),
    ],
    place: 1,
    agent: 'assistant',
    reason: /refused after/,
  },
  {
    title: 'a refused change with none before it',
    steps: [call('cancel_order'), tool('cancel_order', {}, { error: 'not pending' }), llm('Sorry.')],
    place: 1,
    agent: 'assistant',
    reason: /refused/,
  },
  {
    title: 'near miss: a transfer to a human is no change',
    steps: [
      call('return_items'),
      tool('return_items', {}, { result: '{}' }),
      call('transfer_to_human_agents'),
      tool('transfer_to_human_agents', {}, { result: '{}' }),
    ],
    place: 1,
    agent: 'assistant',
    reason: /last change/,
  },
  {
    title: 'a HIGH finding before a step that has only its place for it',
    steps: [llm('I look.'), call('return_items'), tool('return_items', {}, { result: '{}' }), llm('Done.')],
    findings: [finding(1, 0.85)],
    place: 1,
    agent: 'assistant',
    reason: /grounding/,
  },
  {
    title: 'near miss: the same finding of medium severity',
    steps: [llm('I look.'), call('return_items'), tool('return_items', {}, { result: '{}' }), llm('Done.')],
    findings: [finding(1, 0.85, 'medium')],
    place: 2,
    agent: 'assistant',
    reason: /last change/,
  },
  {
    title: 'near miss: a HIGH finding does not go before evidence',
    steps: [
      llm('I look.'),
      call('modify_items'),
      tool('modify_items', {}, { result: '{}' }),
      call('modify_address'),
      tool('modify_address', {}, { outcome: 'error', result: 'no' }),
    ],
    findings: [finding(1, 0.85)],
    place: 2,
    agent: 'assistant',
    reason: /refused after/,
  },
  {
    title: 'a finding at a tool counts for its caller',
    steps: [llm('I look.'), call('get_order'), tool('get_order', {}, { result: '{}' }), call('return_items'), llm('Done.')],
    findings: [finding(3, 0.9)],
    place: 2,
    agent: 'assistant',
    reason: /grounding/,
  },
  {
    title: 'a run of tools only still has an answer',
    steps: [tool('search', {}, { agent: 'bot', result: 'x' }), tool('search', {}, { agent: 'bot', error: 'down' })],
    place: 2,
    agent: 'bot',
    reason: /./,
  },
];

describe('blame', () => {
  it.each(cases)('$title', ({ steps, findings = [], place, agent: who, reason }) => {
    const [one] = blame(toSteps(steps), findings);
    expect([one?.spanId, one?.agent]).toEqual([spanIdAt(place), who]);
    expect(one?.candidates[0]?.reason).toMatch(reason);
    expect(one?.candidates.every((candidate) => candidate.reason.endsWith('.'))).toBe(true);
  });

  it('never blames a human, a terminal or a container while an agent acted', () => {
    const steps = toSteps(dispatched);
    const kinds = blame(steps, []).flatMap(({ candidates }) => candidates.map((one) => one.agent));
    expect(kinds).not.toContain('human');
    const [code] = cases;
    const spans = blame(toSteps(code?.steps ?? []), []).flatMap(({ candidates }) => candidates.map((one) => one.spanId));
    expect(spans).not.toContain('f'.repeat(16));
    expect(spans).not.toContain(spanIdAt(3));
  });

  it('answers once for every trace, whatever its steps are', () => {
    const kinds = ['workflow', 'task', 'embedding', 'guardrail', 'handoff', 'memory', 'other'] as const;
    const steps = toSteps(kinds.map((kind, i) => step(kind, { trace: `${i}`.padStart(32, '0') })));
    expect(blame(steps, []).map(({ traceId, spanId }) => [traceId, spanId])).toEqual(
      steps.map((one) => [one.traceId, one.spanId]),
    );
    expect(blame([], [finding(1, 0.9)])).toEqual([]);
  });

  it('is the same whatever the order of steps and findings', () => {
    const likes = [...dispatched, ...dispatched.map((like, i) => ({ ...like, trace: 'e'.repeat(32), span: spanIdAt(100 + i) }))];
    const findings = [finding(2, 0.7, 'high', 'b'), finding(2, 0.7, 'high', 'a'), finding(3, 0.9, 'low'), finding(5, 0.5)];
    const expected = JSON.stringify(blame(toSteps(likes), findings));
    let seed = 7;
    for (let round = 0; round < 20; round++) {
      const next = (): number => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        return seed;
      };
      const mixed = <T>(list: readonly T[]): T[] =>
        list
          .map((one) => ({ one, key: next() }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
      expect(JSON.stringify(blame(mixed(toSteps(likes)), mixed(findings)))).toBe(expected);
    }
  });

  it('reads a long run from both ends and gives at most 5 candidates that sum to 1 or less', () => {
    let read = 0;
    const steps = toSteps(
      times(10_000, (i) =>
        llm(`Step ${i} of agent ${i % 7} found Object Number${i} and ${i * 13} pieces.`, { agent: `worker ${i % 7}` }),
      ),
    ).map(
      (one): Step =>
        Object.defineProperty({ ...one }, 'output', {
          get: () => {
            read++;
            return one.output;
          },
        }),
    );
    const [one] = blame(steps, []);
    expect(read).toBeLessThanOrEqual(4 * MAX_TURNS);
    expect(one?.candidates).toHaveLength(5);
    const scores = one?.candidates.map(({ score }) => score) ?? [];
    expect([...scores].sort((a, b) => b - a)).toEqual(scores);
    expect(scores.reduce((sum, score) => sum + score, 0)).toBeLessThanOrEqual(1 + 1e-9);
  });

  it('writes a record with a reason for every candidate', () => {
    const [one] = blame(toSteps(dispatched), []);
    expect(one && blameRecord(one, 'run.json')).toMatchObject({
      kind: 'blame',
      source: 'run.json',
      trace_id: traceIdOf(dispatched[0] as StepLike),
      agent: 'WebSurfer',
      span_id: spanIdAt(3),
      candidates: expect.arrayContaining([
        expect.objectContaining({ agent: 'WebSurfer', span_id: spanIdAt(3), reason: expect.stringMatching(/\.$/) }),
      ]),
    });
  });
});
