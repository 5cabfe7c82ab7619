/** How tools ask the API: in this process for one tenant, or over HTTP with a key. Either way what is wrong is a `Problem`. */
import { z } from 'zod';
import { dispatch, problemOf } from '../dispatch.ts';
import { Problem } from '../problem.ts';
import type { Method, Route, Services } from '../route.ts';

export interface Question {
  readonly method: Method;
  /** As the table of routes has it: under `/api/v1`, parameters as `{name}`. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
}

export type Ask = (question: Question, signal: AbortSignal) => Promise<unknown>;

const noPath = (path: string) => new Problem(404, 'no-such-path', `This misstep has no ${path}.`);

export function askHere(routes: readonly Route[], services: Services, tenant: string): Ask {
  return async ({ method, path, params = {}, query = {}, body }, signal) => {
    const route = routes.find((one) => one.method === method && one.path === path);
    if (route === undefined) throw noPath(path);
    const given = { params, query: texts(query), body, from: 'mcp' };
    try {
      const answer = await dispatch(route, services, tenant, given);
      signal.throwIfAborted();
      return answer;
    } catch (error) {
      if (signal.aborted) throw error;
      const problem = problemOf(error);
      if (problem.status === 500) {
        const message = error instanceof Error ? error.message : String(error);
        services.host.logger.log('error', 'A tool of MCP failed.', { path, error: message });
      }
      throw problem;
    }
  };
}

const ANSWER_MS = 30_000;
/** A trace of 5,000 steps with a little of their content; what is longer is not for this reader. */
const MOST_BYTES = 32 * 1024 * 1024;
const problemBody = z.object({ code: z.string().max(100), detail: z.string() });

/** `url` without `/api/v1`. */
export function askThere(url: string, key: string | undefined): Ask {
  return async ({ method, path, params = {}, query = {}, body }, signal) => {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    const search = new URLSearchParams(texts(query)).toString();
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}/api/v1${filled}${search === '' ? '' : `?${search}`}`, {
        method,
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await bounded(response);
    } catch (error) {
      if (signal.aborted || error instanceof Problem) throw error;
      throw new Problem(
        503,
        'no-answer',
        `The API at ${url} does not answer. Start 'misstep run --config config/platform.yaml'.`,
      );
    }
    const answer = jsonOf(text);
    if (response.ok && answer !== undefined) return answer;
    const { data } = problemBody.safeParse(answer);
    if (data?.code === 'no-such-path') throw noPath(path);
    if (data !== undefined) throw new Problem(response.status, data.code, data.detail);
    throw new Problem(502, 'not-misstep', `${url} answers with ${response.status}, but not as the API of misstep does.`);
  };
}

/** Queries are text, wherever they are asked. */
function texts(query: NonNullable<Question['query']>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new Problem(502, 'too-large', `The API's answer is longer than ${MOST_BYTES} bytes. Ask for less.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
