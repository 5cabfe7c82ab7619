/** OTLP over gRPC: unary calls on `node:http2`, one session a backend. */
import http2 from 'node:http2';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { clientTlsOptions } from '../../config/tls.ts';
import { type Batch, bodyOf, type Signal } from '../../src/batch/batch.ts';
import { clientAuth } from '../../src/component/auth.ts';
import type { Host } from '../../src/component/component.ts';
import { messageOf, type Transport, writable } from '../../src/component/delivery.ts';
import type { Attempt, Outcome } from '../../src/component/retry.ts';
import { isLoopback } from '../../src/component/transport/endpoint.ts';
import { lookupOutside } from '../../src/component/transport/guard.ts';
import { followTls } from '../../src/component/transport/reload.ts';
import { outcomeOf, outcomeOfHttp, type Trailers } from './answer.ts';
import { Channel } from './channel.ts';
import { type Options, parseEndpoint } from './options.ts';

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);

const paths: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

/** Bytes of the frame before a message: compressed flag and length. */
const PREFIX = 5;
/** More of an answer is not read. */
const MAX_ANSWER_BYTES = 65_536;
/** A session that ends while a call begins never saw the call: tried again at once on a new one. */
const UNSEEN_TRIES = 3;

type Call = Outcome | 'unseen';

/** Throws when a certificate cannot be read. */
export function connectGrpc(options: Options, host: Host): Transport {
  return new GrpcTransport(options, host);
}

class GrpcTransport implements Transport {
  private readonly options: Options;
  private readonly channel: Channel;
  private readonly headers: http2.OutgoingHttpHeaders;
  /** Headers that are never in the table that both sides keep. */
  private readonly sensitive: readonly string[];
  private readonly gzip: boolean;
  private readonly auth: ReturnType<typeof clientAuth>;
  private readonly unfollow: () => void;
  /** Ends calls that wait for a session. */
  private readonly live = new Set<() => void>();

  constructor(options: Options, host: Host) {
    this.options = options;
    this.auth = clientAuth(options.auth, host);
    const endpoint = parseEndpoint(options.endpoint);
    if (endpoint === undefined) throw new Error(`endpoint: '${options.endpoint}' is not host:port.`);
    const secure = endpoint.secure ?? !options.tls.insecure;
    const name = isIP(endpoint.hostname) === 6 ? `[${endpoint.hostname}]` : endpoint.hostname;
    const tls = {
      ...(secure ? clientTlsOptions(options.tls) : {}),
      ...(options.allow_link_local ? {} : { lookup: lookupOutside(['link-local']) }),
    };
    this.channel = new Channel(`${secure ? 'https' : 'http'}://${name}:${endpoint.port}`, tls, host.clock);
    this.unfollow = secure ? followTls(options.tls, host, () => this.channel.renew(clientTlsOptions(options.tls))) : () => {};
    this.gzip = (options.compression ?? (isLoopback(endpoint.hostname) ? 'none' : 'gzip')) === 'gzip';
    const own = Object.entries(options.headers).map(([key, value]) => [key.toLowerCase(), value.reveal()] as const);
    this.sensitive = own.map(([key]) => key);
    this.headers = {
      ':method': 'POST',
      ':authority': options.authority ?? `${name}:${endpoint.port}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': `misstep/${host.buildVersion}`,
      'grpc-accept-encoding': 'identity',
      ...(this.gzip ? { 'grpc-encoding': 'gzip' } : {}),
      ...(options.timeout > 0 ? { 'grpc-timeout': grpcTimeout(options.timeout) } : {}),
      ...Object.fromEntries(own),
      [http2.sensitiveHeaders]: [...this.sensitive],
    };
  }

  request(batch: Batch): Attempt {
    let frame: readonly Uint8Array[] | Promise<readonly Uint8Array[]> = this.frame(batch);
    return async () => {
      if (frame instanceof Promise) frame = await frame;
      return this.attempt(batch.signal, frame);
    };
  }

  close(): void {
    this.unfollow();
    this.channel.close();
    for (const end of [...this.live]) end();
  }

  private frame(batch: Batch): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    if (!this.gzip) return [prefix(0, batch.bytes), ...writable(batch)];
    return gzip(bodyOf(batch), { level: this.options.compression_params.level }).then((body) => [prefix(1, body.length), body]);
  }

  private attempt(signal: Signal, frame: readonly Uint8Array[]): Promise<Outcome> {
    const { timeout } = this.options;
    return new Promise((resolve) => {
      let stream: http2.ClientHttp2Stream | undefined;
      let session: http2.ClientHttp2Session | undefined;
      let late: NodeJS.Timeout | undefined;
      let settled = false;
      const settle = (outcome: Outcome) => {
        if (settled) return;
        settled = true;
        clearTimeout(late);
        this.live.delete(end);
        resolve(outcome);
      };
      const end = () => settle({ kind: 'retry', message: 'the exporter was stopped', retryAfterMs: 0 });
      this.live.add(end);
      if (timeout > 0) {
        late = setTimeout(() => {
          settle({ kind: 'retry', message: `no answer within ${timeout} ms`, retryAfterMs: 0 });
          stream?.close(http2.constants.NGHTTP2_CANCEL);
          if (session !== undefined) this.suspect(session);
        }, timeout);
      }
      const run = async () => {
        for (let i = 1; !settled; i++) {
          session = await this.channel.ready();
          if (settled) return;
          const outcome = await this.call(session, signal, frame, (begun) => {
            stream = begun;
          });
          if (outcome !== 'unseen') settle(outcome);
          else if (i === UNSEEN_TRIES) settle({ kind: 'retry', message: 'the connection was closed', retryAfterMs: 0 });
        }
      };
      run().catch((error: unknown) => settle({ kind: 'retry', message: messageOf(error), retryAfterMs: 0 }));
    });
  }

  private call(
    session: http2.ClientHttp2Session,
    signal: Signal,
    frame: readonly Uint8Array[],
    begun: (stream: http2.ClientHttp2Stream) => void,
  ): Promise<Call> {
    return new Promise((resolve) => {
      const headers = this.headersNow();
      if (headers === undefined) {
        resolve({ kind: 'retry', message: 'the authenticator does not run', retryAfterMs: 0 });
        return;
      }
      let stream: http2.ClientHttp2Stream;
      try {
        stream = session.request({ ...headers, ':path': paths[signal] });
      } catch {
        // The session closed between `ready` and here.
        resolve('unseen');
        return;
      }
      begun(stream);
      let status = 0;
      let trailers: Trailers = {};
      const chunks: Buffer[] = [];
      let length = 0;
      let failure: Error | undefined;
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
        // An answer without a message has its status here (trailers only).
        if (headers['grpc-status'] !== undefined) trailers = headers;
      });
      stream.on('trailers', (headers) => {
        trailers = headers;
      });
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
      });
      stream.on('error', (error) => {
        failure = error;
      });
      stream.on('close', () => {
        const message = length > MAX_ANSWER_BYTES ? Buffer.alloc(0) : messageIn(Buffer.concat(chunks));
        const outcome = outcomeOf(signal, trailers, message);
        if (outcome !== undefined) {
          this.channel.worked();
          resolve(outcome);
        } else if (status !== 0 && status !== 200) resolve(outcomeOfHttp(status));
        else if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM) resolve('unseen');
        // Cut off without a verdict of the application: nothing says that it has, or will refuse, the request.
        else resolve({ kind: 'retry', message: failure ? messageOf(failure) : 'the stream was closed', retryAfterMs: 0 });
      });
      stream.cork();
      for (const chunk of frame) stream.write(chunk);
      stream.end();
    });
  }

  /** With the credentials of this moment; `undefined` while nobody has them. */
  private headersNow(): http2.OutgoingHttpHeaders | undefined {
    if (this.auth === undefined) return this.headers;
    const shown = this.auth()?.headers();
    if (shown === undefined) return undefined;
    return { ...this.headers, ...shown, [http2.sensitiveHeaders]: [...this.sensitive, ...Object.keys(shown)] };
  }

  /** After a call timed out: a peer that does not even answer a ping is gone, though the connection stands. */
  private suspect(session: http2.ClientHttp2Session): void {
    if (session.destroyed || session.closed) return;
    const late = setTimeout(() => this.channel.discard(session), Math.min(this.options.timeout, 5_000));
    const alive = session.ping((error) => {
      clearTimeout(late);
      if (error !== null) this.channel.discard(session);
    });
    if (!alive) {
      clearTimeout(late);
      this.channel.discard(session);
    }
  }
}

function prefix(compressed: 0 | 1, length: number): Uint8Array {
  const head = Buffer.alloc(PREFIX);
  head[0] = compressed;
  head.writeUInt32BE(length, 1);
  return head;
}

/** The message of a unary answer; empty if there is none or it is compressed, which was not offered. */
function messageIn(data: Buffer): Buffer {
  if (data.length < PREFIX || data[0] !== 0) return Buffer.alloc(0);
  return data.subarray(PREFIX, PREFIX + data.readUInt32BE(1));
}

/** At most eight digits and a unit. */
function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${Math.ceil(ms)}m` : `${Math.ceil(ms / 1_000)}S`;
}
