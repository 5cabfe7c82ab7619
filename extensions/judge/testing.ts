/** For tests of the judge: a finding, a step, and a server that speaks the two APIs by script. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Finding } from '../../src/detector/finding.ts';
import type { Milestone } from '../../src/detector/judge.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

export function milestone(n: number, more: Partial<Milestone> = {}): Milestone {
  return {
    traceId: TRACE,
    spanId: n.toString(16).padStart(16, '0'),
    kind: 'tool',
    agent: 'planner',
    tool: 'ls',
    model: undefined,
    outcome: 'ok',
    startMs: 0,
    durationMs: 120,
    outputTokens: undefined,
    excerpts: {},
    ...more,
  };
}

export function findingOf(more: Partial<Finding> = {}): Finding {
  return {
    id: '11111111111111111111111111111111',
    revision: 0,
    detector: 'loop',
    message: 'repeated',
    category: 'execution',
    version: 1,
    tier: 1,
    scope: 'agent',
    severity: 'medium',
    score: 0.5,
    confidence: 0.6,
    tenant: 'default',
    windowKey: 'trace:x',
    sessionId: undefined,
    agent: 'planner',
    at: { traceId: TRACE, spanId: '0000000000000001' },
    evidence: [],
    explanation: "Tool 'ls' ran 5 times in a row.",
    impact: '',
    action: '',
    taxonomy: {},
    data: {},
    atMs: 0,
    ...more,
  };
}

export interface Asked {
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Scripted {
  readonly server: Server;
  readonly url: string;
  readonly asked: Asked[];
  /** What comes next; by default a model that confirms. */
  script: (response: ServerResponse, asked: Asked) => void;
  close(): Promise<void>;
}

/** On a free port of the loopback. */
export async function scripted(): Promise<Scripted> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part.toString();
    });
    request.on('end', () => {
      const one = { url: request.url, headers: request.headers, body };
      asked.push(one);
      self.script(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: Scripted = {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    script: (response, one) => says(response, one, { verdict: 'confirmed', reason: 'shown_by_steps', steps: ['s1'] }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}

/** As the API that was asked would say it. `text` is the model's: JSON of what is no string. */
export function says(response: ServerResponse, { url }: Asked, text: unknown, usage: unknown = [900, 40]): void {
  const content = typeof text === 'string' ? text : JSON.stringify(text);
  const [input, output] = Array.isArray(usage) ? (usage as unknown[]) : [usage, usage];
  const body = url?.endsWith('/messages')
    ? { content: [{ type: 'text', text: content }], usage: { input_tokens: input, output_tokens: output } }
    : { choices: [{ message: { content } }], usage: { prompt_tokens: input, completion_tokens: output } };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
