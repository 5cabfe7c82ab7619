/**
 * Made-up runs of agents as spans, from a seed: sessions and traces without one, agents within agents, model calls that state
 * what tools were called with, spans that are no steps, errors and repetitions. Made to go wrong often; nothing in it is a recording.
 */
import type { Value } from '../../otlp/span.ts';
import { seeded } from '../../otlp/testing/encode.ts';
import { type NewSpan, writeTraces } from '../../otlp/write.ts';

export interface RunsOptions {
  readonly seed: number;
  readonly runs: number;
  /** Spans of each run. */
  readonly spans: number;
  /** Unix ms at which they begin. */
  readonly startMs?: number;
}

/** Spans of all runs in the order in which they end. */
export function makeRuns({ seed, runs, spans, startMs = 1_790_000_000_000 }: RunsOptions): NewSpan[] {
  const random = seeded(seed);
  const all = Array.from({ length: runs }, (_, run) => makeRun(random, `s${seed}-${run}`, spans, startMs)).flat();
  return all.sort((a, b) => Number(a.endNs - b.endNs));
}

/** One request with these spans. */
export function requestOf(spans: readonly NewSpan[]): Uint8Array {
  return writeTraces([{ resource: { 'service.name': 'made-up' }, scope: { name: 'app', version: '1' }, spans }]);
}

const tools = ['search', 'read_file', 'book_flight'];
const answers = ['{"hits":[]}', 'Error: connection refused', '{"ok":true,"price":120}', 'not found'];
const texts = [
  'I could not find it, I try again.',
  'The task is done and all tests pass.',
  'Let me search once more.',
  'It costs 120.',
];

function makeRun(random: () => number, name: string, count: number, startMs: number): NewSpan[] {
  const hex = (digits: number): string => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const session = random() < 0.7 ? name : undefined;
  const names = [`planner`, `worker`].slice(0, 1 + Math.floor(random() * 2));
  const spans: NewSpan[] = [];
  const traces = Array.from({ length: session === undefined ? 1 : 1 + Math.floor(random() * 2) }, () => hex(32));
  const roots = new Map(traces.map((trace) => [trace, hex(16)]));
  const text = (parts: object): string => JSON.stringify([parts]);
  let at = startMs + Math.floor(random() * 1_000);
  let callId = '';
  for (let i = 0; i < count; i++) {
    const traceId = traces[Math.min(traces.length - 1, Math.floor((i / count) * traces.length))] as string;
    const root = roots.get(traceId) as string;
    const attributes: Record<string, Value> = {};
    if (session !== undefined && random() < 0.5) attributes['gen_ai.conversation.id'] = session;
    if (random() < 0.5) attributes['gen_ai.agent.name'] = pick(names);
    const kind = random();
    const last = spans.at(-1);
    at += 50 + Math.floor(random() * 300);
    let title = 'GET /';
    let failed = false;
    if (kind < 0.45) {
      const tool = pick(tools);
      title = `execute_tool ${tool}`;
      failed = random() < 0.2;
      Object.assign(attributes, { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool });
      if (random() < 0.8) attributes['gen_ai.tool.call.arguments'] = JSON.stringify({ query: pick(['a', 'b']) });
      if (random() < 0.7) attributes['gen_ai.tool.call.result'] = pick(answers);
      if (callId !== '') attributes['gen_ai.tool.call.id'] = callId;
    } else if (kind < 0.8) {
      title = 'chat gpt-4o';
      const before = callId;
      callId = `call_${hex(6)}`;
      const parts: object[] = [{ type: 'text', content: pick(texts) }];
      parts.push({ type: 'tool_call', id: callId, name: pick(tools), arguments: { query: pick(['a', 'b']) } });
      const said =
        before === ''
          ? { type: 'text', content: 'Find me a flight.' }
          : { type: 'tool_call_response', id: before, response: pick(answers) };
      Object.assign(attributes, {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 500 * (i + 1),
        'gen_ai.usage.output_tokens': 100,
        'gen_ai.input.messages': text({ role: before === '' ? 'user' : 'tool', parts: [said] }),
        'gen_ai.output.messages': text({ role: 'assistant', parts, finish_reason: 'tool_call' }),
      });
    } else if (kind < 0.9) {
      title = `invoke_agent ${pick(names)}`;
      Object.assign(attributes, { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': pick(names) });
    }
    spans.push({
      traceId,
      spanId: hex(16),
      parentId: last !== undefined && last.traceId === traceId && random() < 0.3 ? last.spanId : root,
      name: title,
      kind: 1,
      startNs: nanoseconds(at - 40),
      endNs: nanoseconds(at),
      attributes,
      events: [],
      links: [],
      ...(failed ? { status: { code: 2, message: 'it failed' } } : {}),
    });
  }
  for (const [traceId, spanId] of roots) {
    const attributes: Record<string, Value> = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' };
    if (session !== undefined) attributes['gen_ai.conversation.id'] = session;
    at += 20;
    const [startNs, endNs] = [nanoseconds(startMs), nanoseconds(at)];
    spans.push({
      traceId,
      spanId,
      parentId: hex(16),
      name: 'invoke_agent planner',
      kind: 1,
      startNs,
      endNs,
      attributes,
      events: [],
      links: [],
    });
  }
  return spans;
}

function nanoseconds(ms: number): bigint {
  return BigInt(ms) * 1_000_000n;
}
