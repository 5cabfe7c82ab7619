/**
 * Receives runs of agent frameworks as their webhooks, callbacks and exporters bring them: a payload becomes spans in
 * its framework's adapter, and those go through the pipeline as if they had come as OTLP.
 */
import type { Signal } from '../../src/batch/batch.ts';
import type { Component, Consumer, ReceiverFactory } from '../../src/component/component.ts';
import { serveHttp } from '../../src/component/transport/http-server.ts';
import { Intake } from '../../src/component/transport/intake.ts';
import type { Listener } from '../../src/component/transport/listener.ts';
import type { ActiveDetector } from '../../src/detector/fold.ts';
import { activate, type ShippedDetector } from '../../src/detector/options.ts';
import { decider } from './decide.ts';
import { Grading } from './grading.ts';
import { createHandler } from './handler.ts';
import { type Options, options } from './options.ts';
import { Repeats } from './repeats.ts';
import { routes } from './routes.ts';

/** `shipped` are the detectors that grade sessions, with their defaults. */
export function webhookFactory(shipped: readonly ShippedDetector[]): ReceiverFactory<typeof options> {
  const { active } = activate(shipped, {});
  return {
    kind: 'receiver',
    type: 'webhook',
    stability: 'alpha',
    summary: "Receives runs of agent frameworks by their webhooks, and OTLP traces under the paths of others' APIs.",
    signals: ['traces'],
    options,
    create: (id, value, next) => createWebhookReceiver(id, value, next, active),
  };
}

export interface WebhookReceiver extends Component {
  /** As host:port; undefined before `start` and after `shutdown`. */
  address(): string | undefined;
}

/** `table` is another than that of the product in tests only. */
export function createWebhookReceiver(
  id: string,
  value: Options,
  next: ReadonlyMap<Signal, Consumer>,
  graders: readonly ActiveDetector[],
  table = routes,
): WebhookReceiver {
  let listener: Listener | undefined;
  let intake: Intake | undefined;

  return {
    address: () => listener?.address,
    async start(host) {
      intake = new Intake(host, id, 'http', next, value.max_request_body_size, value.auth);
      const decide = value.decide && decider(value.decide, host, id);
      const grading = new Grading(graders, host.logger);
      const handler = createHandler(value, intake, new Repeats(host.clock), host, id, table, grading, decide);
      listener = await serveHttp(value, host, handler);
      host.logger.log('info', 'Listening.', { http: listener.address });
    },
    async shutdown(signal) {
      const [closing, open] = [listener, intake];
      listener = undefined;
      intake = undefined;
      await closing?.close(signal);
      // A client may have gone before its data was safe; the pipeline still has it.
      if (open !== undefined) await Promise.race([open.settled(), aborted(signal)]);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
