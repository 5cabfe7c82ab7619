/** Hands every batch on as it is: joins pipelines, or splits one. */
import { z } from 'zod';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import { type Component, type ConnectorFactory, type Consumer, type Host, Permanent } from '../../src/component/component.ts';

const options = z.strictObject({});

export const factory: ConnectorFactory<typeof options> = {
  kind: 'connector',
  type: 'forward',
  stability: 'stable',
  summary: 'Hands every batch on as it is, to the pipelines of the same signal that receive from it.',
  signals: ['traces', 'metrics', 'logs'],
  produces: ['traces', 'metrics', 'logs'],
  options,
  create: (_id, _options, next) => new Forward(next),
};

class Forward implements Component, Consumer {
  private readonly next: ReadonlyMap<Signal, Consumer>;

  constructor(next: ReadonlyMap<Signal, Consumer>) {
    this.next = next;
  }

  async start(host: Host): Promise<void> {
    host.status({ state: 'ok' });
  }

  consume(batch: Batch): Promise<void> | undefined {
    const next = this.next.get(batch.signal);
    if (next === undefined)
      return Promise.reject(new Permanent(`no pipeline of ${batch.signal} receives from this connector`, 13));
    return next.consume(batch);
  }

  async shutdown(): Promise<void> {}
}
