// Factories as the components have them, in small: the checks know no component by name.
import { z } from 'zod';
import { retryOnFailure, sendingQueue } from '../queue.ts';
import { headers, secret } from '../secret.ts';
import type { ConfigFactory, Signal } from '../service-config.ts';
import { clientTls, serverTls } from '../tls.ts';
import { count, duration, mebibytes, percentage } from '../units.ts';

const ALL: readonly Signal[] = ['traces', 'metrics', 'logs'];

const endpoint = () => z.string().regex(/^\S+$/, { error: 'not an endpoint' });
const server = (port: number) => ({
  endpoint: endpoint().default(`localhost:${port}`),
  insecure: z.boolean().default(false),
  tls: serverTls().optional(),
});

const exporter = (type: string, alias: string): ConfigFactory => ({
  kind: 'exporter',
  type,
  aliases: [alias],
  stability: 'beta',
  summary: 'Sends OTLP.',
  signals: ALL,
  options: z.strictObject({
    endpoint: endpoint(),
    compression: z.enum(['gzip', 'zstd', 'none']).default('gzip'),
    timeout: duration('30s'),
    headers: headers(),
    tls: clientTls(),
    sending_queue: sendingQueue(),
    retry_on_failure: retryOnFailure(),
  }),
});

const small = (kind: ConfigFactory['kind'], type: string, signals: readonly Signal[], shape: z.core.$ZodLooseShape = {}): ConfigFactory => ({
  kind,
  type,
  stability: 'beta',
  signals,
  options: z.strictObject(shape),
});

export const factories: readonly ConfigFactory[] = [
  small('receiver', 'otlp', ALL, {
    protocols: z
      .strictObject({
        grpc: z.strictObject({ ...server(4317), max_recv_msg_size_mib: mebibytes(64, { min: 1 }) }).optional(),
        http: z.strictObject({ ...server(4318), max_request_body_size: count(20_971_520) }).optional(),
      })
      .refine((value) => value.grpc !== undefined || value.http !== undefined, {
        error: 'must specify at least one protocol when using the OTLP receiver.',
      }),
  }),
  small('processor', 'memory_limiter', ALL, {
    check_interval: duration('1s', { min: '1ms' }),
    limit_mib: count(0),
    limit_percentage: percentage(0),
  }),
  small('processor', 'batch', ALL, { send_batch_size: count(8_192), timeout: duration('200ms') }),
  small('processor', 'detect', ['traces'], {
    tiers: z.array(z.int().min(1).max(5)).default([1, 2, 3]),
    emit_above: z.number().min(0).max(1).default(0.6),
    output: z.enum(['all', 'detections']).default('all'),
    detectors: z
      .strictObject({ loop: z.strictObject({ enabled: z.boolean().default(true), min_repeats: count(3, { min: 2 }) }).prefault({}) })
      .prefault({}),
  }),
  exporter('otlp_http', 'otlphttp'),
  exporter('otlp_grpc', 'otlp'),
  small('exporter', 'debug', ALL, { verbosity: z.enum(['basic', 'normal', 'detailed']).default('normal') }),
  small('exporter', 'nop', ALL),
  { ...small('connector', 'detections', ['traces']), produces: ['metrics', 'logs'] },
  { ...small('connector', 'agent_events', ['logs', 'traces']), produces: ['traces'] },
  { ...small('connector', 'forward', ALL), produces: ALL },
  { kind: 'extension', type: 'health_check', stability: 'beta', options: z.strictObject(server(13_133)) },
  {
    kind: 'extension',
    type: 'file_storage',
    stability: 'beta',
    options: z.strictObject({ directory: z.string(), create_directory: z.boolean().default(false), fsync: z.boolean().optional() }),
  },
  { kind: 'extension', type: 'token', stability: 'beta', options: z.strictObject({ token: secret(), scheme: z.string().default('Bearer') }) },
];
