/** Takes everything and keeps nothing: for measurements, and for pipelines that exist for their connectors. */
import { z } from 'zod';
import type { Batch } from '../../src/batch/batch.ts';
import { bookIn } from '../../src/component/account.ts';
import type { Component, Consumer, ExporterFactory, ExporterLedger, Host } from '../../src/component/component.ts';

const options = z.strictObject({});

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'nop',
  stability: 'stable',
  summary: 'Takes everything and keeps nothing.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (id) => new Nop(id),
};

class Nop implements Component, Consumer {
  private readonly id: string;
  private ledger: ExporterLedger | undefined;

  constructor(id: string) {
    this.id = id;
  }

  async start(host: Host): Promise<void> {
    this.ledger = host.ledger.exporter(this.id);
    host.status({ state: 'ok' });
  }

  consume(batch: Batch): undefined {
    if (this.ledger === undefined) return undefined;
    bookIn(this.ledger, batch);
    this.ledger.sent(batch.signal, batch.items);
    return undefined;
  }

  async shutdown(): Promise<void> {}
}
