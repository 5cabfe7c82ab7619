/** A real OTLP/HTTP backend on port 0 that answers as a test says. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answerer = (received: Received, response: http.ServerResponse, socket: Socket) => void;

export interface Backend {
  readonly url: string;
  readonly received: Received[];
  /** Connections that were opened. */
  readonly connections: () => number;
  close(): Promise<void>;
}

export async function backend(answer: Answerer, port = 0, tls?: https.ServerOptions): Promise<Backend> {
  const received: Received[] = [];
  let connections = 0;
  const listener: http.RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one: Received = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) };
      received.push(one);
      answer(one, response, request.socket);
    });
  };
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  server.on('connection', () => connections++);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    connections: () => connections,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const ok: Answerer = (_received, response) => {
  response.writeHead(200, { 'content-type': 'application/x-protobuf' });
  response.end();
};

/** Answers in turn; the last one stays. */
export function inTurn(...answers: Answerer[]): Answerer {
  let i = 0;
  return (received, response, socket) => {
    const answer = answers[Math.min(i++, answers.length - 1)] ?? ok;
    answer(received, response, socket);
  };
}

export function status(code: number, headers: http.OutgoingHttpHeaders = {}, body: Uint8Array | string = ''): Answerer {
  return (_received, response) => {
    response.writeHead(code, headers);
    response.end(body);
  };
}

export const reset: Answerer = (_received, _response, socket) => socket.resetAndDestroy();
