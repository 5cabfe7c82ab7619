/** The OpenAPI 3.1 document of routes: made of the schemas that check requests, so that the two cannot differ. */
import { z } from 'zod';
import type { Route } from './route.ts';

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    code: { type: 'string' },
    errors: {
      type: 'array',
      items: { type: 'object', properties: { pointer: { type: 'string' }, detail: { type: 'string' } } },
    },
    request_id: { type: 'string' },
  },
};

type Json = Readonly<Record<string, unknown>>;

function schema(of: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(of, { io, unrepresentable: 'any' }) as Json;
  return rest;
}

export function openapi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const at = `/api/v1${route.path}`;
    paths[at] = { ...paths[at], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'misstep',
      version,
      description: 'Traces, detections and what was said of them. Errors are RFC 9457 problems.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { key: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token of POST /auth/token, or a key.' },
        key: { type: 'apiKey', in: 'header', name: 'X-Misstep-API-Key', description: 'X-Pisama-API-Key is taken too.' },
      },
      schemas: { Problem: PROBLEM },
      responses: {
        Problem: {
          description: 'What is wrong.',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

function operation({ tag, summary, open, params, query, body, reply, status, type, method, path }: Route): Json {
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')];
  const success = String(status ?? (reply === undefined ? 204 : 200));
  const content = reply === undefined ? {} : { content: { [type ?? 'application/json']: { schema: schema(reply, 'output') } } };
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-zA-Z]+(.)?/g, (_: string, next: string | undefined) => (next ?? '').toUpperCase())}`,
    tags: [tag],
    summary,
    ...(open === true ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schema(body, 'input') } } } }),
    responses: { [success]: { description: 'Done.', ...content }, default: { $ref: '#/components/responses/Problem' } },
  };
}

function parametersOf(of: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (of === undefined) return [];
  const { properties = {}, required = [] } = schema(of, 'input') as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}
