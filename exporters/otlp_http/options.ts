/** Options of `otlp_http`: the Collector's keys, those that work. */
import { z } from 'zod';
import { unavailable, wrong } from '../../config/kind.ts';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import { headers } from '../../config/secret.ts';
import { clientTls } from '../../config/tls.ts';
import { count, duration } from '../../config/units.ts';
import { authOption } from '../../src/component/auth.ts';
import { allowLinkLocal, checkLinkLocal } from '../../src/component/transport/guard.ts';
import { zstdCompress } from './compress.ts';

const url = () =>
  z.string().superRefine((text, ctx) => {
    const protocol = URL.canParse(text) ? new URL(text).protocol : '';
    if (protocol === 'http:' || protocol === 'https:') return;
    wrong(ctx, 'not a URL with http:// or https://', 'Write for example http://127.0.0.1:4318.');
  });

export const options = z
  .strictObject({
    endpoint: url().optional().describe('Base URL; `/v1/traces`, `/v1/metrics` or `/v1/logs` is added.'),
    traces_endpoint: url().optional().describe('URL for traces, taken as it is.'),
    metrics_endpoint: url().optional().describe('URL for metrics, taken as it is.'),
    logs_endpoint: url().optional().describe('URL for logs, taken as it is.'),
    encoding: z.enum(['proto', 'json']).default('proto'),
    compression: z
      .enum(['gzip', 'deflate', 'zstd', 'none', ''])
      .optional()
      .describe('Default: gzip, but none towards a loopback address, where it costs more than it saves.'),
    compression_params: z
      .strictObject({ level: z.int().min(1).max(9).default(1) })
      .prefault({})
      .describe('Level 1 costs a sixth of the CPU of level 6 for little more traffic.'),
    headers: headers(),
    timeout: duration('30s').describe('For one try, answer included; 0s = none.'),
    tls: clientTls(),
    max_conns_per_host: count(0).describe('0 = no limit.'),
    max_idle_conns: count(100, { min: 1 }),
    idle_conn_timeout: duration('90s'),
    disable_keep_alives: z.boolean().default(false),
    sending_queue: sendingQueue(),
    retry_on_failure: retryOnFailure(),
    proxy_url: unavailable('Remove it: connections are direct.'),
    allow_link_local: allowLinkLocal(),
    auth: authOption('Whose credentials each request shows: an extension. They win over headers.'),
  })
  .superRefine((value, ctx) => {
    const own = value.traces_endpoint ?? value.metrics_endpoint ?? value.logs_endpoint;
    if (value.endpoint === undefined && own === undefined)
      wrong(ctx, 'required. Add endpoint: http://host:4318.', '', ['endpoint']);
    for (const key of ['endpoint', 'traces_endpoint', 'metrics_endpoint', 'logs_endpoint'] as const) {
      const text = value[key];
      if (text !== undefined && URL.canParse(text)) checkLinkLocal(new URL(text).hostname, value.allow_link_local, ctx, key);
    }
    if (value.compression === 'zstd' && zstdCompress === undefined) {
      wrong(ctx, `not available in Node ${process.versions.node}`, 'Use gzip, or Node 22.15 or later.', ['compression']);
    }
  });

export type Options = z.output<typeof options>;
