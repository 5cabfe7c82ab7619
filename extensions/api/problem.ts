/** Errors as RFC 9457 problems. `code` is a fixed word that programs may compare. */
import type { z } from 'zod';

export interface FieldError {
  /** JSON pointer into the body, or `?name` for the query. */
  readonly pointer: string;
  readonly detail: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Not valid',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'Upstream failed',
  503: 'Not available',
};

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { errors?: readonly FieldError[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }

  body(instance: string, requestId: string): Readonly<Record<string, unknown>> {
    return {
      type: `urn:misstep:problem:${this.code}`,
      title: TITLES[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
      instance,
      code: this.code,
      ...(this.errors.length > 0 ? { errors: this.errors } : {}),
      request_id: requestId,
    };
  }
}

export function notFound(what: string, id: string): Problem {
  return new Problem(404, 'not-found', `There is no ${what} ${id.slice(0, 100)}.`);
}

/** Everything that is wrong, at once. Values that were seen are not repeated: they may be secrets. */
export function invalid(where: 'body' | 'query' | 'path', error: z.ZodError): Problem {
  const errors = error.issues.slice(0, 50).map(({ path, message }) => ({
    pointer:
      where === 'body'
        ? `/${path.map((one) => String(one).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`
        : `?${path.join('.')}`,
    detail: message,
  }));
  return new Problem(
    422,
    'not-valid',
    `The ${where} has ${error.issues.length} mistake${error.issues.length === 1 ? '' : 's'}.`,
    { errors },
  );
}
