/** For the tests of the receiver: a host of real parts, a pipeline that can refuse, and raw clients. */
import type { OutgoingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import type { Admission, Clock, Component, Consumer, Host } from '../../src/component/component.ts';
import { jsonToProtobuf } from '../../src/otlp/json.ts';
import { createAdmission } from '../../src/service/admission.ts';
import { systemClock } from '../../src/service/clock.ts';
import { type Book, createBook } from '../../src/service/ledger.ts';
import { createRegistry, type Registry } from '../../src/service/meter.ts';
import { options } from './options.ts';
import { createOtlpReceiver, type OtlpReceiver } from './otlp.ts';

export interface Rig {
  readonly receiver: OtlpReceiver;
  readonly http: string;
  readonly grpc: string;
  readonly got: Batch[];
  readonly book: Book;
  readonly registry: Registry;
  readonly admission: Admission;
  readonly logs: string[];
  /** What the pipeline says; `undefined` = takes at once. */
  reply: (batch: Batch) => Promise<void> | undefined;
  stop(): Promise<void>;
}

const ALL: readonly Signal[] = ['traces', 'metrics', 'logs'];

/** Both protocols on free ports unless `protocols` says otherwise. */
export async function rig(
  protocols: { grpc?: object; http?: object } = { grpc: {}, http: {} },
  signals = ALL,
  {
    extensions = {},
    clock = systemClock,
  }: { readonly extensions?: Readonly<Record<string, Component>>; readonly clock?: Clock } = {},
): Promise<Rig> {
  const withPort = (of: object | undefined) => (of === undefined ? undefined : { endpoint: '127.0.0.1:0', ...of });
  const parsed = options.parse({ protocols: { grpc: withPort(protocols.grpc), http: withPort(protocols.http) } });
  const got: Batch[] = [];
  const logs: string[] = [];
  const registry = createRegistry();
  const book = createBook(registry);
  const admission = createAdmission(() => 0);
  const consumer: Consumer = {
    consume(batch) {
      got.push(batch);
      return made.reply(batch);
    },
  };
  const receiver = createOtlpReceiver('otlp', parsed, new Map(signals.map((signal) => [signal, consumer])));
  const host: Host = {
    logger: { log: (level, message) => logs.push(`${level} ${message}`) },
    clock,
    meter: registry,
    ledger: book.scope(),
    admission,
    buildVersion: 'test',
    status() {},
    extension: (id) => extensions[id],
    statuses: () => new Map(),
    readiness: () => ({ ready: true, reasons: [] }),
    pressure: () => 0,
    provide() {},
    facts: () => ({}),
    announce() {},
    watch: () => () => undefined,
  };
  await receiver.start(host);
  const { http = '', grpc = '' } = receiver.addresses();
  const made: Rig = {
    receiver,
    http,
    grpc,
    got,
    book,
    registry,
    admission,
    logs,
    reply: () => undefined,
    stop: () => receiver.shutdown(AbortSignal.timeout(5_000)),
  };
  return made;
}

export const documents: Readonly<Record<Signal, object>> = {
  traces: {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'a', startTimeUnixNano: '1' },
            ],
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: '1' }, { asInt: '2' }] } }] }] }],
  },
  logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] },
};

export function body(signal: Signal = 'traces'): Buffer {
  return Buffer.from(jsonToProtobuf(signal, JSON.stringify(documents[signal])).body);
}

/** A request of one span whose name is `bytes` zeros long. */
export function large(bytes: number): Buffer {
  const document = { resourceSpans: [{ scopeSpans: [{ spans: [{ name: '0'.repeat(bytes) }] }] }] };
  return Buffer.from(jsonToProtobuf('traces', JSON.stringify(document)).body);
}

export const EXPORT: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

export interface GrpcAnswer {
  readonly status: string | undefined;
  readonly message: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Call {
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Raw frames; `end: false` leaves the client's side open. */
  readonly parts: readonly Uint8Array[];
  readonly end?: boolean;
}

export function prefixed(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export function call(
  session: ClientHttp2Session,
  { path = EXPORT.traces, headers = {}, parts, end = true }: Call,
): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers },
      { endStream: false },
    );
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const received: Buffer[] = [];
    stream.on('response', (given) => {
      head = given;
    });
    stream.on('trailers', (given) => {
      trailers = given;
    });
    stream.on('data', (part: Buffer) => received.push(part));
    stream.on('error', reject);
    stream.on('close', () => {
      const one = (name: string) => (trailers[name] ?? head[name]) as string | undefined;
      resolve({
        status: one('grpc-status'),
        message: one('grpc-message'),
        headers: head,
        trailers,
        body: Buffer.concat(received),
      });
    });
    for (const part of parts) stream.write(part);
    if (end) stream.end();
  });
}

export async function withSession<T>(address: string, use: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = connect(`http://${address}`);
  session.on('error', () => {});
  try {
    return await use(session);
  } finally {
    session.destroy();
  }
}

/** Polls until `check` holds. */
export async function until(check: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
