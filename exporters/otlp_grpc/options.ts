/** Options of `otlp_grpc`: the Collector's keys, those that work. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import { headers } from '../../config/secret.ts';
import { clientTls } from '../../config/tls.ts';
import { duration } from '../../config/units.ts';
import { authOption } from '../../src/component/auth.ts';
import { allowLinkLocal, checkLinkLocal } from '../../src/component/transport/guard.ts';

export const options = z
  .strictObject({
    endpoint: z.string().describe('`host:port`, or a URL with http:// (plain text) or https://.'),
    authority: z.string().optional().describe('Sent as :authority instead of the endpoint.'),
    compression: z
      .enum(['gzip', 'none', ''])
      .optional()
      .describe('Default: gzip, but none towards a loopback address, where it costs more than it saves.'),
    compression_params: z.strictObject({ level: z.int().min(1).max(9).default(1) }).prefault({}),
    headers: headers(),
    timeout: duration('5s').describe('For one try, connecting and answer included; 0s = none.'),
    tls: clientTls(),
    sending_queue: sendingQueue(),
    retry_on_failure: retryOnFailure(),
    allow_link_local: allowLinkLocal(),
    auth: authOption('Whose credentials each request shows: an extension. They win over headers.'),
  })
  .superRefine((value, ctx) => {
    if (parseEndpoint(value.endpoint) === undefined) {
      wrong(ctx, 'not host:port', 'Write for example 127.0.0.1:4317 or https://otlp.example.org:4317.', ['endpoint']);
    }
    checkLinkLocal(parseEndpoint(value.endpoint)?.hostname ?? '', value.allow_link_local, ctx);
  });

export type Options = z.output<typeof options>;

export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
  /** What the scheme says; undefined without one: then `tls.insecure` decides. */
  readonly secure: boolean | undefined;
}

/** `host:port`, `http(s)://host:port` or `dns://…/host:port`; undefined if it is none of them. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const bare = text.replace(/^dns:(\/\/[^/]*\/)?/, '');
  const schemed = /^https?:\/\//.test(bare);
  const href = schemed ? bare : `http://${bare}`;
  if (!URL.canParse(href)) return undefined;
  const url = new URL(href);
  if (url.hostname === '' || (url.pathname !== '/' && url.pathname !== '') || url.search !== '') return undefined;
  const secure = schemed ? url.protocol === 'https:' : undefined;
  // The URL class hides a port that is the scheme's default.
  const port = url.port !== '' ? Number(url.port) : /:80$/.test(bare) ? 80 : secure === false ? 80 : 443;
  return { hostname: url.hostname.replace(/^\[|\]$/g, ''), port, secure };
}
