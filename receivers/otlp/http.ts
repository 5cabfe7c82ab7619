/**
 * OTLP over HTTP on bare `node:http`. A request goes through path, method, content type, encoding and size before a
 * byte of its body is read; the answer has the encoding of the request.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { serverTlsOptions } from '../../config/tls.ts';
import type { Signal } from '../../src/batch/batch.ts';
import type { Host } from '../../src/component/component.ts';
import { httpStatus, INVALID_ARGUMENT, retryAfterSeconds } from '../../src/component/transport/code.ts';
import { encodings, inflateOf, isIdentity } from '../../src/component/transport/content.ts';
import { closeServer, listen } from '../../src/component/transport/endpoint.ts';
import { followTls } from '../../src/component/transport/reload.ts';
import { writeStatus } from '../../src/otlp/requests.ts';
import { readBody } from './body.ts';
import { createCors } from './cors.ts';
import type { Answer, Arrival, Failure, Intake } from './intake.ts';
import type { Listener } from './listener.ts';
import type { HttpOptions } from './options.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const EMPTY = new Uint8Array(0);
const EMPTY_JSON = Buffer.from('{}');
const TLS_HANDSHAKE_MS = 10_000;
/** Node's default, fixed here against flags of the process. A request with more is answered 431. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How long and how far a body is read and thrown away, so that a client that writes before it reads hears the answer. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 64 * 1024 * 1024;

export async function listenHttp(options: HttpOptions, intake: Intake, host: Host): Promise<Listener> {
  const signals = new Map<string, Signal>();
  for (const [path, signal] of [
    [options.traces_url_path, 'traces'],
    [options.metrics_url_path, 'metrics'],
    [options.logs_url_path, 'logs'],
  ] as const) {
    if (intake.serves(signal)) signals.set(path, signal);
  }
  const cors = options.cors === undefined || options.cors.allowed_origins.length === 0 ? undefined : createCors(options.cors);
  const door: Door = { limit: intake.limit, closing: false };

  const handle: RequestListener = (request, response) => {
    const json = isJson(request.headers['content-type']);
    const exchange: Exchange = { request, response, json: json === true, door };
    const signal = signals.get(pathOf(request.url ?? '/'));
    if (signal === undefined) return plain(exchange, 404, '404 page not found');
    if (cors?.apply(request, response)) return;
    if (request.method !== 'POST') {
      response.setHeader('allow', cors === undefined ? 'POST' : 'POST, OPTIONS');
      return plain(exchange, 405, '405 method not allowed, supported: [POST]');
    }
    const sender = intake.admitSender(request.headers);
    if ('failure' in sender) {
      if (sender.challenge !== undefined) response.setHeader('www-authenticate', sender.challenge);
      return send(exchange, sender.failure);
    }
    if (json === undefined) return plain(exchange, 415, `415 unsupported media type, supported: [${JSON_TYPE}, ${PROTOBUF}]`);
    const encoding = request.headers['content-encoding'];
    const inflate = isIdentity(encoding) ? undefined : inflateOf(encoding as string);
    if (inflate === undefined && !isIdentity(encoding)) {
      intake.turnAway('malformed');
      return send(exchange, unsupported(encoding as string));
    }
    const metadata = options.include_metadata ? intake.metadataOf(request.headersDistinct) : undefined;
    receive(exchange, intake, { signal, inflate, json, tenant: sender.tenant, metadata });
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
  if (tls === undefined) server = createServer(limits, handle);
  else {
    const secure = createTlsServer({ ...limits, ...serverTlsOptions(tls), handshakeTimeout: TLS_HANDSHAKE_MS }, handle);
    unfollow = followTls(tls, host, () => secure.setSecureContext(serverTlsOptions(tls)));
    server = secure;
  }
  server.on('checkContinue', handle);
  const address = await listen(server, options.endpoint).finally(() => server.listening || unfollow());
  return {
    address,
    close(signal) {
      unfollow();
      door.closing = true;
      const closed = closeServer(server, signal, () => server.closeAllConnections());
      server.closeIdleConnections();
      return closed;
    },
  };
}

/** One request and its answer; what the answer needs to know of the request. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly json: boolean;
  readonly door: Door;
}

interface Door {
  /** A longer body is not read to its end after an early answer. */
  readonly limit: number;
  closing: boolean;
}

function receive(exchange: Exchange, intake: Intake, arrival: Omit<Arrival, 'body' | 'admitted'>): void {
  readBody(exchange.request, exchange.response, intake, (failure, body, admitted) => {
    if (failure !== undefined) {
      intake.release(admitted);
      return send(exchange, failure);
    }
    const answer = intake.take({ ...arrival, body, admitted });
    if (answer instanceof Promise) answer.then((settled) => send(exchange, settled));
    else send(exchange, answer);
  });
}

function send(exchange: Exchange, answer: Answer): void {
  const { response, json } = exchange;
  const type = json ? JSON_TYPE : PROTOBUF;
  if (answer === undefined) {
    reply(exchange, 200, type, json ? EMPTY_JSON : EMPTY);
    return;
  }
  const { code, message, retryAfterMs, oversize } = answer;
  const status = oversize ? 413 : httpStatus(code);
  if (retryAfterMs !== undefined && (status === 503 || status === 429)) {
    response.setHeader('retry-after', retryAfterSeconds(retryAfterMs));
  }
  reply(exchange, status, type, json ? Buffer.from(JSON.stringify({ code, message })) : writeStatus(code, message, retryAfterMs));
}

function plain(exchange: Exchange, status: number, text: string): void {
  reply(exchange, status, 'text/plain; charset=utf-8', Buffer.from(text));
}

/**
 * The only way out. What is left of a body within the limit is thrown away by Node and the connection lives on; of
 * one beyond it only a part is, so that a client that writes before it reads hears the answer, and the connection ends.
 */
function reply({ request, response, door }: Exchange, status: number, type: string, body: Uint8Array): void {
  const headers = { 'content-type': type, 'content-length': body.length };
  // Otherwise a connection would stay open after its last answer, and with it the server.
  if (door.closing) response.shouldKeepAlive = false;
  if (request.complete || declaredLength(request) <= door.limit) {
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

function unsupported(encoding: string): Failure {
  return { code: INVALID_ARGUMENT, message: `unsupported Content-Encoding ${encoding}, supported: [${encodings.join(', ')}]` };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** `undefined` for neither of the two. */
function isJson(type: string | undefined): boolean | undefined {
  if (type === PROTOBUF) return false;
  if (type === undefined) return undefined;
  const bare = type.split(';', 1)[0]?.trim().toLowerCase();
  return bare === JSON_TYPE ? true : bare === PROTOBUF ? false : undefined;
}
