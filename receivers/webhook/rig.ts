/** For the tests of the receiver: it on a free port, a host of real parts, a pipeline that can refuse, small payloads. */
import type { Batch } from '../../src/batch/batch.ts';
import type { Admission, Clock, Component } from '../../src/component/component.ts';
import { clock as realClock, testHost } from '../../src/component/testing.ts';
import { type Ask, ask, type HttpAnswer } from '../../src/component/transport/testing.ts';
import { createAdmission } from '../../src/service/admission.ts';
import { type Book, createBook } from '../../src/service/ledger.ts';
import { createRegistry, type Registry } from '../../src/service/meter.ts';
import { options } from './options.ts';
import type { Route } from './routes.ts';
import { createWebhookReceiver } from './webhook.ts';

export interface Rig {
  readonly got: Batch[];
  readonly book: Book;
  readonly registry: Registry;
  readonly admission: Admission;
  readonly logs: ReturnType<typeof testHost>['logs'];
  /** What the pipeline says; `undefined` = takes at once. */
  reply: (batch: Batch) => Promise<void> | undefined;
  send(path: string, body: unknown, more?: Ask): Promise<Answer>;
  /** Where it listens, as host:port. */
  address(): string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface Answer extends HttpAnswer {
  readonly json: Record<string, unknown>;
}

interface Setting {
  readonly extensions?: Readonly<Record<string, Component>>;
  readonly clock?: Clock;
  readonly table?: ReadonlyMap<string, Route>;
}

export async function rig(given: object = {}, { extensions = {}, clock = realClock, table }: Setting = {}): Promise<Rig> {
  const registry = createRegistry();
  const book = createBook(registry);
  const host = {
    ...testHost(clock, extensions),
    meter: registry,
    ledger: book.scope(),
    admission: createAdmission(() => 0),
  };
  const got: Batch[] = [];
  const consumer = {
    consume(batch: Batch) {
      got.push(batch);
      return made.reply(batch);
    },
  };
  const parsed = options.parse({ endpoint: '127.0.0.1:0', ...given });
  const create = () => createWebhookReceiver('webhook', parsed, new Map([['traces', consumer]]), [], table);
  let receiver = create();
  await receiver.start(host);
  const made: Rig = {
    got,
    book,
    registry,
    admission: host.admission,
    logs: host.logs,
    reply: () => undefined,
    async send(path, body, more = {}) {
      const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      const headers = { 'content-type': 'application/json', ...more.headers };
      const answer = await ask(made.address(), { path, body: bytes, ...more, headers });
      const isJson = String(answer.headers['content-type']).includes('json');
      return { ...answer, json: isJson ? (JSON.parse(answer.body.toString()) as Record<string, unknown>) : {} };
    },
    address: () => receiver.address() ?? '',
    async restart() {
      await receiver.shutdown(AbortSignal.timeout(5_000));
      receiver = create();
      await receiver.start(host);
    },
    stop: () => receiver.shutdown(AbortSignal.timeout(5_000)),
  };
  return made;
}

/** One failed execution of two nodes, and the same for the other frameworks: ours, not recorded. */
export const payloads = {
  n8n: {
    executionId: '231',
    workflowId: 'wf1',
    workflowName: 'Orders',
    mode: 'trigger',
    startedAt: '2026-11-01T10:00:00.000Z',
    status: 'error',
    data: {
      resultData: {
        runData: {
          Start: [{ startTime: 1_793_527_200_000, executionTime: 2, executionIndex: 0, data: { main: [[{ json: { id: 1 } }]] } }],
          Fetch: [
            {
              startTime: 1_793_527_200_002,
              executionTime: 40,
              executionIndex: 1,
              executionStatus: 'error',
              error: { name: 'NodeApiError', message: 'The service refused the connection' },
            },
          ],
        },
      },
    },
  },
  dify: {
    workflow_run_id: 'run-7',
    app_id: 'app',
    app_type: 'workflow',
    started_at: '2026-11-01T10:00:00Z',
    status: 'succeeded',
    nodes: [
      { node_id: 'a', node_type: 'start', title: 'Start' },
      { node_id: 'b', node_type: 'llm', title: 'Answer', outputs: { text: 'yes' } },
      { node_id: 'c', node_type: 'end', title: 'End' },
    ],
  },
  langgraph: {
    run_id: 'run-8',
    assistant_id: 'as',
    thread_id: 'th',
    graph_id: 'agent',
    started_at: '2026-11-01T10:00:00Z',
    status: 'completed',
    steps: [{ node: 'plan', output: { next: 'act' } }],
  },
  openclaw: {
    session_id: 's-9',
    instance_id: 'i',
    agent_name: 'claw',
    channel: 'whatsapp',
    started_at: '2026-11-01T10:00:00Z',
    events: [
      { type: 'message.received', timestamp: '2026-11-01T10:00:01Z', data: { content: 'hello' } },
      { type: 'message.sent', timestamp: '2026-11-01T10:00:02Z', data: { content: 'hi' } },
    ],
  },
  'claude-code': {
    session_id: 's-10',
    hook_event_name: 'PostToolUse',
    tool_name: 'Bash',
    tool_use_id: 't',
    tool_input: { command: 'ls' },
  },
  'managed-agents': {
    session_id: 's-11',
    events: [{ type: 'user.message', id: 'e1', processed_at: '2026-11-01T10:00:00Z', content: [{ type: 'text', text: 'hi' }] }],
  },
  openai: { id: 'resp_12', object: 'response', status: 'completed', model: 'm', created_at: 1_793_527_200, output: [] },
  bedrock: {
    events: [{ sessionId: 's-13', trace: { orchestrationTrace: { rationale: { text: 'I look.', traceId: 't-0' } } } }],
  },
  adk: {
    id: 's-14',
    appName: 'app',
    events: [
      { invocationId: 'i', author: 'agent', timestamp: 1_793_527_200, content: { role: 'model', parts: [{ text: 'hi' }] } },
    ],
  },
  conversations: {
    conversation_id: 'c-15',
    messages: [
      { role: 'user', content: 'hello' },
      {
        role: 'assistant',
        content: [{ type: 'text', text: 'hi' }],
        tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'done' },
    ],
  },
} as const;

/** An OTLP request of one span. */
export const otlp = {
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'a', startTimeUnixNano: '1' }],
        },
      ],
    },
  ],
};
