/** Takes everything and keeps nothing: for measurements, and for pipelines that exist for their connectors. */
import { z } from 'zod';
import type { Batch } from '../../src/batch/batch.ts';
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

  consume({ signal, items }: Batch): undefined {
    this.ledger?.offered(signal, items);
    this.ledger?.sent(signal, items);
    return undefined;
  }

  async shutdown(): Promise<void> {}
}
