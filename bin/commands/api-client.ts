/** The REST API of a running misstep, as commands ask it. */
import { type Command, InvalidArgumentError } from 'commander';

/** The endpoint of config/platform.yaml. */
const DEFAULT_URL = 'http://127.0.0.1:8000';
const TIMEOUT_MS = 10_000;

export interface ApiOptions {
  readonly url: string;
  readonly key?: string;
}

/** Adds `--url` and `--key`. */
export function apiOptions(command: Command): Command {
  return command
    .option('--url <url>', 'where the API of the running misstep is', checkedUrl, DEFAULT_URL)
    .option('--key <key>', 'key of the tenant; default: MISSTEP_API_KEY, or none on a loopback address');
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError(`Not a URL of http or https. Write for example ${DEFAULT_URL}.`);
  }
  return url.href.replace(/\/(api\/v1\/?)?$/, '');
}

/** The reply's body. Throws what is wrong and what to do. */
export async function askApi(
  { url, key = process.env['MISSTEP_API_KEY'] }: ApiOptions,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: 'error',
    headers: {
      ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new Error(
      `${url} does not answer. Start 'misstep run --config config/platform.yaml', or give its address with --url.`,
      {
        cause: error,
      },
    );
  });
  if (response.status === 204) return undefined;
  const reply = (await response.json().catch(() => undefined)) as Problem | undefined;
  if (response.ok && reply !== undefined) return reply;
  throw new Error(problemOf(url, response.status, reply));
}

interface Problem {
  readonly detail?: unknown;
  readonly errors?: readonly { readonly pointer?: unknown; readonly detail?: unknown }[];
}

function problemOf(url: string, status: number, reply: Problem | undefined): string {
  if (typeof reply?.detail !== 'string')
    return `${url} answers with ${status}, but not as the API of misstep does. Give its address with --url.`;
  const errors = (reply.errors ?? []).map(({ pointer, detail }) => `\n  ${String(pointer)}: ${String(detail)}`);
  return `${reply.detail}${errors.join('')}`;
}
