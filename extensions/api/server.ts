/**
 * The routes on fastify: who asks, how often, what is wrong with it. Nothing here knows what a route does.
 *
 * Order of a request: limits by address, credentials, limits by tenant, path, query, body, handler.
 */
import { Readable } from 'node:stream';
import rateLimit from '@fastify/rate-limit';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { namesThisMachine } from '../../src/component/transport/endpoint.ts';
import { credentialOf } from './auth.ts';
import { dispatch, problemOf } from './dispatch.ts';
import { docsPage } from './docs.ts';
import { forwardTo } from './forward.ts';
import { once } from './idempotency.ts';
import { TenantLimits } from './limits.ts';
import type { McpHttpOptions } from './mcp/http.ts';
import { openapi } from './openapi.ts';
import { Problem } from './problem.ts';
import type { Route, Services } from './route.ts';
import type { Senders } from './sender.ts';

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
  /** Requests a minute and tenant. */
  readonly tenantPerMinute: number;
  readonly senders: Senders;
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
    // Longer than Node takes of a URL: what a parameter may be is its schema's to say, as a problem.
    routerOptions: { maxParamLength: 65_536 },
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
    if (options.anonymous !== undefined && credentialOf(request.headers) === undefined) refuseStrangers(request);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('cache-control', 'no-store');
  });
  const methods = methodsOf(routes);
  const nothing = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split('?')[0] as string;
    const allow = methods(path).join(', ');
    const problem =
      allow === ''
        ? new Problem(404, 'no-such-path', `Nothing is at ${path.slice(0, 200)}. ${PREFIX}/openapi.json lists the paths.`)
        : new Problem(405, 'method-not-allowed', `Here are ${allow}.`, { headers: { allow } });
    return fail(problem, request, reply, services);
  };
  // Of a body that is sent where nothing takes it, what is wrong with it is of no matter.
  app.setErrorHandler((error, request, reply) =>
    request.is404 ? nothing(request, reply) : fail(error, request, reply, services),
  );
  app.setNotFoundHandler(nothing);
  app.get(`${PREFIX}/openapi.json`, async () => document);
  const page = docsPage(document);
  app.get('/docs', async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page),
  );
  if (options.ingest !== undefined) {
    await forwardTo(app, options.ingest, async (request) => {
      const { token } = request.query as { readonly token?: unknown };
      // Webhooks may have no headers; elsewhere a token in a URL is none.
      const inUrl = /\/webhook(\?|$)/.test(request.url) && typeof token === 'string' ? token : undefined;
      const credential = credentialOf(request.headers) ?? inUrl;
      // Who shows no key may have signed: that is the receiver's to judge.
      if (credential === undefined) return undefined;
      const who = await services.keys.who(credential);
      if (who === undefined) throw unknownKey();
      return options.senders.say(who.tenant);
    });
  }
  if (options.mcp !== undefined) {
    // Who wants no MCP does not need its package.
    const { mountMcp } = await import('./mcp/http.ts');
    await mountMcp(app, routes, services, options.mcp, (request) => tenantOf(request, services, options));
  }
  // Streams end first, or the server would wait for them.
  app.addHook('preClose', async () => services.feed.close());
  const limits = new TenantLimits(options.tenantPerMinute);
  for (const route of routes) add(app, route, services, options, limits);
  return app;
}

function add(app: FastifyInstance, route: Route, services: Services, options: ServerOptions, limits: TenantLimits): void {
  const { method, path, perHour } = route;
  app.route({
    method,
    url: PREFIX + path.replace(/\{(\w+)\}/g, ':$1'),
    ...(perHour === undefined ? {} : { config: { rateLimit: { max: perHour, timeWindow: 3_600_000 } } }),
    handler: async (request, reply) => {
      const tenant = await whose(request, route, services, options);
      const nowMs = services.host.clock.now();
      if (route.open !== true) reply.headers(limits.take(tenant, nowMs));
      const header = (name: string): string | undefined => {
        const value = request.headers[name];
        return typeof value === 'string' ? value : undefined;
      };
      const { params, query, body, ip: from } = request;
      const handle = () => dispatch(route, services, tenant, { params, query, body, from, header });
      const key = method === 'POST' && route.open !== true ? header('idempotency-key') : undefined;
      if (key === undefined) {
        const result = await handle();
        reply.code(statusOf(route));
        return route.reply === undefined ? reply.send() : reply.type(typeOf(route)).send(said(route, result));
      }
      const asked = {
        key,
        request: JSON.stringify([method, request.url, request.body ?? null]),
        secret: route.secret === true,
        nowMs,
      };
      const {
        status,
        body: kept,
        replayed,
      } = await once(services.records.of(tenant), asked, async () => ({
        status: statusOf(route),
        body: said(route, await handle()) as string,
      }));
      reply.code(status).header('idempotency-replayed', String(replayed));
      return route.reply === undefined ? reply.send() : reply.type(typeOf(route)).send(kept);
    },
  });
}

/** The methods that a path has; none: nothing is there. */
function methodsOf(routes: readonly Route[]): (path: string) => string[] {
  const known = routes.map(({ method, path }) => ({
    method,
    path,
    pattern: new RegExp(`^${PREFIX}${path.replace(/[.]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}$`),
  }));
  return (path) => {
    const exact = known.filter((one) => PREFIX + one.path === path);
    const there = exact.length > 0 ? exact : known.filter(({ pattern }) => pattern.test(path));
    return [...new Set(there.map(({ method }) => method))];
  };
}

function statusOf({ status, reply }: Route): number {
  return status ?? (reply === undefined ? 204 : 200);
}

function typeOf({ type }: Route): string {
  return type ?? 'application/json; charset=utf-8';
}

function said({ reply, type }: Route, result: unknown): string | Readable {
  if (reply === undefined) return '';
  if (result instanceof Readable) return result;
  return type === undefined ? JSON.stringify(result) : String(result);
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
  if (credential !== undefined) throw unknownKey();
  throw new Problem(401, 'no-credentials', 'Send a key as `Authorization: Bearer` or `X-Misstep-API-Key`.', {
    headers: CHALLENGE,
  });
}

/**
 * Who needs no key is known by being on this machine. A page of elsewhere in a browser here is not: it comes under a name of its own
 * (rebinding of DNS), or says where it is from.
 */
function refuseStrangers({ headers: { host, origin } }: FastifyRequest): void {
  for (const [what, value] of [
    ['name', host],
    ['origin', origin],
  ] as const) {
    if (value === undefined || namesThisMachine(value)) continue;
    const detail = `Without a key only this machine may ask, as localhost or 127.0.0.1; this came by the ${what} ${value.slice(0, 200)}.`;
    throw new Problem(403, 'foreign-origin', detail);
  }
}

const CHALLENGE = { 'www-authenticate': 'Bearer realm="misstep"' };

function unknownKey(): Problem {
  return new Problem(401, 'unknown-key', 'The key or token is unknown, revoked or over.', { headers: CHALLENGE });
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
