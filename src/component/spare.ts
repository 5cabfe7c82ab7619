/** An exporter that spares the pipeline: when its queue is full, what comes is not kept, and counted. */
import { z } from 'zod';
import type { Batch } from '../batch/batch.ts';
import { type Component, type Consumer, type Counter, type Host, Refused } from './component.ts';

/** `items` are what finds the queue full. */
export function whenFull(items: string) {
  return z
    .enum(['drop', 'refuse'])
    .default('drop')
    .describe(
      `What becomes of ${items} while the queue is full: \`drop\` forwards them elsewhere without keeping them here, counted; \`refuse\` makes the sender wait.`,
    );
}

/** `sender`, or with `drop` one that refuses only while it stops. `metric` counts what it did not keep. */
export function sparing(
  id: string,
  when: 'drop' | 'refuse',
  metric: { readonly name: string; readonly help: string },
  sender: Component & Consumer,
): Component & Consumer {
  if (when === 'refuse') return sender;
  let notKept: Counter | undefined;
  return {
    async start(host: Host) {
      await sender.start(host);
      notKept = host.meter.counter(metric.name, { exporter: id }, metric.help);
    },
    consume(batch: Batch) {
      return sender.consume(batch)?.catch((error: unknown) => {
        if (!(error instanceof Refused) || error.reason === 'shutdown') throw error;
        notKept?.add(batch.items);
      });
    },
    shutdown: (signal) => sender.shutdown(signal),
  };
}
