/** Where servers listen: `host:port` texts, who can reach them, and binding with a clear error. */
import type { AddressInfo, Server } from 'node:net';
import { z } from 'zod';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[v6]:port` or `:port`, which is every interface as in the Collector. `undefined` if it is none of these. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s/[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  const host = match[1] ?? match[2] ?? '';
  return port > 65_535 ? undefined : { host: host === '' ? '0.0.0.0' : host, port };
}

/** A text that `parseEndpoint` reads. */
export function endpoint(fallback: string) {
  return z
    .string()
    .refine((text) => parseEndpoint(text) !== undefined, `must be host:port with a port up to 65535, e.g. ${fallback}.`)
    .default(fallback);
}

/** Whether only this machine reaches a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const OF_THIS_MACHINE = /^(?:https?:\/\/)?(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/**
 * Whether a `Host` or `Origin` header names this machine. A page in a browser here that came by a name of its own (rebinding of DNS) does not.
 */
export function namesThisMachine(header: string): boolean {
  return OF_THIS_MACHINE.test(header);
}

/** Resolves with the bound address as `host:port`; port 0 takes a free one. Rejects with what to do. */
export function listen(server: Server, text: string): Promise<string> {
  const where = parseEndpoint(text);
  if (where === undefined) return Promise.reject(new Error(`not host:port: ${text}`));
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const what = taken ? 'the port is taken. Stop the other process, or set another endpoint.' : error.message;
      reject(new Error(`cannot listen on ${text}: ${what}`, { cause: error }));
    };
    server.once('error', failed);
    // As Go does: the name may resolve to ::1 first, where a client of 127.0.0.1 finds nobody.
    server.listen(where.port, where.host === 'localhost' ? '127.0.0.1' : where.host, () => {
      server.off('error', failed);
      const { address, family, port } = server.address() as AddressInfo;
      resolve(family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`);
    });
  });
}

/** Stops listening and resolves when the connections have ended; at `signal` calls `cut`, which ends them, and resolves. */
export function closeServer(server: Server, signal: AbortSignal, cut: () => void): Promise<void> {
  return new Promise((resolve) => {
    // A connection that is still shaking hands is none to `cut`, so nobody waits for it.
    const end = () => {
      cut();
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    server.close(() => {
      signal.removeEventListener('abort', end);
      resolve();
    });
    if (signal.aborted) end();
  });
}
