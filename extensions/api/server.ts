/**
 * The routes on fastify: who asks, how often, what is wrong with it. Nothing here knows what a route does.
 *
 * Order of a request: limits by address, credentials, limits by tenant, path, query, body, handler.
 */
import rateLimit from '@fastify/rate-limit';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { credentialOf } from './auth.ts';
import { dispatch, problemOf } from './dispatch.ts';
import { docsPage } from './docs.ts';
import { forwardTo } from './forward.ts';
import type { McpHttpOptions } from './mcp/http.ts';
import { openapi } from './openapi.ts';
import { Problem } from './problem.ts';
import type { Route, Services } from './route.ts';

const PREFIX = '/api/v1';
/** A conversation of 1,000 long turns; spans go to the receivers. */
const BODY_BYTES = 8 * 1024 * 1024;
const TYPE = 'application/problem+json';

export interface ServerOptions {
  /** Requests without credentials are of this tenant; absent: refused. */
  readonly anonymous: string | undefined;
  /** Whether a stranger may make a tenant. */
  readonly signup: boolean;
  /** Requests a minute and address. */
  readonly perMinute: number;
  /** The receiver of spans and webhooks. */
  readonly ingest: URL | undefined;
  /** Absent: nothing is at /mcp. */
  readonly mcp: McpHttpOptions | undefined;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

export async function createApi(routes: readonly Route[], services: Services, options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 500 },
    ...(options.tls === undefined ? {} : { https: options.tls }),
  }) as unknown as FastifyInstance;
  app.removeContentTypeParser('text/plain');
  const document = openapi(routes, services.host.buildVersion);
  await app.register(rateLimit, {
    max: options.perMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_request, { after, max }) =>
      new Problem(429, 'too-many-requests', `More than ${max} requests. Come back in ${after}.`),
  });
  app.addHook('onRequest', async (request, reply) => {
    const asked = request.headers['x-request-id'];
    if (typeof asked === 'string' && /^[\w.:-]{1,128}$/.test(asked)) request.id = asked;
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('cache-control', 'no-store');
  });
  app.setErrorHandler((error, request, reply) => fail(error, request, reply, services));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] as string;
    fail(
      new Problem(404, 'no-such-path', `Nothing is at ${path.slice(0, 200)}. ${PREFIX}/openapi.json lists the paths.`),
      request,
      reply,
      services,
    );
  });
  app.get(`${PREFIX}/openapi.json`, async () => document);
  const page = docsPage(document);
  app.get('/docs', async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page),
  );
  if (options.ingest !== undefined) await forwardTo(app, options.ingest);
  if (options.mcp !== undefined) {
    // Who wants no MCP does not need its package.
    const { mountMcp } = await import('./mcp/http.ts');
    await mountMcp(app, routes, services, options.mcp, (request) => tenantOf(request, services, options));
  }
  for (const route of routes) add(app, route, services, options);
  return app;
}

function add(app: FastifyInstance, route: Route, services: Services, options: ServerOptions): void {
  const { method, path, perHour } = route;
  app.route({
    method,
    url: PREFIX + path.replace(/\{(\w+)\}/g, ':$1'),
    ...(perHour === undefined ? {} : { config: { rateLimit: { max: perHour, timeWindow: 3_600_000 } } }),
    handler: async (request, reply) => {
      const tenant = await whose(request, route, services, options);
      const { params, query, body, ip: from } = request;
      const result = await dispatch(route, services, tenant, { params, query, body, from });
      if (route.reply === undefined) return reply.code(route.status ?? 204).send();
      return reply
        .code(route.status ?? 200)
        .type(route.type ?? 'application/json; charset=utf-8')
        .send(route.type === undefined ? JSON.stringify(result) : result);
    },
  });
}

async function whose(request: FastifyRequest, route: Route, services: Services, options: ServerOptions): Promise<string> {
  if (route.open === true) {
    if (route.path === '/auth/tenants' && !options.signup) {
      throw new Problem(403, 'no-signup', 'Tenants are made by whoever runs misstep: set `signup: true` to let others.');
    }
    return options.anonymous ?? 'default';
  }
  return tenantOf(request, services, options);
}

async function tenantOf(request: FastifyRequest, { keys }: Services, options: ServerOptions): Promise<string> {
  const credential = credentialOf(request.headers);
  if (credential === undefined && options.anonymous !== undefined) return options.anonymous;
  const who = credential === undefined ? undefined : await keys.who(credential);
  if (who !== undefined) return who.tenant;
  const detail =
    credential === undefined
      ? 'Send a key as `Authorization: Bearer` or `X-Misstep-API-Key`.'
      : 'The key or token is unknown, revoked or over.';
  throw new Problem(401, credential === undefined ? 'no-credentials' : 'unknown-key', detail, {
    headers: { 'www-authenticate': 'Bearer realm="misstep"' },
  });
}

function fail(error: unknown, request: FastifyRequest, reply: FastifyReply, { host }: Services): FastifyReply {
  const problem = problemOfRequest(error);
  if (problem.status === 500) {
    const message = error instanceof Error ? error.message : String(error);
    host.logger.log('error', 'A request to the API failed.', {
      path: request.routeOptions.url ?? '',
      request_id: request.id,
      error: message,
    });
  }
  for (const [name, value] of Object.entries(problem.headers)) reply.header(name, value);
  return reply
    .code(problem.status)
    .type(TYPE)
    .send(JSON.stringify(problem.body((request.url.split('?')[0] as string).slice(0, 500), request.id)));
}

function problemOfRequest(error: unknown): Problem {
  switch ((error as { readonly statusCode?: unknown }).statusCode) {
    case 400:
      return new Problem(400, 'malformed-body', 'The body is no JSON.');
    case 413:
      return new Problem(413, 'too-large', `The body is longer than ${BODY_BYTES} bytes.`);
    case 415:
      return new Problem(415, 'media-type', 'Send application/json.');
    default:
      return problemOf(error);
  }
}
