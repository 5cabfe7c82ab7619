import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepRecord } from './record.ts';
import { createResolver } from './resolve.ts';
import { recordsOf } from './testing/requests.ts';
import { bodyOf, mustStep, spanId, type TestSpan, traceId } from './testing/spans.ts';

const op = 'gen_ai.operation.name';
const http = { 'http.request.method': 'POST' };

/** Everything that may come late, by span id. */
function facts(spans: readonly TestSpan[], order: readonly number[] = spans.map((_, i) => i)) {
  const seen = recordsOf(order.map((i) => bodyOf([spans[i]!])));
  const rows = seen.steps.map((step) => [
    `${step.traceId.slice(-2)}/${Number.parseInt(step.spanId, 16)}`,
    {
      agent: step.agent,
      stated: step.statedAgent,
      session: step.sessionId,
      rollup: step.rollup,
      outcome: step.outcome,
      tool: step.tool?.name,
      arguments: step.tool?.arguments,
      result: step.tool?.result,
      handoff: step.handoff,
    },
  ]);
  return Object.fromEntries(rows.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))) as Record<
    string,
    Record<string, unknown>
  >;
}

const call = (id: string, name: string, args: string) =>
  JSON.stringify([{ role: 'assistant', parts: [{ type: 'tool_call', id, name, arguments: args }] }]);
const answer = (id: string, response: string) =>
  JSON.stringify([{ role: 'tool', parts: [{ type: 'tool_call_response', id, response }] }]);

/** A run with everything late: an agent above HTTP spans, an outer and an inner call, a wrapped tool, a handoff, two agents. */
const run: readonly TestSpan[] = [
  { id: 1, name: 'POST /', attributes: http, start: 0, end: 100 },
  {
    id: 2,
    parent: 1,
    attributes: { [op]: 'invoke_agent', 'gen_ai.agent.name': 'planner', 'gen_ai.usage.input_tokens': 9 },
    start: 1,
    end: 50,
  },
  { id: 3, parent: 2, name: 'POST', attributes: http, start: 2, end: 49 },
  { id: 4, parent: 3, attributes: { 'ai.operationId': 'ai.generateText', 'gen_ai.usage.input_tokens': 9 }, start: 3, end: 20 },
  {
    id: 5,
    parent: 4,
    attributes: {
      'ai.operationId': 'ai.generateText.doGenerate',
      'gen_ai.usage.input_tokens': 9,
      'gen_ai.output.messages': call('c1', 'search', '{"q":1}'),
    },
    start: 4,
    end: 10,
  },
  {
    id: 6,
    parent: 4,
    name: 'execute_tool',
    attributes: { [op]: 'execute_tool', 'gen_ai.tool.call.id': 'c1' },
    start: 11,
    end: 19,
  },
  {
    id: 7,
    parent: 2,
    attributes: { [op]: 'chat', 'gen_ai.conversation.id': 's-1', 'gen_ai.input.messages': answer('c1', 'found') },
    start: 21,
    end: 29,
  },
  {
    id: 8,
    parent: 2,
    attributes: {
      [op]: 'execute_tool',
      'gen_ai.tool.name': 'fetch',
      'gen_ai.tool.call.arguments': '{"u":1}',
      'gen_ai.tool.call.result': 'page',
    },
    start: 30,
    end: 39,
  },
  { id: 9, parent: 8, attributes: http, start: 31, end: 38 },
  { id: 10, parent: 9, attributes: { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'fetch' }, start: 32, end: 37 },
  {
    id: 11,
    parent: 2,
    attributes: { [op]: 'handoff', 'gen_ai.handoff.from_agent': 'planner', 'gen_ai.handoff.to_agent': 'unknown' },
    start: 40,
    end: 41,
  },
  { id: 12, parent: 1, attributes: { [op]: 'invoke_agent', 'gen_ai.agent.name': 'writer' }, start: 51, end: 60 },
  { id: 13, parent: 12, attributes: { [op]: 'chat' }, start: 52, end: 59 },
  {
    id: 14,
    parent: 1,
    attributes: { [op]: 'invoke_agent', 'gen_ai.agent.name': 'critic', 'session.id': 's-2' },
    start: 61,
    end: 70,
  },
];

describe('late facts', () => {
  const final = facts(run);

  it('agents come from the nearest ancestor, through spans that are no steps', () => {
    expect(final['01/5']).toMatchObject({ agent: 'planner' });
    expect(final['01/10']).toMatchObject({ agent: 'planner' });
    expect(final['01/13']).toMatchObject({ agent: 'writer' });
  });
  it('a call with a call below it, a tool around the same tool and a total are roll-ups', () => {
    const rollups = Object.keys(final).filter((id) => final[id]!['rollup'] === true);
    expect(rollups).toEqual(['01/2', '01/4', '01/8']);
  });
  it('the earliest session binds the trace; a span that names its own keeps it', () => {
    expect(final['01/5']).toMatchObject({ session: 's-1' });
    expect(final['01/14']).toMatchObject({ session: 's-2' });
  });
  it('arguments, name and result come from the calls around', () => {
    expect(final['01/6']).toMatchObject({ tool: 'search', arguments: '{"q":1}', result: 'found' });
  });
  it('a wrapped tool borrows what it lacks', () => {
    expect(final['01/10']).toMatchObject({ rollup: false, arguments: '{"u":1}', result: 'page' });
  });
  it('a handoff to nobody goes to the agent that starts next', () => {
    expect(final['01/11']).toMatchObject({ handoff: { from: 'planner', to: 'writer' } });
  });

  it('do not depend on the order of arrival', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          run.map((_, i) => i),
          { minLength: run.length },
        ),
        (order) => {
          expect(facts(run, order)).toEqual(final);
        },
      ),
      { seed: 11, numRuns: 150 },
    );
  });

  it('do not depend on the order for random trees either', () => {
    const kinds = ['chat', 'execute_tool', 'invoke_agent', 'handoff', 'none'];
    const span = fc.record({
      up: fc.nat(20),
      kind: fc.nat(4),
      name: fc.nat(2),
      session: fc.nat(6),
      start: fc.nat(5),
      trace: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(span, { minLength: 2, maxLength: 12 }), fc.infiniteStream(fc.nat(1000)), (drafts, random) => {
        const spans = drafts.map((draft, i): TestSpan => {
          const kind = kinds[draft.kind]!;
          const attributes: Record<string, unknown> = kind === 'none' ? { ...http } : { [op]: kind };
          if (kind === 'execute_tool')
            Object.assign(attributes, { 'gen_ai.tool.name': `t${draft.name}`, 'gen_ai.tool.call.id': `c${draft.up % 3}` });
          if (kind === 'invoke_agent') attributes['gen_ai.agent.name'] = `a${draft.name}`;
          if (kind === 'chat') {
            attributes['gen_ai.output.messages'] = call(`c${draft.up % 3}`, `t${draft.name}`, `{"n":${i}}`);
            attributes['gen_ai.input.messages'] = answer(`c${draft.up % 3}`, `r${i}`);
          }
          if (draft.session === 0 && kind !== 'none') attributes['session.id'] = `s${draft.name}`;
          // Any span may be the parent of any other, a later one and itself included: input is not trusted.
          return {
            id: i + 1,
            trace: draft.trace === 0 ? 2 : 1,
            parent: (draft.up % (drafts.length + 3)) + 1,
            attributes,
            start: draft.start,
          };
        });
        const order = spans.map((_, i) => i);
        const shuffled = order.map((i) => [random.next().value as number, i] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(
          facts(
            spans,
            shuffled.map(([, i]) => i),
          ),
        ).toEqual(facts(spans));
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});

describe('the resolver', () => {
  it('tells which other steps changed, and by what', () => {
    const resolver = createResolver();
    const child = mustStep(run[4]!);
    expect(resolver.add(child)).toEqual([]);
    expect(resolver.addLink(spanId(4), spanId(2), traceId(1))).toEqual([]);
    const changes = resolver.add(mustStep(run[1]!));
    expect(changes).toEqual([{ step: child, facts: ['agent.name'] }]);
    const session = resolver.add(mustStep(run[6]!));
    expect(session.map((change) => change.facts)).toContainEqual(['session.id']);
  });

  it('ignores a span that comes twice', () => {
    const resolver = createResolver();
    resolver.add(mustStep(run[4]!));
    expect(resolver.add(mustStep(run[4]!))).toEqual([]);
    expect(resolver.size).toBe(2);
  });

  it('takes zero ids for nobody: such steps share nothing', () => {
    const seen = recordsOf([
      bodyOf([{ id: 0, attributes: { [op]: 'chat' } }]),
      bodyOf([{ id: 0, attributes: { [op]: 'chat' } }]),
    ]);
    expect(seen.steps.map((step) => step.rollup)).toEqual([false, false]);
  });

  it('forgets the oldest and counts them', () => {
    const resolver = createResolver({ spans: 100, calls: 5 });
    for (let i = 1; i <= 1000; i++) {
      resolver.add(mustStep({ id: i, attributes: { [op]: 'execute_tool', 'gen_ai.tool.call.id': `c${i}` } }));
    }
    expect(resolver.size).toBe(100);
    expect(resolver.forgotten).toBe(900);
  });

  it('survives long chains and cycles', () => {
    const resolver = createResolver({ spans: 20_000 });
    for (let i = 10_000; i > 0; i--) resolver.addLink(spanId(i), spanId(i - 1), traceId(1));
    const leaf = mustStep({ id: 20_000, parent: 10_000, attributes: { [op]: 'chat' } });
    resolver.add(leaf);
    resolver.add(mustStep({ id: 20_001, parent: 20_001, attributes: { [op]: 'invoke_agent', 'gen_ai.agent.name': 'self' } }));
    expect(leaf.agent).toBeUndefined();
  });

  it('takes the failure of a Claude Code tool from its execution', () => {
    const scope = 'com.anthropic.claude_code.tracing';
    const spans: TestSpan[] = [
      {
        id: 2,
        parent: 1,
        scope,
        name: 'claude_code.tool.execution',
        attributes: { 'span.type': 'tool.execution', success: 'false', error: 'exit 1' },
      },
      { id: 1, scope, name: 'claude_code.tool', attributes: { 'span.type': 'tool', tool_name: 'Bash' } },
    ];
    expect(facts(spans)['01/1']).toMatchObject({ outcome: 'error' });
    expect(facts(spans, [1, 0])['01/1']).toMatchObject({ outcome: 'error' });
  });

  it("names a sub-agent's steps after the tool that started it", () => {
    const scope = 'com.anthropic.claude_code.tracing';
    const spans: TestSpan[] = [
      { id: 3, parent: 2, scope, attributes: { 'span.type': 'llm_request', agent_id: 'x' } },
      { id: 2, parent: 1, scope, attributes: { 'span.type': 'tool.execution' } },
      { id: 1, scope, attributes: { 'span.type': 'tool', tool_name: 'Agent', subagent_type: 'reviewer' } },
    ];
    expect(facts(spans)['01/3']).toMatchObject({ agent: 'reviewer', stated: undefined });
    expect(facts(spans)['01/1']).toMatchObject({ agent: undefined });
  });
});

describe('the record of replay', () => {
  it('prints what the span reports', () => {
    const step = mustStep({
      id: 7,
      attributes: {
        [op]: 'chat',
        'gen_ai.request.model': 'a',
        'gen_ai.response.model': 'b',
        'llm.model_name': 'c',
        'gen_ai.usage.input_tokens': 3,
        'gen_ai.usage.output_tokens': 0,
      },
    });
    expect(stepRecord(step, 'file.json')).toEqual({
      kind: 'step',
      source: 'file.json',
      trace_id: traceId(1),
      span_id: spanId(7),
      session_id: null,
      step: 'llm',
      agent: null,
      models: ['a', 'b', 'c'],
      tool: null,
      tokens: { input: 3, output: 0 },
      outcome: 'ok',
      rollup: false,
      dialects: ['gen_ai'],
    });
  });
});
