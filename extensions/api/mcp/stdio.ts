/** MCP on stdin and stdout, until the client closes them. Every message that is not of the protocol goes elsewhere. */
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { createServer, type ServerParts } from './server.ts';

/** As over HTTP; a longer message ends the connection. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
const MOST_STREAMS = 4;

/** `stop` ends it; resolves when it has ended. */
export async function serveOnStdio(parts: ServerParts, stop: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    process.stdin.once('close', resolve);
    process.stdin.once('end', resolve);
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: MESSAGE_BYTES });
  const handle = serveStdio(() => createServer(parts), { transport, maxSubscriptions: MOST_STREAMS, onerror: parts.failed });
  await ended;
  await handle.close();
}
