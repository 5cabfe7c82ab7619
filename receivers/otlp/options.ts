/** The options of the `otlp` receiver, under the Collector's keys. A key that does not work is unknown. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { count, duration, mebibytes } from '../../config/units.ts';
import { endpoint } from '../../src/component/transport/endpoint.ts';
import {
  checkReach,
  checkTimes,
  httpServerOptions,
  MAX_MESSAGE_MIB,
  serverOptions,
} from '../../src/component/transport/server-options.ts';

const shared = {
  include_metadata: z
    .boolean()
    .default(false)
    .describe('Hands the request headers on with the batch, but for the one that auth has checked.'),
};

const keepalive = z.strictObject({
  server_parameters: z
    .strictObject({
      max_connection_idle: duration('0s').describe('A connection without calls is closed after this; 0 = never.'),
      max_connection_age: duration('0s').describe(
        'A connection is closed at this age, give or take a tenth, so that load spreads; 0 = never.',
      ),
      max_connection_age_grace: duration('0s').describe(
        'Calls under way have this long to end after max_connection_age; 0 = as long as they take.',
      ),
    })
    .prefault({}),
});

const grpc = z
  .strictObject({
    endpoint: endpoint('localhost:4317').describe('Where gRPC listens.'),
    ...serverOptions,
    ...shared,
    max_recv_msg_size_mib: mebibytes(64, { min: 1, max: MAX_MESSAGE_MIB }).describe(
      'Largest message, before and after decompression, MiB.',
    ),
    max_concurrent_streams: count(1_000, { min: 1, max: 1_000_000 }).describe('Calls at the same time on one connection.'),
    keepalive: keepalive.prefault({}).describe('Age of connections.'),
  })
  .superRefine(checkReach);

const cors = z.strictObject({
  allowed_origins: z.array(z.string()).default([]).describe("Origins that may send; one '*' stands for any characters."),
  allowed_headers: z.array(z.string()).default([]).describe("Headers besides the usual ones that may be sent; '*' = all."),
  exposed_headers: z.array(z.string()).default([]).describe('Response headers that scripts may read.'),
  max_age: count(0, { max: 86_400 }).describe('Seconds a browser may keep the answer to a preflight; 0 = its own default.'),
});

const path = (fallback: string) =>
  z
    .string()
    .regex(/^\/[^?#\s]*$/, 'must be a path that starts with / and has no query.')
    .default(fallback);

const http = z
  .strictObject({
    endpoint: endpoint('localhost:4318').describe('Where HTTP listens.'),
    ...httpServerOptions,
    ...shared,
    traces_url_path: path('/v1/traces').describe('Path of traces.'),
    metrics_url_path: path('/v1/metrics').describe('Path of metrics.'),
    logs_url_path: path('/v1/logs').describe('Path of logs.'),
    cors: cors.optional().describe('Lets scripts of other origins send.'),
  })
  .superRefine(checkReach)
  .superRefine(checkTimes)
  .superRefine((value, ctx) => {
    const paths = [value.traces_url_path, value.metrics_url_path, value.logs_url_path];
    if (new Set(paths).size < paths.length) wrong(ctx, 'two signals have the same path.', '');
  });

export const options = z
  .strictObject({
    protocols: z
      .strictObject({
        grpc: grpc.optional().describe('OTLP over gRPC; present = on.'),
        http: http.optional().describe('OTLP over HTTP; present = on.'),
      })
      .superRefine((protocols, ctx) => {
        if (protocols.grpc !== undefined || protocols.http !== undefined) return;
        wrong(ctx, 'must specify at least one protocol when using the OTLP receiver', 'Add grpc: or http: beneath it.');
      })
      .prefault({})
      .describe('Which protocols are served.'),
  })
  .describe('OTLP over gRPC and HTTP.');

export type GrpcOptions = z.output<typeof grpc>;
export type HttpOptions = z.output<typeof http>;
export type CorsOptions = z.output<typeof cors>;
export type Options = z.output<typeof options>;
