/** gRPC on the wire: length-prefixed messages in, replies and trailers out, `grpc-timeout`. */
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { INTERNAL } from '../../src/component/transport/code.ts';
import { encodings } from '../../src/component/transport/content.ts';
import { Gathering } from '../../src/component/transport/gather.ts';
import type { Failure, Intake } from '../../src/component/transport/intake.ts';
import { writeStatus } from '../../src/otlp/requests.ts';

const PREFIX = 5;
const NOTHING = new Gathering(0);

/** What may be asked for in grpc-encoding; `zlib` is HTTP's name only. */
export const grpcEncodings = ['identity', ...encodings.filter((name) => name !== 'zlib')].join(',');

export interface Message {
  readonly body: Uint8Array;
  readonly compressed: boolean;
}

export function isFailure(result: Message | Failure): result is Failure {
  return 'code' in result;
}

/** Reads the one message of a unary call: its size is checked and admitted before its bytes are taken. */
export class MessageReader {
  /** Bytes admitted and not handed over. */
  private admitted = 0;
  private readonly intake: Intake;
  private readonly prefix = Buffer.allocUnsafe(PREFIX);
  private prefixRead = 0;
  private body = NOTHING;

  constructor(intake: Intake) {
    this.intake = intake;
  }

  /** `undefined` = go on. After a failure it must not be called again. */
  push(chunk: Buffer): Failure | undefined {
    let at = 0;
    if (this.prefixRead < PREFIX) {
      while (this.prefixRead < PREFIX && at < chunk.length) this.prefix[this.prefixRead++] = chunk[at++] as number;
      if (this.prefixRead < PREFIX) return undefined;
      if ((this.prefix[0] as number) > 1) return { code: INTERNAL, message: `unknown compression flag ${this.prefix[0]}` };
      const length = this.prefix.readUInt32BE(1);
      if (length > this.intake.limit) return this.intake.tooLarge(length);
      const refusal = this.intake.admit(length);
      if (refusal !== undefined) return refusal;
      this.admitted = length;
      this.body = new Gathering(length);
    }
    const more = chunk.length - at;
    if (more > this.body.missing) return { code: INTERNAL, message: 'more than one message in a unary call' };
    if (more > 0) this.body.push(at === 0 ? chunk : chunk.subarray(at));
    return undefined;
  }

  /** The message when the client has ended its side. `encoded` = grpc-encoding says how to read a compressed one. */
  end(encoded: boolean): Message | Failure {
    if (this.prefixRead === 0) return { code: INTERNAL, message: 'no message in a unary call' };
    if (this.prefixRead < PREFIX || this.body.missing > 0) return { code: INTERNAL, message: 'the message is cut off' };
    const compressed = this.prefix[0] === 1;
    if (compressed && !encoded) return { code: INTERNAL, message: 'a compressed message without grpc-encoding' };
    return { body: this.body.whole(), compressed };
  }

  /** Gives the duty to release the admitted bytes to the caller. */
  surrender(): number {
    const bytes = this.admitted;
    this.admitted = 0;
    return bytes;
  }

  /** Releases what was admitted. Safe twice. */
  drop(): void {
    this.intake.release(this.surrender());
    this.body = NOTHING;
  }
}

export function frame(message: Uint8Array): Buffer {
  const out = Buffer.alloc(PREFIX + message.length);
  out.writeUInt32BE(message.length, 1);
  out.set(message, PREFIX);
  return out;
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': grpcEncodings };
const SUCCESS = { 'grpc-status': '0' };

/** Opens a reply that messages follow; trailers go out when its side ends. */
export function open(stream: ServerHttp2Stream): void {
  stream.respond(HEAD, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(SUCCESS));
}

/** `framed` is one message with its prefix. Nothing happens to a stream that is gone. */
export function succeed(stream: ServerHttp2Stream, framed: Uint8Array): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  open(stream);
  stream.end(framed);
}

/** A failure without messages: one header frame. A client that still sends is told to stop. */
export function fail(stream: ServerHttp2Stream, failure: Failure): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({ ...HEAD, ...statusHeaders(failure) }, { endStream: true });
  stopReading(stream);
}

export function stopReading(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return;
  stream.resume();
  // Later: within the event that brought the client's frame Node 22 sends the reset alone, and the answer is lost.
  setImmediate(() => {
    if (!stream.destroyed) stream.close();
  });
}

function statusHeaders({ code, message, retryAfterMs }: Failure): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { 'grpc-status': String(code), 'grpc-message': percentEncode(message) };
  if (retryAfterMs !== undefined) {
    headers['grpc-status-details-bin'] = Buffer.from(writeStatus(code, message, retryAfterMs))
      .toString('base64')
      .replace(/=+$/, '');
  }
  return headers;
}

/** The gRPC specification's Percent-Encoded: all bytes of UTF-8 but space to tilde, and %. */
export function percentEncode(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a grpc-timeout; `undefined` for none, and for what is not one. */
export function timeoutMs(value: string | readonly string[] | undefined): number | undefined {
  if (typeof value !== 'string' || value.length < 2 || value.length > 9) return undefined;
  const unit = unitMs[value.at(-1) as string];
  const digits = value.slice(0, -1);
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
  }
  return unit === undefined ? undefined : Number(digits) * unit;
}
