/**
 * OTLP over HTTP on bare `node:http`. A request goes through path, method, content type, encoding and size before a
 * byte of its body is read; the answer has the encoding of the request.
 */
import type { Signal } from '../../src/batch/batch.ts';
import type { Host } from '../../src/component/component.ts';
import { readBody } from '../../src/component/transport/body.ts';
import { httpStatus, INVALID_ARGUMENT, retryAfterSeconds } from '../../src/component/transport/code.ts';
import { encodings, inflateOf, isIdentity } from '../../src/component/transport/content.ts';
import { type Exchange as HttpExchange, mediaType, pathOf, serveHttp } from '../../src/component/transport/http-server.ts';
import type { Answer, Arrival, Failure, Intake } from '../../src/component/transport/intake.ts';
import type { Listener } from '../../src/component/transport/listener.ts';
import { writeStatus } from '../../src/otlp/requests.ts';
import { createCors } from './cors.ts';
import type { HttpOptions } from './options.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const EMPTY = new Uint8Array(0);
const EMPTY_JSON = Buffer.from('{}');

export function listenHttp(options: HttpOptions, intake: Intake, host: Host): Promise<Listener> {
  const signals = new Map<string, Signal>();
  for (const [path, signal] of [
    [options.traces_url_path, 'traces'],
    [options.metrics_url_path, 'metrics'],
    [options.logs_url_path, 'logs'],
  ] as const) {
    if (intake.serves(signal)) signals.set(path, signal);
  }
  const cors = options.cors === undefined || options.cors.allowed_origins.length === 0 ? undefined : createCors(options.cors);

  return serveHttp(options, host, ({ request, response, reply }) => {
    const json = isJson(request.headers['content-type']);
    const exchange: Exchange = { request, response, reply, json: json === true };
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
    const convert = json ? (body: Uint8Array) => intake.fromJson(signal, body) : undefined;
    receive(exchange, intake, { signal, inflate, convert, tenant: sender.tenant, metadata });
  });
}

/** What the answer needs to know of the request. */
interface Exchange extends HttpExchange {
  readonly json: boolean;
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
    exchange.reply(200, type, json ? EMPTY_JSON : EMPTY);
    return;
  }
  const { code, message, retryAfterMs, oversize } = answer;
  const status = oversize ? 413 : httpStatus(code);
  if (retryAfterMs !== undefined && (status === 503 || status === 429)) {
    response.setHeader('retry-after', retryAfterSeconds(retryAfterMs));
  }
  exchange.reply(status, type, json ? Buffer.from(JSON.stringify({ code, message })) : writeStatus(code, message, retryAfterMs));
}

function plain(exchange: Exchange, status: number, text: string): void {
  exchange.reply(status, 'text/plain; charset=utf-8', Buffer.from(text));
}

function unsupported(encoding: string): Failure {
  return { code: INVALID_ARGUMENT, message: `unsupported Content-Encoding ${encoding}, supported: [${encodings.join(', ')}]` };
}

/** `undefined` for neither of the two. */
function isJson(type: string | undefined): boolean | undefined {
  if (type === PROTOBUF) return false;
  if (type === undefined) return undefined;
  const bare = mediaType(type);
  return bare === JSON_TYPE ? true : bare === PROTOBUF ? false : undefined;
}
