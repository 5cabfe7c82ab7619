/** One request to the receiver and its answer: the reference's, a problem, or OTLP's own where OTLP was sent. */
import { randomUUID } from 'node:crypto';
import { httpStatus, retryAfterSeconds } from '../../src/component/transport/code.ts';
import type { Exchange } from '../../src/component/transport/http-server.ts';
import type { Failure } from '../../src/component/transport/intake.ts';
import { writeStatus } from '../../src/otlp/requests.ts';
import { type Problem, problemOf, statusOf, writeProblem } from './problem.ts';

export const JSON_TYPE = 'application/json';
export const PROTOBUF = 'application/x-protobuf';
const PROBLEM = 'application/problem+json';
/** Visible ASCII, as clients and proxies make them. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** What is said first is the answer; what is said later goes nowhere. */
export class Visit {
  readonly exchange: Exchange;
  /** Without the query, which may hold a token. */
  readonly path: string;
  private readonly id: string;
  /** The media type of a request whose failures are said as OTLP asks. */
  otlp: typeof JSON_TYPE | typeof PROTOBUF | undefined;
  private over = false;

  constructor(exchange: Exchange, path: string) {
    this.exchange = exchange;
    this.path = path;
    const given = exchange.request.headers['x-request-id'];
    this.id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    exchange.response.setHeader('x-request-id', this.id);
  }

  header(name: string, value: string): void {
    if (!this.over) this.exchange.response.setHeader(name, value);
  }

  reply(status: number, body: Uint8Array, type = JSON_TYPE): void {
    if (this.over) return;
    this.over = true;
    this.exchange.reply(status, type, body);
  }

  refuse(problem: Problem): void {
    this.reply(statusOf(problem), writeProblem(problem, this.path, this.id), PROBLEM);
  }

  fail(failure: Failure): void {
    const { code, message, retryAfterMs, oversize } = failure;
    const status = oversize ? 413 : httpStatus(code);
    if (retryAfterMs !== undefined && (status === 503 || status === 429))
      this.header('retry-after', String(retryAfterSeconds(retryAfterMs)));
    if (this.otlp === undefined) this.refuse(problemOf(failure));
    else if (this.otlp === PROTOBUF) this.reply(status, writeStatus(code, message, retryAfterMs), PROTOBUF);
    else this.reply(status, Buffer.from(JSON.stringify({ code, message })));
  }
}
