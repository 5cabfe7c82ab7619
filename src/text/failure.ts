/**
 * Failures that are told as text: does a tool's result state one, and of what class is it. Structure first (JSON that says so), then words
 * at the beginning of the result's first lines, where tools put them; a page that merely mentions an error states none. Bounded: the first
 * 600 and the last 400 characters are read.
 */

export type FailureClass =
  | 'timeout'
  | 'limit'
  | 'rate_limit'
  | 'authentication'
  | 'arguments'
  | 'program'
  | 'environment'
  | 'empty'
  | 'not_found'
  | 'service'
  | 'other';

const HEAD = 600;
const TAIL = 400;
/** Longer results are payloads. */
const MAX_JSON = 16_384;

/** In order of precedence: what names the cause before what names the symptom. Lower case. */
const words: readonly (readonly [FailureClass, readonly string[]])[] = [
  [
    'limit',
    [
      'maximum number of',
      'operations limit',
      'out of memory',
      'memoryerror',
      'recursionerror',
      'maximum recursion',
      'resource exhausted',
      'enospc',
      'no space left',
    ],
  ],
  [
    'rate_limit',
    [
      'rate limit',
      'ratelimit',
      'rate_limit',
      'too many requests',
      'error 429',
      'quota exceeded',
      'insufficient_quota',
      'throttl',
    ],
  ],
  [
    'arguments',
    [
      'unexpected keyword argument',
      'required positional argument',
      'positional arguments but',
      'missing required',
      'invalid argument',
      'invalid parameter',
      'validation error',
      'validationerror',
      'input validation',
      'is a required property',
      'schema',
    ],
  ],
  [
    'authentication',
    [
      'error 401',
      'error 403',
      '401 unauthorized',
      '403 forbidden',
      'http 401',
      'http 403',
      'unauthorized',
      'unauthorised',
      'forbidden',
      'permission denied',
      'access denied',
      'invalid api key',
      'invalid_api_key',
      'authentication failed',
      'not authorized',
      'status code 401',
      'status code 403',
    ],
  ],
  ['empty', ['no results found', 'no result found', 'no matches found', 'no matching', '0 results']],
  [
    'environment',
    [
      'modulenotfounderror',
      'no module named',
      'importerror',
      'import of ',
      'import from ',
      'command not found',
      'not installed',
      'missing dependency',
      'environment variable',
      'unsupportedformat',
      'not supported',
    ],
  ],
  [
    'not_found',
    [
      'filenotfounderror',
      'no such file',
      'enoent',
      'error 404',
      '404 not found',
      'http 404',
      'status code 404',
      'does not exist',
      'not found',
      'could not find',
    ],
  ],
  [
    'program',
    [
      'syntaxerror',
      'syntax error',
      'invalid syntax',
      'indentationerror',
      'nameerror',
      'is not defined',
      'typeerror',
      'valueerror',
      'keyerror',
      'attributeerror',
      'indexerror',
      'unicodeerror',
      'regex pattern',
      'code parsing',
      'could not parse',
      'jsondecodeerror',
      'interpretererror',
      'unterminated',
    ],
  ],
  [
    'service',
    [
      'internal server error',
      'bad gateway',
      'service unavailable',
      'gateway timeout',
      'error 500',
      'error 502',
      'error 503',
      'http 500',
      'http 502',
      'http 503',
      'connection refused',
      'connection aborted',
      'connection reset',
      'connectionerror',
      'econnrefused',
      'econnreset',
      'remote end closed',
      'overloaded',
      'max retries exceeded',
    ],
  ],
  ['timeout', ['timed out', 'timeout', 'deadline exceeded', 'etimedout']],
];

/** Beginnings of a line by which a result says that it is an error. */
const openings = [
  'error',
  'traceback',
  'exception',
  'fatal',
  'failed',
  'failure',
  'http error',
  'permission denied',
  'access denied',
  'command not found',
  'timeout',
  'timed out',
  'code execution failed',
  'title: error',
  'title: 403',
  'title: 404',
  'title: access denied',
  '# error',
  '## error',
];

/** The class of a failure known to be one. */
export function failureClass(text: string): FailureClass {
  const all = ends(text);
  for (const [name, list] of words) if (list.some((word) => all.includes(word))) return name;
  return 'other';
}

/** The class of the failure that a result states, or `undefined` if it states none. */
export function statedFailure(result: string): FailureClass | undefined {
  const said = structured(result);
  if (said !== undefined) return failureClass(said);
  const head = result.slice(0, HEAD).toLowerCase();
  let from = 0;
  for (let line = 0; line < 4 && from < head.length; line++) {
    let end = head.indexOf('\n', from);
    if (end < 0) end = head.length;
    const start = head.slice(from, end).trimStart();
    if (openings.some((opening) => start.startsWith(opening) && !isLetter(start.charCodeAt(opening.length))))
      return failureClass(result);
    from = end + 1;
  }
  return undefined;
}

/** What a JSON result says of its failure; `undefined` if it is no JSON object or says none. */
function structured(result: string): string | undefined {
  const text = result.trimStart();
  if (text.charCodeAt(0) !== 0x7b || text.length > MAX_JSON) return undefined;
  const head = text.slice(0, HEAD);
  if (!head.includes('rror') && !head.includes('"success"') && !head.includes('"ok"')) return undefined;
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { error, status, success, ok } = json;
  const failed =
    (error !== undefined && error !== null && error !== false && error !== '' && !(Array.isArray(error) && error.length === 0)) ||
    json['isError'] === true ||
    json['is_error'] === true ||
    status === 'error' ||
    success === false ||
    ok === false;
  return failed
    ? `${typeof error === 'string' ? error : JSON.stringify(error ?? '')} ${String(json['message'] ?? '')} ${text.slice(0, HEAD)}`
    : undefined;
}

function ends(text: string): string {
  return (text.length <= HEAD + TAIL ? text : `${text.slice(0, HEAD)}\n${text.slice(-TAIL)}`).toLowerCase();
}

function isLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}
