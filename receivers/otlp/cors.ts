/** Cross-origin requests: which origins may send, and the answer to a preflight. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CorsOptions } from './options.ts';

/** What browsers send without asking, and what the OpenTelemetry SDK adds. */
const USUAL_HEADERS = 'Accept, Accept-Language, Content-Language, Content-Type, Content-Encoding, Origin, X-Requested-With';

export interface Cors {
  /** Sets the headers of `response`. True if the request was a preflight and has been answered. */
  apply(request: IncomingMessage, response: ServerResponse): boolean;
}

export function createCors(options: CorsOptions): Cors {
  const any = options.allowed_origins.includes('*');
  const patterns = options.allowed_origins.map(matcher);
  const headers = options.allowed_headers.includes('*') ? undefined : [USUAL_HEADERS, ...options.allowed_headers].join(', ');
  const exposed = options.exposed_headers.join(', ');
  return {
    apply(request, response) {
      const origin = request.headers.origin;
      const preflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
      if (!any) response.setHeader('vary', preflight ? 'Origin, Access-Control-Request-Headers' : 'Origin');
      const lower = origin?.toLowerCase();
      if (origin !== undefined && lower !== undefined && (any || patterns.some((matches) => matches(lower)))) {
        // A wildcard together with credentials is refused by every browser, so it goes without.
        response.setHeader('access-control-allow-origin', any ? '*' : origin);
        if (!any) response.setHeader('access-control-allow-credentials', 'true');
        if (preflight) {
          response.setHeader('access-control-allow-methods', 'POST');
          response.setHeader('access-control-allow-headers', headers ?? request.headers['access-control-request-headers'] ?? '*');
          if (options.max_age > 0) response.setHeader('access-control-max-age', String(options.max_age));
        } else if (exposed !== '') response.setHeader('access-control-expose-headers', exposed);
      }
      if (preflight) response.writeHead(204).end();
      return preflight;
    },
  };
}

/** One `*` stands for any characters; without case, as hosts are. */
function matcher(pattern: string): (origin: string) => boolean {
  const lower = pattern.toLowerCase();
  const star = lower.indexOf('*');
  if (star < 0) return (origin) => origin === lower;
  const head = lower.slice(0, star);
  const tail = lower.slice(star + 1);
  return (origin) => origin.length >= head.length + tail.length && origin.startsWith(head) && origin.endsWith(tail);
}
