/** A real gRPC backend on `node:http2`, port 0, that answers as a test says. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';

export interface Call {
  readonly headers: http2.IncomingHttpHeaders;
  readonly compressed: boolean;
  readonly message: Buffer;
}

export type Answerer = (stream: http2.ServerHttp2Stream, call: Call) => void;

export interface Backend {
  /** `127.0.0.1:port`. */
  readonly endpoint: string;
  readonly port: number;
  readonly calls: Call[];
  readonly sessions: http2.ServerHttp2Session[];
  close(): Promise<void>;
}

export async function backend(answer: Answerer, port = 0, secure?: http2.SecureServerOptions): Promise<Backend> {
  const server = secure === undefined ? http2.createServer() : http2.createSecureServer(secure);
  const calls: Call[] = [];
  const sessions: http2.ServerHttp2Session[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const data = Buffer.concat(chunks);
      const call: Call = { headers, compressed: data[0] === 1, message: data.subarray(5, 5 + data.readUInt32BE(1)) };
      calls.push(call);
      answer(stream, call);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    endpoint: `127.0.0.1:${bound}`,
    port: bound,
    calls,
    sessions,
    async close() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A message and OK. */
export function ok(message: Uint8Array = new Uint8Array(0)): Answerer {
  return (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
  };
}

/** Trailers only. */
export function fails(code: number, message = '', details?: Uint8Array): Answerer {
  return (stream) => {
    const headers: http2.OutgoingHttpHeaders = {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
    };
    if (message !== '') headers['grpc-message'] = encodeURIComponent(message);
    if (details !== undefined) headers['grpc-status-details-bin'] = Buffer.from(details).toString('base64');
    stream.respond(headers, { endStream: true });
  };
}

export function inTurn(...answers: Answerer[]): Answerer {
  let i = 0;
  return (stream, call) => answers[Math.min(i++, answers.length - 1)]?.(stream, call);
}
