/** HTTP servers of receivers on bare `node:http`: limits of time and size, TLS that is renewed, and one way out for answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type ServerTls, serverTlsOptions } from '../../../config/tls.ts';
import type { Host } from '../component.ts';
import { closeServer, listen } from './endpoint.ts';
import type { Listener } from './listener.ts';
import { followTls } from './reload.ts';

const TLS_HANDSHAKE_MS = 10_000;
/** Node's default, fixed here against flags of the process. A request with more is answered 431. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How long and how far a body is read and thrown away, so that a client that writes before it reads hears the answer. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 64 * 1024 * 1024;

/** Times in ms, sizes in bytes. */
export interface HttpServerOptions {
  readonly endpoint: string;
  readonly tls?: ServerTls | undefined;
  readonly max_request_body_size: number;
  readonly read_header_timeout: number;
  readonly read_timeout: number;
  readonly idle_timeout: number;
}

/** One request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /**
   * The only way out, once. What is left of a body within the limit is thrown away by Node and the connection lives on; of
   * one beyond it only a part is, so that a client that writes before it reads hears the answer, and the connection ends.
   */
  reply(status: number, type: string, body: Uint8Array): void;
}

/** Resolves when it listens. `handle` gets each request when its headers are there. */
export async function serveHttp(options: HttpServerOptions, host: Host, handle: (exchange: Exchange) => void): Promise<Listener> {
  let closing = false;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const reply: Exchange['reply'] = (status, type, body) => {
      // Otherwise a connection would stay open after its last answer, and with it the server.
      if (closing) response.shouldKeepAlive = false;
      answer(request, response, options.max_request_body_size, status, type, body);
    };
    handle({ request, response, reply });
  };
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: Math.ceil(options.read_header_timeout),
    requestTimeout: Math.ceil(options.read_timeout),
    keepAliveTimeout: Math.ceil(options.idle_timeout),
    // How exactly the two are kept; Node's own 30 s would make 10 s into 40.
    connectionsCheckingInterval: Math.max(10, Math.min(1_000, Math.ceil(options.read_header_timeout / 4))),
  };
  const { tls } = options;
  let unfollow = () => {};
  let server: Server;
  if (tls === undefined) server = createServer(limits, onRequest);
  else {
    const secure = createTlsServer({ ...limits, ...serverTlsOptions(tls), handshakeTimeout: TLS_HANDSHAKE_MS }, onRequest);
    unfollow = followTls(tls, host, () => secure.setSecureContext(serverTlsOptions(tls)));
    server = secure;
  }
  server.on('checkContinue', onRequest);
  const address = await listen(server, options.endpoint).finally(() => server.listening || unfollow());
  return {
    address,
    close(signal) {
      unfollow();
      closing = true;
      const closed = closeServer(server, signal, () => server.closeAllConnections());
      server.closeIdleConnections();
      return closed;
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
  status: number,
  type: string,
  body: Uint8Array,
): void {
  const headers = { 'content-type': type, 'content-length': body.length };
  if (request.complete || declaredLength(request) <= limit) {
    response.writeHead(status, headers).end(body);
    return;
  }
  response.shouldKeepAlive = false;
  response.writeHead(status, headers).write(body);
  let left = LINGER_BYTES;
  const timer = setTimeout(done, LINGER_MS);
  function done(): void {
    clearTimeout(timer);
    response.end();
  }
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) done();
  });
  request.on('error', done);
  request.on('close', done);
}

function declaredLength({ headers }: IncomingMessage): number {
  const length = headers['content-length'];
  if (length !== undefined) return Number(length);
  return headers['transfer-encoding'] === undefined ? 0 : Number.POSITIVE_INFINITY;
}

/** The path of a request's target, without the query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** A content type without its parameters, in lower case. */
export function mediaType(type: string | undefined): string | undefined {
  return type?.split(';', 1)[0]?.trim().toLowerCase();
}
