/**
 * OTLP over gRPC on bare `node:http2`: unary Export of the three services and the health service. Framing, trailers
 * and status are written by hand, for a gRPC library costs more than all that misstep does with a request.
 */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { serverTlsOptions } from '../../config/tls.ts';
import type { Signal } from '../../src/batch/batch.ts';
import type { Host } from '../../src/component/component.ts';
import { RESOURCE_EXHAUSTED, UNIMPLEMENTED } from '../../src/component/transport/code.ts';
import { closeServer, listen } from '../../src/component/transport/endpoint.ts';
import type { Intake } from '../../src/component/transport/intake.ts';
import type { Listener } from '../../src/component/transport/listener.ts';
import { followTls } from '../../src/component/transport/reload.ts';
import { type Desk, ExportCall } from './call.ts';
import { Connections } from './connections.ts';
import { Health } from './health.ts';
import { fail, stopReading } from './message.ts';
import type { GrpcOptions } from './options.ts';

const SERVICES: Readonly<Record<Signal, string>> = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
};

/** Below these a body of some MiB waits for window updates, one round trip each. */
const STREAM_WINDOW = 4 * 1024 * 1024;
const CONNECTION_WINDOW = 32 * 1024 * 1024;
/** MB of state that one connection may hold; Node's 10 refuse streams of honest clients with many calls. */
const SESSION_MEMORY_MB = 64;
/** As over HTTP/1. Node resets a call with more, or with over 128 headers, once the client has acknowledged the settings; until then this is all. */
const MAX_HEADER_BYTES = 16 * 1024;
const TLS_HANDSHAKE_MS = 10_000;
/** How exactly deadlines and ages are kept; one timer for all, as a timer for each call would cost more than the call. */
const TICK_MS = 100;

export async function listenGrpc(options: GrpcOptions, intake: Intake, host: Host): Promise<Listener> {
  const { clock } = host;
  const signals = new Map<string, Signal>();
  const services = new Set<string>(['']);
  for (const [signal, service] of Object.entries(SERVICES) as [Signal, string][]) {
    if (!intake.serves(signal)) continue;
    signals.set(`/${service}/Export`, signal);
    services.add(service);
  }
  const desk: Desk = { intake, clock, includeMetadata: options.include_metadata, calls: new Set() };
  const connections = new Connections(options.keepalive.server_parameters, clock);
  const health = new Health(services, intake);

  function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A client that resets its call is no error of ours.
    stream.on('error', () => {});
    connections.call(stream);
    if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
      stream.respond({ ':status': headers[':method'] === 'POST' ? 415 : 405 }, { endStream: true });
      stopReading(stream);
      return;
    }
    if (bytesOf(headers) > MAX_HEADER_BYTES) {
      fail(stream, { code: RESOURCE_EXHAUSTED, message: `headers larger than ${MAX_HEADER_BYTES} bytes` });
      return;
    }
    const path = headers[':path'] ?? '';
    const signal = signals.get(path);
    if (signal !== undefined) {
      const sender = intake.admitSender(headers);
      if ('failure' in sender) fail(stream, sender.failure);
      else new ExportCall(desk, stream, headers, signal, sender.tenant).begin();
    } else if (!health.handle(stream, path))
      fail(stream, { code: UNIMPLEMENTED, message: `unknown method ${path.slice(0, 200)}` });
  }

  const common = {
    settings: {
      initialWindowSize: STREAM_WINDOW,
      maxConcurrentStreams: options.max_concurrent_streams,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
    maxSessionMemory: SESSION_MEMORY_MB,
  };
  const { tls } = options;
  let unfollow = () => {};
  let server: Http2Server | Http2SecureServer;
  if (tls === undefined) server = createServer(common);
  else {
    const secure = createSecureServer({ ...common, ...serverTlsOptions(tls), handshakeTimeout: TLS_HANDSHAKE_MS });
    unfollow = followTls(tls, host, () => secure.setSecureContext(serverTlsOptions(tls)));
    server = secure;
  }
  server.on('stream', onStream);
  server.on('session', (session) => {
    session.setLocalWindowSize(CONNECTION_WINDOW);
    connections.add(session);
  });
  // A peer that speaks something else, or breaks its connection, costs itself that connection and nobody else anything.
  server.on('sessionError', () => {});
  const address = await listen(server, options.endpoint).finally(() => server.listening || unfollow());

  const tick = setInterval(() => {
    const now = clock.monotonic();
    for (const call of desk.calls) if (now >= call.deadline) call.expire();
    connections.tick(now);
  }, TICK_MS);
  tick.unref();

  return {
    address,
    async close(signal) {
      unfollow();
      const closed = closeServer(server, signal, () => connections.destroy());
      health.close();
      connections.close();
      await closed;
      clearInterval(tick);
    },
  };
}

function bytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}
