/** Sends to an OTLP/HTTP backend, protobuf or JSON, through a queue with retries. */
import type { ExporterFactory } from '../../src/component/component.ts';
import { createSender } from '../../src/component/sender.ts';
import { options } from './options.ts';
import { connectHttp } from './transport.ts';

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'otlp_http',
  aliases: ['otlphttp'],
  stability: 'beta',
  summary: 'Sends to an OTLP/HTTP backend, protobuf or JSON, through a queue with retries.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (id, value, hints) => createSender(id, value, hints, (host) => connectHttp(value, host)),
};
