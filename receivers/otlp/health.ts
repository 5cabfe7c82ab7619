/** grpc.health.v1.Health: whether a service is there. It is as long as the receiver listens. */
import type { ServerHttp2Stream } from 'node:http2';
import { INTERNAL, NOT_FOUND } from '../../src/component/transport/code.ts';
import type { Failure, Intake } from '../../src/component/transport/intake.ts';
import { WireError } from '../../src/otlp/error.ts';
import { cursor, lengthEnd, skip, tag } from '../../src/otlp/wire.ts';
import { fail, frame, isFailure, type Message, MessageReader, open, succeed } from './message.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';

/** HealthCheckResponse with its ServingStatus. */
const SERVING = frame(Uint8Array.of(8, 1));
const NOT_SERVING = frame(Uint8Array.of(8, 2));
const SERVICE_UNKNOWN = frame(Uint8Array.of(8, 3));

export class Health {
  private readonly watchers = new Set<ServerHttp2Stream>();
  private readonly services: ReadonlySet<string>;
  private readonly intake: Intake;

  /** `services` by full name; the empty name is the server itself. */
  constructor(services: ReadonlySet<string>, intake: Intake) {
    this.services = services;
    this.intake = intake;
  }

  /** False if `path` is no method of the service. */
  handle(stream: ServerHttp2Stream, path: string): boolean {
    if (path !== CHECK && path !== WATCH) return false;
    const reader = new MessageReader(this.intake);
    stream.on('data', (chunk: Buffer) => {
      const failure = stream.headersSent ? undefined : reader.push(chunk);
      if (failure !== undefined) fail(stream, failure);
    });
    stream.on('end', () => {
      if (!stream.headersSent) this.answer(stream, path, reader.end(false));
    });
    stream.on('close', () => {
      reader.drop();
      this.watchers.delete(stream);
    });
    return true;
  }

  private answer(stream: ServerHttp2Stream, path: string, message: Message | Failure): void {
    const service = isFailure(message) ? undefined : askedService(message.body);
    if (isFailure(message)) fail(stream, message);
    else if (service === undefined) fail(stream, { code: INTERNAL, message: 'malformed HealthCheckRequest' });
    else if (path === WATCH) this.watch(stream, service);
    else if (this.services.has(service)) succeed(stream, SERVING);
    else fail(stream, { code: NOT_FOUND, message: 'unknown service' });
  }

  /** Stays open, for to a client the end of a watch means that the server has gone. */
  private watch(stream: ServerHttp2Stream, service: string): void {
    this.watchers.add(stream);
    open(stream);
    stream.write(this.services.has(service) ? SERVING : SERVICE_UNKNOWN);
  }

  close(): void {
    for (const stream of this.watchers) stream.end(NOT_SERVING);
    this.watchers.clear();
  }
}

/** The name in a HealthCheckRequest; `undefined` if it is none. */
function askedService(body: Uint8Array): string | undefined {
  try {
    let service = '';
    for (let at = 0; at < body.length; ) {
      const field = tag(body, at, body.length);
      const next = cursor.at;
      at = skip(body, next, body.length, field);
      if (field !== 10) continue;
      const end = lengthEnd(body, next, body.length);
      service = Buffer.from(body.subarray(cursor.at, end)).toString('utf8');
    }
    return service;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
