/**
 * MCP on stdin and stdout, until the client closes them: what it asked before is answered first. Every text that is not of the protocol goes
 * elsewhere.
 */
import { Transform } from 'node:stream';
import { isJSONRPCNotification, isJSONRPCRequest, type JSONRPCMessage } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { createServer, type ServerParts } from './server.ts';

/** Twice what HTTP takes: here nobody else waits. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
const MOST_STREAMS = 4;
/** Twice what an analysis may take: after the end of stdin nobody can cancel a call. */
const ANSWER_MS = 60_000;

/** `stop` ends it. Resolves when it has ended; rejects if the client did not end it and was not asked to. */
export async function serveOnStdio(parts: ServerParts, stop: AbortSignal): Promise<void> {
  let over = false;
  // The SDK stops at the end of its input, answered or not: so that end comes when nothing waits.
  const input = new Transform({
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: (done) => {
      over = true;
      void transport.answered(input).then(() => done());
    },
  });
  const transport = new Watched(input, process.stdout, { maxBufferSize: MESSAGE_BYTES });
  const ended = new Promise<void>((resolve, reject) => {
    input.once('end', resolve);
    stop.addEventListener('abort', () => resolve(), { once: true });
    transport.closed = () =>
      over ? resolve() : reject(new Error(`the connection was ended: a message is longer than ${MESSAGE_BYTES} bytes.`));
  });
  const handle = serveStdio(() => createServer(parts), { transport, maxSubscriptions: MOST_STREAMS, onerror: parts.failed });
  process.stdin.once('close', () => input.end());
  process.stdin.pipe(input);
  await ended;
  process.stdin.unpipe(input);
  process.stdin.destroy();
  await handle.close();
}

class Watched extends StdioServerTransport {
  /** The SDK closes it when a message does not end, and tells nobody who waits for the end of stdin. */
  closed: () => void = () => undefined;
  private readonly pending = new Set<string | number>();
  private settled: () => void = () => undefined;

  override async start(): Promise<void> {
    const deliver = this.onmessage;
    this.onmessage = (message) => {
      this.note(message);
      deliver?.(message);
    };
    await super.start();
  }

  override async send(message: JSONRPCMessage): Promise<void> {
    try {
      await super.send(message);
    } finally {
      if (!('method' in message) && message.id !== undefined) this.settle(message.id);
    }
  }

  override async close(): Promise<void> {
    await super.close();
    // After the end of stdin, if that was the reason.
    setImmediate(() => this.closed());
  }

  /** Resolves when all that came through `input` is read and answered, or when that takes longer than `ANSWER_MS`. */
  async answered(input: Transform): Promise<void> {
    const late = Date.now() + ANSWER_MS;
    do {
      await new Promise((resolve) => setImmediate(resolve));
    } while (input.readableLength > 0 && Date.now() < late);
    if (this.pending.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, late - Date.now());
      this.settled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private note(message: JSONRPCMessage): void {
    // A stream of changes is answered by its end.
    if (isJSONRPCRequest(message) && message.method !== 'subscriptions/listen') this.pending.add(message.id);
    if (!isJSONRPCNotification(message) || message.method !== 'notifications/cancelled') return;
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.settle(id);
  }

  private settle(id: string | number): void {
    this.pending.delete(id);
    if (this.pending.size === 0) this.settled();
  }
}
