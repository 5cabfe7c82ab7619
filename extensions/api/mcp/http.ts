/**
 * MCP over streamable HTTP at `/mcp`, on the API's server: the same keys, limits and address.
 *
 * There are no sessions, in neither era of the protocol: each request stands alone, so nothing is kept between requests that could be
 * stolen or exhausted. What is limited is how much one tenant does at once.
 */
import { Readable } from 'node:stream';
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../problem.ts';
import type { Route, Services } from '../route.ts';
import { askHere } from './ask.ts';
import { createServer } from './server.ts';
import type { Analyse } from './tool.ts';
import { toolsOf } from './tools.ts';

export interface McpHttpOptions {
  readonly readOnly: boolean;
  /** Hosts of pages that may ask, beside those of this machine on a loopback address. */
  readonly origins: readonly string[];
  /** On a loopback address: whoever asks by another name was led here. */
  readonly local: boolean;
  readonly analyse: Analyse;
  readonly formats: readonly [string, ...string[]];
}

/** A trace of some 2,000 spans with content. */
const BODY_BYTES = 4 * 1024 * 1024;
/** Requests of one tenant at once, streams among them. An agent asks one thing after the other. */
const MOST_AT_ONCE = 16;
/** Of all tenants. Nothing here changes by itself, so that a stream of changes has nothing to say. */
const MOST_STREAMS = 256;

/** `whose` says the tenant of a request, or throws a `Problem`. */
export async function mountMcp(
  app: FastifyInstance,
  routes: readonly Route[],
  services: Services,
  { readOnly, origins, local, analyse, formats }: McpHttpOptions,
  whose: (request: FastifyRequest) => Promise<string>,
): Promise<void> {
  const tools = toolsOf({ formats, readOnly });
  const { logger, buildVersion: version } = services.host;
  const failed = (error: unknown): void =>
    logger.log('error', 'A tool of MCP failed.', { error: error instanceof Error ? error.message : String(error) });
  const handler = createMcpHandler(
    ({ authInfo }) =>
      createServer({ version, tools, ask: askHere(routes, services, String(authInfo?.extra?.['tenant'])), analyse, failed }),
    { maxSubscriptions: MOST_STREAMS, maxRequestBodySize: BODY_BYTES },
  );
  const allowed = [...origins, ...(local ? localhostAllowedOrigins() : [])];
  const busy = new Map<string, number>();

  await app.register(async (scope) => {
    // What is no JSON is answered as the protocol says, not as the API does.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: BODY_BYTES }, (_request, body, done) => done(null, body));
    scope.addHook('onClose', () => handler.close());
    scope.route({
      method: ['GET', 'POST', 'DELETE'],
      url: '/mcp',
      bodyLimit: BODY_BYTES,
      handler: async (incoming, reply) => {
        const closed = new AbortController();
        reply.raw.once('close', () => closed.abort());
        const request = webRequest(incoming, closed.signal);
        const stranger =
          (local ? hostHeaderValidationResponse(request, localhostAllowedHostnames()) : undefined) ??
          originValidationResponse(request, allowed);
        if (stranger !== undefined) {
          throw new Problem(
            403,
            'foreign-origin',
            'The page or name through which this came is not allowed. See mcp.allowed_origins.',
          );
        }
        const tenant = await whose(incoming);
        const now = busy.get(tenant) ?? 0;
        if (now >= MOST_AT_ONCE) {
          const detail = `${MOST_AT_ONCE} requests of this tenant are being answered. Come back in 1 second.`;
          throw new Problem(503, 'too-many-at-once', detail, { headers: { 'retry-after': '1' } });
        }
        busy.set(tenant, now + 1);
        reply.raw.once('close', () => {
          const left = (busy.get(tenant) ?? 1) - 1;
          if (left > 0) busy.set(tenant, left);
          else busy.delete(tenant);
        });
        return send(
          reply,
          await handler.fetch(request, { authInfo: { token: '', clientId: tenant, scopes: [], extra: { tenant } } }),
        );
      },
    });
  });
}

function webRequest({ method, url, headers, body }: FastifyRequest, signal: AbortSignal): Request {
  const given = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || name === 'content-length' ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
  const init = { method, headers: given, signal };
  return new Request(`http://misstep${url}`, typeof body === 'string' ? { ...init, body } : init);
}

function send(reply: FastifyReply, response: Response): FastifyReply {
  reply.code(response.status);
  for (const [name, value] of response.headers) reply.header(name, value);
  return reply.send(
    response.body === null ? undefined : Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
  );
}
