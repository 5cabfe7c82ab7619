/**
 * Health over HTTP, for probes and people.
 *
 *     GET <path>    the Collector's answer: 200 `Server available` while the service runs, else 503
 *     GET /ready    200, or 503 with the reasons: a component fails, a queue is nearly full
 *     GET /status   every component with its state and reason, and what they provide: ledger, queues, windows, detectors
 *     GET /findings live findings, one JSON object a line (see `findings.ts`)
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { formatDuration } from '../../config/units.ts';
import type { Component, ExtensionFactory, Host } from '../../src/component/component.ts';
import { isLoopback, listen, namesThisMachine } from '../../src/component/transport/endpoint.ts';
import { FindingsFeed } from './findings.ts';

/** Probes are small and quick: what takes longer holds a socket and nothing else. */
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;

const options = z
  .strictObject({
    endpoint: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]*):\d{1,5}$/, 'must be host:port, e.g. localhost:13133.')
      .default('localhost:13133')
      .describe('Where it listens.'),
    insecure: z
      .boolean()
      .default(false)
      .describe(
        'Allows an endpoint that other machines reach; health, status and live findings are served without authentication.',
      ),
    path: z.string().startsWith('/').default('/').describe('Path of the plain health answer.'),
  })
  .superRefine(({ endpoint, insecure }, context) => {
    const { host, port } = split(endpoint);
    if (port > 65_535) context.addIssue({ code: 'custom', path: ['endpoint'], message: `port ${port} is above 65535.` });
    if (insecure || isLoopback(host)) return;
    context.addIssue({
      code: 'custom',
      path: ['endpoint'],
      message: `${endpoint} is reached from other machines and health is served without authentication. Bind localhost, or set 'insecure: true' beside the endpoint.`,
    });
  });

type Options = z.output<typeof options>;

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'health_check',
  stability: 'beta',
  summary: 'Answers health probes truthfully: liveness, readiness with reasons, status by component.',
  options,
  create: (id, value) => createHealthCheck(value, id),
};

/** `port` is the one it listens on, also when 0 was asked for. */
export function createHealthCheck(value: Options, id = 'health_check'): Component & { readonly port: number } {
  const { port } = split(value.endpoint);
  let server: Server | undefined;
  return {
    get port() {
      return (server?.address() as AddressInfo | null | undefined)?.port ?? port;
    },
    async start(host) {
      const upSince = host.clock.now();
      const feed = new FindingsFeed(host, id);
      const made = createServer(
        { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
        (request, response) => respond(request, response, value, upSince, host, feed),
      );
      await listen(made, value.endpoint);
      server = made;
    },
    async shutdown() {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      await new Promise<void>((resolve) => {
        closing.close(() => resolve());
        closing.closeAllConnections();
      });
    },
  };
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { path: plain, insecure }: Options,
  upSince: number,
  host: Host,
  feed: FindingsFeed,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const path = request.url?.split('?', 1)[0] ?? '/';
  const end = ({ code, body }: Answer): void => {
    response
      .writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(`${JSON.stringify(body)}\n`);
  };
  // A page in a browser of this machine may have its own name resolve to 127.0.0.1 to read what is found.
  if ((path === '/status' || path === '/findings') && !insecure && !namesThisMachine(request.headers.host ?? '')) {
    end({ code: 403, body: { error: 'The Host header must name this machine: localhost, 127.0.0.1 or [::1].' } });
  } else if (path === '/findings' && request.method === 'GET') {
    if (!feed.serve(response)) end({ code: 503, body: { error: 'Too many readers of findings. Close one.' } });
  } else end(answer(path, plain, upSince, host));
}

interface Answer {
  readonly code: number;
  readonly body: unknown;
}

function answer(path: string, plain: string, upSince: number, host: Host): Answer {
  const { ready, reasons } = host.readiness();
  const now = host.clock.now();
  if (path === '/ready') return { code: ready ? 200 : 503, body: { ready, reasons } };
  if (path === '/status') {
    return {
      code: 200,
      body: {
        schema: 1,
        ready,
        reasons,
        up_since: new Date(upSince).toISOString(),
        uptime: formatDuration(now - upSince),
        components: Object.fromEntries(host.statuses()),
        ...host.facts(),
      },
    };
  }
  if (path !== plain) return { code: 404, body: { error: `Nothing is here. Try ${plain}, /ready, /status or /findings.` } };
  // Liveness: a probe that restarts the process because a backend is away would lose the queue. So only /ready hears of that.
  const down = [...host.statuses().values()].some(({ state }) => state === 'starting' || state === 'stopped');
  if (down) return { code: 503, body: { status: 'Server not available' } };
  return {
    code: 200,
    body: { status: 'Server available', upSince: new Date(upSince).toISOString(), uptime: formatDuration(now - upSince) },
  };
}

/** An empty host is every interface, as in the Collector. */
function split(endpoint: string): { readonly host: string; readonly port: number } {
  const at = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host: host === '' ? '0.0.0.0' : host, port: Number(endpoint.slice(at + 1)) };
}
