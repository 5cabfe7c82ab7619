/**
 * Spans and webhooks that are sent to the API are for the receiver `webhook`: they go there as they are, and its answer comes back. So a
 * client of the seed needs one address, and what is taken in is taken in at one place.
 */
import { request as ask } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from './problem.ts';
import { SENDER_HEADER } from './sender.ts';

/** As the table of `receivers/webhook/routes.ts` has them. */
export const PATHS: readonly string[] = [
  '/api/v1/traces/ingest',
  '/api/v1/v1/traces',
  '/api/v1/traces/claude-code/ingest',
  '/api/v1/conversations/ingest',
  '/api/v1/hooks/claude-code',
  '/api/public/otel/v1/traces',
  '/v1/traces',
  '/v1/traces/ingest',
  ...['n8n', 'dify', 'langgraph', 'deepagents', 'openclaw', 'managed-agents', 'openai', 'bedrock', 'adk'].map(
    (framework) => `/api/v1/${framework}/webhook`,
  ),
];
const TIMEOUT_MS = 30_000;
/** Of this connection, not of the message. */
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host', 'te', 'trailer']);

/** `senderOf`: what is said of who sends; rejects with a `Problem` for a key that is unknown, `undefined` where there is none. */
export async function forwardTo(
  app: FastifyInstance,
  endpoint: URL,
  senderOf: (request: FastifyRequest) => Promise<string | undefined>,
): Promise<void> {
  await app.register(async (scope) => {
    // Bodies pass unread: their size and sender are the receiver's to judge.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const path of PATHS) {
      scope.route({
        method: 'POST',
        url: path,
        bodyLimit: Number.MAX_SAFE_INTEGER,
        handler: async (request, reply) => {
          const sender = await senderOf(request);
          return new Promise((resolve, reject) => {
            const given = Object.entries(request.headers).filter(([name]) => !HOP.has(name) && name !== SENDER_HEADER);
            const headers = { ...Object.fromEntries(given), ...(sender === undefined ? {} : { [SENDER_HEADER]: sender }) };
            const options = { method: 'POST', path: request.url, headers, timeout: TIMEOUT_MS };
            const there = ask(endpoint, options, (answer) => {
              reply.code(answer.statusCode ?? 502);
              for (const [name, value] of Object.entries(answer.headers))
                if (!HOP.has(name) && value !== undefined) reply.header(name, value);
              reply.send(answer);
              resolve(reply);
            });
            const failed = () =>
              reject(
                new Problem(503, 'no-receiver', 'The receiver of spans does not answer.', { headers: { 'retry-after': '5' } }),
              );
            there.on('timeout', () => there.destroy(new Error('timeout')));
            there.on('error', failed);
            request.raw.on('aborted', () => there.destroy());
            request.raw.pipe(there);
          });
        },
      });
    }
  });
}
