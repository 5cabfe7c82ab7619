/** Asking an API of the configuration for JSON: bounded, guarded, and with errors that say whether asking again is of use. */
import { isObject } from '../../dialects/json.ts';
import { type GuardedAnswer, requestGuarded, TooLarge } from './guard.ts';

const TIMEOUT_MS = 30_000;
/** Longest text of an API's own that is repeated in a message. */
const MAX_TYPE = 100;

export interface ApiOptions {
  /** Credentials among them: they stay with the origin that they are for. */
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  /** By status: what to look at then. */
  readonly check: Readonly<Record<number, string>>;
  /** The API's own word for an error, out of its body; letters and `_` of it are shown. */
  readonly typeOf?: (body: unknown) => unknown;
}

/** The API answered with an error, or not at all. */
export class ApiError extends Error {
  /** `malformed`: status 200 and no JSON object. */
  readonly kind: 'unreachable' | 'status' | 'too_large' | 'malformed';
  readonly status: number | undefined;
  /** What the API asks to wait. */
  readonly retryMs: number | undefined;

  constructor(message: string, kind: ApiError['kind'], status?: number, retryMs?: number) {
    super(message);
    this.name = 'ApiError';
    this.kind = kind;
    this.status = status;
    this.retryMs = retryMs;
  }

  /** Asking again is no use before somebody changes something. */
  get final(): boolean {
    return this.status === 400 || this.status === 401 || this.status === 403;
  }
}

/** The JSON object at `url`, whose host may have any address; redirects that leave it go to public ones. Rejects with `ApiError`. */
export async function getJson(url: URL, { headers, maxBytes, check, typeOf }: ApiOptions): Promise<object> {
  const answer = await requestGuarded(url.href, { headers, allow: [url.host], timeoutMs: TIMEOUT_MS, maxBytes }).catch(
    (error: unknown) => {
      if (error instanceof TooLarge) throw new ApiError(`the API answers with more than ${maxBytes} bytes`, 'too_large');
      throw new ApiError(`the API does not answer: ${reasonOf(error)}`, 'unreachable');
    },
  );
  const body = parsed(answer.body);
  if (answer.status !== 200) throw refusal(answer, typeOf?.(body), check[answer.status]);
  if (!isObject(body)) throw new ApiError('the API answers with something that is no JSON object', 'malformed', answer.status);
  return body;
}

function refusal({ status, headers }: GuardedAnswer, said: unknown, check: string | undefined): ApiError {
  const type = typeof said === 'string' ? said.replaceAll(/[^a-z_]/g, '').slice(0, MAX_TYPE) : '';
  const after = Number(headers['retry-after']);
  const retryMs = Number.isFinite(after) && after >= 0 ? Math.min(after, 3600) * 1000 : undefined;
  const hint = check === undefined ? '' : ` ${check}`;
  return new ApiError(
    `the API answers with status ${status}${type === '' ? '' : ` (${type})`}.${hint}`,
    'status',
    status,
    retryMs,
  );
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : 'unknown';
}
