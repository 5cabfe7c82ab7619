/** Where a webhook's sender may put its key: the frameworks differ in what they let a user type. */
import type { IncomingHttpHeaders } from 'node:http';

const HEADERS = ['x-misstep-api-key', 'x-pisama-api-key', 'api_key', 'x-api-key'];

/** Everything that may be the key, in the order in which it is tried. `query` is read for `?token=`; `undefined` = not here. */
export function keysOf(headers: IncomingHttpHeaders, query: string | undefined): readonly string[] {
  const [scheme = '', rest = ''] = split(headers.authorization ?? '', ' ');
  const keys: (string | null | undefined)[] = [];
  if (scheme.toLowerCase() === 'bearer') keys.push(rest.trim());
  for (const name of HEADERS) keys.push(...[headers[name]].flat());
  // Basic with any user: the password is the key.
  if (scheme.toLowerCase() === 'basic') keys.push(split(Buffer.from(rest.trim(), 'base64').toString('utf8'), ':')[1]);
  if (query !== undefined) keys.push(new URLSearchParams(query).get('token'));
  return keys.filter((key): key is string => typeof key === 'string' && key !== '');
}

function split(text: string, at: string): readonly string[] {
  const cut = text.indexOf(at);
  return cut < 0 ? [text] : [text.slice(0, cut), text.slice(cut + 1)];
}
