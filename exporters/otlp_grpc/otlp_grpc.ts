/** Sends to an OTLP/gRPC backend through a queue with retries. */
import type { ExporterFactory } from '../../src/component/component.ts';
import { createSender } from '../../src/component/sender.ts';
import { options } from './options.ts';
import { connectGrpc } from './transport.ts';

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'otlp_grpc',
  aliases: ['otlp'],
  stability: 'beta',
  summary: 'Sends to an OTLP/gRPC backend through a queue with retries.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (id, value, hints) => createSender(id, value, hints, (host) => connectGrpc(value, host)),
};
