/** Serves the metrics of the process for Prometheus: GET /metrics. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Labels, Registry } from './meter.ts';

/** The page is small and its reader is one scraper: what takes longer is no scraper. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface Page {
  /** The port it listens on, also when 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** Throws at once, with what to do, when the address cannot be had. */
export async function servePage(
  registry: Registry,
  base: Labels,
  at: { readonly host: string; readonly port: number },
): Promise<Page> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else if (path !== '/metrics') response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(registry.page(base));
  });
  await listen(server, at);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what = error.code === 'EADDRINUSE' ? 'the port is taken, perhaps by another misstep or Collector' : error.message;
      const reader = 'service.telemetry.metrics.readers[0].pull.exporter.prometheus';
      reject(
        new Error(
          `${reader}: cannot listen on ${host}:${port}: ${what}. Stop the other, set another port, or set metrics.level to none.`,
          {
            cause: error,
          },
        ),
      );
    });
    // The name may resolve to ::1 first, where a scraper of 127.0.0.1 finds nobody.
    server.listen(port, host === 'localhost' ? '127.0.0.1' : host, () => resolve());
  });
}
