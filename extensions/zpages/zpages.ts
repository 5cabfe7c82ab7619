/**
 * One page of what the sidecar does now: health, pipelines, queues, coverage, live detections.
 *
 *     GET /          the page; everything it needs is in it
 *     GET /status    what it shows, and the detections that are kept
 *     GET /events    detections from now on, as server-sent events
 *     GET /steps     of `?tenant=&trace=`, without their content, from the database if one is named
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Component, ExtensionFactory, Host } from '../../src/component/component.ts';
import { recordsOf } from '../../src/component/records.ts';
import {
  closeServer,
  endpoint,
  isLoopback,
  listen,
  namesThisMachine,
  parseEndpoint,
} from '../../src/component/transport/endpoint.ts';
import { Live } from './live.ts';

/** Readers are few and near: what takes longer holds a socket and nothing else. */
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;

/** Rows of a waterfall: more than a person looks through. */
const MOST_STEPS = 500;
const MOST_NAME = 200;

const options = z
  .strictObject({
    endpoint: endpoint('localhost:55679').describe('Where it listens. The default is that of the Collector.'),
    database: z
      .string()
      .min(1)
      .optional()
      .describe('The extension that keeps the steps. Without it a detection shows the ids of its steps only.'),
    insecure: z
      .boolean()
      .default(false)
      .describe('Allows an endpoint that other machines reach; the page and its detections are served without authentication.'),
  })
  .superRefine(({ endpoint: text, insecure }, context) => {
    const where = parseEndpoint(text);
    if (where === undefined || insecure || isLoopback(where.host)) return;
    context.addIssue({
      code: 'custom',
      path: ['endpoint'],
      message: `${text} is reached from other machines and detections are served without authentication. Bind localhost, or set 'insecure: true' beside the endpoint.`,
    });
  });

type Options = z.output<typeof options>;

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'zpages',
  stability: 'alpha',
  summary: 'Serves one page of health, pipelines, coverage and live detections.',
  options,
  create: (id, value) => createZpages(value, id),
};

/** `port` is the one it listens on, also when 0 was asked for. */
export function createZpages(value: Options, id = 'zpages'): Component & { readonly port: number } {
  let server: Server | undefined;
  let live: Live | undefined;
  let port = 0;
  return {
    get port() {
      return port;
    },
    async start(host) {
      const page = readPage();
      const upSince = new Date(host.clock.now()).toISOString();
      const { database } = value;
      const records = database === undefined ? undefined : recordsOf(database, host.extension(database));
      const steps: Served['steps'] = async (tenant, trace) => {
        const rows = (await records?.of(tenant).steps(trace, MOST_STEPS)) ?? [];
        return rows.map(({ span_id, parent_id, kind, name, agent, tool, outcome, started_ms, ended_ms }) => {
          return { span_id, parent_id, kind, name: name.slice(0, MOST_NAME), agent, tool, outcome, started_ms, ended_ms };
        });
      };
      const feed = new Live(host, id);
      const made = createServer(
        { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
        (request, response) => {
          const status = () => ({ ...statusOf(host), up_since: upSince, ...feed.read() });
          respond(request, response, { page, status, steps, live: feed, anyHost: value.insecure });
        },
      );
      try {
        const bound = await listen(made, value.endpoint);
        port = Number(bound.slice(bound.lastIndexOf(':') + 1));
        host.logger.log('info', 'The live page is served.', { url: `http://${bound}/` });
        const where = parseEndpoint(value.endpoint);
        if (where !== undefined && !isLoopback(where.host)) {
          host.logger.log('warn', 'Detections are served to other machines without authentication.', {
            endpoint: value.endpoint,
          });
        }
      } catch (error) {
        feed.close();
        throw error;
      }
      server = made;
      live = feed;
    },
    async shutdown(signal) {
      const closing = server;
      server = undefined;
      live?.close();
      if (closing !== undefined) await closeServer(closing, signal, () => closing.closeAllConnections());
    },
  };
}

function statusOf(host: Host): object {
  return { schema: 1, ...host.readiness(), components: Object.fromEntries(host.statuses()), ...host.facts() };
}

interface Page {
  readonly html: Buffer;
  /** Names its one style and its one script by their hashes: nothing else is taken, from wherever. */
  readonly policy: string;
}

function readPage(): Page {
  const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
  const [style, script] = [read('page.css'), read('page.js')];
  const html = read('page.html')
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return { html: Buffer.from(html), policy };
}

interface Served {
  readonly page: Page;
  readonly status: () => object;
  readonly steps: (tenant: string, trace: string) => Promise<readonly object[]>;
  readonly live: Live;
  readonly anyHost: boolean;
}

function respond(request: IncomingMessage, response: ServerResponse, { page, status, steps, live, anyHost }: Served): void {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  const say = (code: number, error: string): void => {
    response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(`${error}\n`);
  };
  const { host = '', origin } = request.headers;
  const path = request.url?.split('?', 1)[0] ?? '/';
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    say(405, 'Here are GET and HEAD.');
    // A page in a browser of this machine may have its own name resolve to 127.0.0.1 to read what is found.
  } else if (!anyHost && !(namesThisMachine(host) && (origin === undefined || namesThisMachine(origin)))) {
    say(403, 'Host and Origin must name this machine: localhost, 127.0.0.1 or [::1].');
  } else if (path === '/') {
    response.setHeader('content-security-policy', page.policy);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page.html);
  } else if (path === '/status') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(status()));
  } else if (path === '/steps') {
    const asked = new URLSearchParams(request.url?.split('?', 2)[1]);
    steps(asked.get('tenant') ?? '', asked.get('trace') ?? '').then(
      (rows) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(rows)),
      () => say(503, 'The database does not answer.'),
    );
  } else if (path === '/events' && request.method === 'GET') {
    if (!live.serve(response)) say(503, 'Too many readers. Close one.');
  } else say(404, 'Nothing is here. Try /, /status, /events or /steps.');
}
