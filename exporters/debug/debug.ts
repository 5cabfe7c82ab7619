/** Writes to standard output what passes: findings as one readable line each. */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { Batch } from '../../src/batch/batch.ts';
import { bookIn } from '../../src/component/account.ts';
import type { Component, Consumer, ExporterFactory, ExporterLedger, Host } from '../../src/component/component.ts';
import { render } from './render.ts';

const options = z.strictObject({
  verbosity: z
    .enum(['basic', 'normal', 'detailed'])
    .default('basic')
    .describe('basic: a line a batch and a line a finding; normal: also a line a span; detailed: also all attributes.'),
});
type Options = z.output<typeof options>;

/** What is needed of a stream; `process.stdout` is one. */
export interface Output extends NodeJS.EventEmitter {
  write(text: string): boolean;
  /** False after a failed write, but process.stdout opens itself again a tick later. */
  readonly writable: boolean;
  readonly isTTY?: boolean;
}

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'debug',
  stability: 'stable',
  summary: 'Writes findings, and at higher verbosity spans, to standard output.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (id, value) => createDebug(id, value, process.stdout, process.stdout.isTTY === true && !process.env['NO_COLOR']),
};

export function createDebug(id: string, value: Options, output: Output, colour: boolean): Component & Consumer {
  return new Debug(id, value, output, colour);
}

class Debug implements Component, Consumer {
  private readonly id: string;
  private readonly options: Options;
  private readonly output: Output;
  private readonly colour: boolean;
  private host: Host | undefined;
  private ledger: ExporterLedger | undefined;
  private full: Promise<void> | undefined;
  private closed = false;
  private readonly close = (): void => {
    this.closed = true;
  };

  constructor(id: string, value: Options, output: Output, colour: boolean) {
    this.id = id;
    this.options = value;
    this.output = output;
    this.colour = colour;
  }

  async start(host: Host): Promise<void> {
    this.host = host;
    this.ledger = host.ledger.exporter(this.id);
    // Without a listener a reader that goes away would end the process.
    this.output.on('error', this.close);
    host.status({ state: 'ok' });
  }

  /** A reader that is slower than the pipeline is waited for, not buffered for. */
  consume(batch: Batch): Promise<void> | undefined {
    return this.full === undefined ? this.write(batch) : this.full.then(() => this.write(batch));
  }

  async shutdown(_signal: AbortSignal): Promise<void> {
    // A write that has failed says so a tick later.
    await setImmediate();
    this.output.off('error', this.close);
  }

  private write(batch: Batch): Promise<void> | undefined {
    const { signal, items } = batch;
    if (this.ledger !== undefined) bookIn(this.ledger, batch);
    const room = this.open() && this.output.write(render(batch, this.options.verbosity, this.colour));
    if (!this.open()) return this.drop(batch);
    this.ledger?.sent(signal, items);
    if (room) return undefined;
    const settled = new AbortController();
    const done = () => {
      this.full = undefined;
      settled.abort();
    };
    const ends = ['drain', 'close', 'error'].map((event) => once(this.output, event, { signal: settled.signal }));
    this.full ??= Promise.race(ends).then(done, done);
    for (const end of ends) end.catch(() => {});
    return this.full;
  }

  private open(): boolean {
    this.closed ||= !this.output.writable;
    return !this.closed;
  }

  /** For good: standard output does not open again. A reader that went away is no reason to refuse what others export. */
  private drop({ signal, items }: Batch): undefined {
    this.ledger?.dropped(signal, items, 'output_closed');
    this.host?.status({
      state: 'degraded',
      reason: 'Standard output is closed; what comes is counted as dropped. Restart with a reader, or remove the exporter.',
    });
  }
}
