// Every sample of Claude Code and its SDK beside the repository against counts taken from the raw files.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { NormalisedSpan } from '../../../src/dialects/normalise.ts';
import { lookAtAll, stepsOf } from '../testing.ts';
import { claudeCode } from './claude-code.ts';

const folder = resolve(import.meta.dirname, '../../../../shared/eval/frameworks');
const there = existsSync(join(folder, 'EXPECTED.json'));

interface Counts {
  readonly lines: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly tool_calls: number;
  readonly tool_results: number;
  readonly tool_errors: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly unparsed_lines: number;
}

const samples = (name: string) => (there ? readdirSync(join(folder, name)).filter((file) => !file.endsWith('.md')) : []);

function payloadOf(path: string): unknown {
  const text = readFileSync(join(folder, path), 'utf8');
  if (path.endsWith('.yaml')) return parse(text);
  if (!path.endsWith('.jsonl')) return JSON.parse(text);
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as unknown);
}

const sum = (values: readonly (number | undefined)[]) => values.reduce<number>((total, one) => total + (one ?? 0), 0);
const totals = (steps: readonly NormalisedSpan[]) =>
  steps.flatMap((step) =>
    step.parentId === '' ? [step.extra['run.total'] as { records: Record<string, number>; unread?: number }] : [],
  );

describe.runIf(there || process.env['CI'] !== undefined)('samples', () => {
  const expected = there ? (JSON.parse(readFileSync(join(folder, 'EXPECTED.json'), 'utf8')) as Record<string, Counts>) : {};
  const counted = Object.keys(expected).filter((path) => path.startsWith('claude-code/'));

  it('are there', () => {
    expect(counted.length).toBe(3);
    expect(samples('claude-code').length + samples('claude-agent-sdk').length).toBe(10);
  });

  it.each(counted)('%s has the calls, results, requests and tokens of the file', (path) => {
    const steps = stepsOf(claudeCode(payloadOf(path)));
    const tools = steps.filter(({ kind }) => kind === 'tool');
    const requests = steps.filter(({ kind }) => kind === 'llm');
    const lines: Record<string, number> = {};
    for (const { records } of totals(steps))
      for (const [type, n] of Object.entries(records))
        lines[type === 'other' ? 'None' : type] = (lines[type === 'other' ? 'None' : type] ?? 0) + n;
    expect({
      lines,
      requests: requests.length,
      tool_calls: tools.length,
      tool_results: tools.filter(({ tool }) => tool?.result !== undefined).length,
      tool_errors: tools.filter(({ error }) => error !== undefined).length,
      input_tokens: sum(requests.map(({ tokens }) => tokens?.input)),
      output_tokens: sum(requests.map(({ tokens }) => tokens?.output)),
      unparsed_lines: sum(totals(steps).map(({ unread }) => unread)),
    }).toEqual(expected[path]);
  });

  it.each([
    ...samples('claude-code').map((file) => `claude-code/${file}`),
    ...samples('claude-agent-sdk').map((file) => `claude-agent-sdk/${file}`),
  ])('%s: every call has an end, ids are unique, and twice is the same', (path) => {
    const steps = stepsOf(claudeCode(payloadOf(path)));
    for (const step of steps) lookAtAll(step);
    expect(new Set(steps.map((step) => step.spanId)).size).toBe(steps.length);
    expect(stepsOf(claudeCode(payloadOf(path))).map((step) => step.spanId)).toEqual(steps.map((step) => step.spanId));
    expect(steps.some(({ kind }) => kind === 'llm')).toBe(true);
  });

  // Counted by hand: calls, results, requests, tokens (cached ones included), turns, cost.
  it.each([
    ['logfire_basic_conversation.json'],
    ['logfire_tool_use_conversation.json'],
    ['oi_test_client_tool_hooks_create_tool_spans.yaml'],
    ['oi_test_query_real_agent_span.yaml'],
    ['oi_test_query_tool_fallback_when_hooks_unavailable.yaml'],
    ['oi_test_query_tool_spans_from_messages.yaml'],
  ])('claude-agent-sdk/%s agrees with its own result message', (file) => {
    const payload = payloadOf(`claude-agent-sdk/${file}`) as { messages: readonly Record<string, unknown>[] };
    const records = payload.messages.map((one) =>
      one['direction'] === undefined ? one : (one['message'] as Record<string, unknown>),
    );
    const result = records.findLast((one) => one['type'] === 'result') as Record<string, unknown>;
    const steps = stepsOf(claudeCode(payload));
    const root = steps.find(({ parentId }) => parentId === '')!;
    expect(root).toMatchObject({ kind: 'agent', outcome: 'ok', sessionId: result['session_id'], cost: result['total_cost_usd'] });
    expect(root.traceId).toBe(String(result['session_id']).replaceAll('-', ''));
    expect(root.extra).toMatchObject({ 'run.status': 'success', 'run.total': { turns: result['num_turns'] } });
    const calls = new Set<unknown>();
    const ended = new Set<unknown>();
    for (const record of records) {
      const content = ((record['message'] as Record<string, unknown> | undefined)?.['content'] ?? []) as readonly Record<
        string,
        unknown
      >[];
      for (const block of Array.isArray(content) ? content : []) {
        if (block['type'] === 'tool_use') calls.add(block['id']);
        if (block['type'] === 'tool_result') ended.add(block['tool_use_id']);
      }
    }
    const tools = steps.filter(({ kind }) => kind === 'tool');
    expect(tools.map(({ tool }) => tool?.callId)).toEqual([...calls]);
    expect(tools.filter(({ tool }) => tool?.result !== undefined).length).toBe(ended.size);
  });
});
