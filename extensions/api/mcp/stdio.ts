/** MCP on stdin and stdout, until the client closes them. Every text that is not of the protocol goes elsewhere. */
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { createServer, type ServerParts } from './server.ts';

/** Twice what HTTP takes: here nobody else waits. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
const MOST_STREAMS = 4;

/** `stop` ends it. Resolves when it has ended; rejects if the client did not end it and was not asked to. */
export async function serveOnStdio(parts: ServerParts, stop: AbortSignal): Promise<void> {
  const transport = new Watched(process.stdin, process.stdout, { maxBufferSize: MESSAGE_BYTES });
  const ended = new Promise<void>((resolve, reject) => {
    process.stdin.once('end', resolve);
    process.stdin.once('close', resolve);
    stop.addEventListener('abort', () => resolve(), { once: true });
    transport.closed = () => reject(new Error(`the connection was ended: a message is longer than ${MESSAGE_BYTES} bytes.`));
  });
  const handle = serveStdio(() => createServer(parts), { transport, maxSubscriptions: MOST_STREAMS, onerror: parts.failed });
  await ended;
  await handle.close();
}

/** The SDK closes it when a message does not end, and tells nobody who waits for the end of stdin. */
class Watched extends StdioServerTransport {
  closed: () => void = () => undefined;

  override async close(): Promise<void> {
    await super.close();
    // After the end of stdin, if that was the reason.
    setImmediate(() => this.closed());
  }
}
