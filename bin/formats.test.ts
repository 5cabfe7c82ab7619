// Every labelled webhook body beside the repository becomes spans; formats are told by shape; replay plays them.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { lookAtAll, stepsOf } from '../receivers/webhook/testing.ts';
import { documents, formatOf } from './formats.ts';

const root = resolve(import.meta.dirname, '..');
const shared = resolve(root, '../shared/eval');
const there = existsSync(join(shared, 'dev'));

describe('a format is told by shape', () => {
  it.each<[string, unknown]>([
    ['otlp', { resourceSpans: [] }],
    ['otlp', null],
    ['otlp', { anything: 1 }],
    ['dify', { workflow_run_id: 'r', nodes: [] }],
    ['n8n', { executionId: '1', data: {} }],
    ['n8n', { nodes: [], connections: {} }],
    ['n8n', { id: 1, workflowData: {} }],
    ['langgraph', { run_id: 'r', steps: [] }],
    ['langgraph', { run_id: 'r', thread_id: 't' }],
    ['openai', { data: [{ object: 'trace', id: 'trace_1' }] }],
    ['openai', { interactions: [{ request: { uri: 'https://api.openai.com/v1/responses' } }] }],
    ['openai', [{ data: [{ object: 'trace.span', span_data: {} }] }]],
    ['openai', [{ id: 'r', object: 'response', status: 'completed', output: [] }]],
    ['openai', [{ type: 'response.created', sequence_number: 0, response: {} }]],
    ['otlp', { interactions: [{ request: { uri: { toString: 1 } } }] }],
    ['openclaw', { session_id: 's', events: [] }],
    ['logs', { resourceLogs: [] }],
    ['claude-code', { session_id: 's', hook_event_name: 'Stop' }],
    ['claude-code', { conversation_id: 'c', hook_event_name: 'stop' }],
    ['managed-agents', [{ type: 'user.message', id: 'e', processed_at: null }]],
    ['claude-code', [{ type: 'summary', summary: 's', leafUuid: 'u' }]],
    ['claude-code', [{ type: 'user', uuid: 'u', sessionId: 's', message: {} }]],
    ['conversation', { messages: [{ role: 'user', content: 'a' }] }],
    ['conversation', { messages: [{ role: 'user', content: 'a' }, 1, 2] }],
  ])('%s: %j', (format, payload) => {
    expect(formatOf(payload)).toBe(format);
  });

  it('and a name that is none is refused', () => {
    expect(() => documents('constructor', {})).toThrow(
      /format constructor: unknown, must be auto or one of otlp, n8n, dify, langgraph, openclaw, logs/,
    );
  });
});

const built = join(root, 'dist/bin/misstep.js');

describe.skipIf(!existsSync(built))('replay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'misstep-formats-'));
  const body = {
    run_id: '0123456789abcdef0123456789abcdef',
    thread_id: 't',
    steps: [{ node_id: 'a', node_type: 'tool', outputs: { x: 1 } }],
  };
  it.each(['auto', 'langgraph'])('--format %s plays a body, a list of them and JSON lines', (format) => {
    writeFileSync(join(folder, 'one.json'), JSON.stringify(body));
    writeFileSync(join(folder, 'list.json'), JSON.stringify([body]));
    writeFileSync(join(folder, 'lines.jsonl.gz'), gzipSync(`${JSON.stringify(body)}\n`));
    for (const file of ['one.json', 'list.json', 'lines.jsonl.gz']) {
      const out = execFileSync(process.execPath, [built, 'replay', '--format', format, '--output', 'steps', join(folder, file)], {
        encoding: 'utf8',
      });
      const steps = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { step: string; trace_id: string });
      expect(steps.map((step) => [step.step, step.trace_id]).sort()).toEqual([
        ['tool', body.run_id],
        ['workflow', body.run_id],
      ]);
    }
  });
});

/** Folder, file, format and the member that is the run's id. */
const sets = [
  ['golden/dify', 'dify', 'workflow_run_id'],
  ['golden/langgraph', 'langgraph', 'run_id'],
  ['golden/openclaw', 'openclaw', 'session_id'],
  ['golden/n8n', 'n8n', 'executionId'],
  ['n8n/n8n', 'n8n', 'executionId'],
  ['shell_risk_openclaw/openclaw', 'openclaw', 'session_id'],
] as const;

describe.runIf(there || process.env['CI'] !== undefined)('the labelled sets', () => {
  it.each(sets)('every body of %s becomes steps under its own trace id', (file, format, idKey) => {
    const lines = gunzipSync(readFileSync(join(shared, 'dev', `${file}.jsonl.gz`)))
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const payload = JSON.parse(line) as Record<string, unknown>;
      expect(formatOf(payload)).toBe(format);
      const steps = stepsOf(documents('auto', payload));
      for (const step of steps) lookAtAll(step);
      expect(steps[0]!.traceId).toBe(payload[idKey]);
      expect(new Set(steps.map((step) => step.spanId)).size).toBe(steps.length);
      const given = (payload['nodes'] ?? payload['steps'] ?? payload['events'] ?? []) as readonly Record<string, unknown>[];
      const results = given.filter((one) => one['type'] === 'tool.result').length;
      // Every element is a span, but results that joined their calls.
      expect(steps.length).toBeGreaterThanOrEqual(given.length - results);
    }
  });
});

interface WorkflowFacts {
  readonly nodes: number;
  readonly main_edges: number;
  readonly ai_edges: number;
  readonly disabled: number;
  readonly on_error: number;
  readonly retry: number;
  readonly http_nodes: number;
}

describe.runIf(there || process.env['CI'] !== undefined)('workflows that others published', () => {
  const folder = join(shared, 'frameworks');
  const expected = there
    ? (JSON.parse(readFileSync(join(folder, 'EXPECTED.json'), 'utf8')) as Record<string, WorkflowFacts>)
    : {};
  const files = there ? readdirSync(join(folder, 'n8n-workflows')).filter((file) => file.endsWith('.json')) : [];

  it.each(files)('%s keeps its nodes, edges and settings', (file) => {
    const [step] = stepsOf(documents('auto', JSON.parse(readFileSync(join(folder, 'n8n-workflows', file), 'utf8'))));
    const nodes = (
      step!.extra['graph.nodes'] as readonly { type: string; disabled?: boolean; settings?: Record<string, unknown> }[]
    ).filter(({ type }) => !type.endsWith('.stickyNote'));
    const edges = step!.extra['graph.edges'] as readonly { type: string }[];
    const count = (test: (node: (typeof nodes)[number]) => boolean) => nodes.filter(test).length;
    expect({
      nodes: nodes.length,
      main_edges: edges.filter(({ type }) => type === 'main').length,
      ai_edges: edges.filter(({ type }) => type !== 'main').length,
      disabled: count(({ disabled }) => disabled === true),
      on_error: count(({ settings }) => settings?.['onError'] !== undefined || settings?.['continueOnFail'] === true),
      retry: count(({ settings }) => settings?.['retryOnFail'] === true),
      http_nodes: count(({ type }) => type === 'n8n-nodes-base.httpRequest'),
    }).toMatchObject({ ...pick(expected[`n8n-workflows/${file}`]!) });
  });

  it('the debug stream of a real run is steps and checkpoints', () => {
    const events = readFileSync(join(folder, 'langgraph/platform_debug_events.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
    const documentsOf = documents('langgraph', { run_id: '01994ed8-29c4-7108-93d4-d649c7a9e370', steps: events });
    const steps = stepsOf(documentsOf);
    expect(steps.length - 1).toBe(7);
    expect((steps[0]!.extra['checkpoints'] as readonly unknown[]).length).toBe(9);
    expect(JSON.stringify(documentsOf)).not.toMatch(/Bearer|x-real-ip|user-agent/);
  });
});

function pick({ nodes, main_edges, ai_edges, disabled, on_error, retry, http_nodes }: WorkflowFacts): WorkflowFacts {
  return { nodes, main_edges, ai_edges, disabled, on_error, retry, http_nodes };
}
