/**
 * Keeps the process below a limit of resident memory.
 *
 * The Collector polls and refuses what it has already decoded. Here the resident size is sampled too, but between two
 * samples the bytes of every request are counted at the door: `Admission.limit` gets, at each sample, the payload held
 * now plus the room that is left, so a burst is refused before its bodies are read.
 *
 * Above the soft limit (limit − spike) everything is refused and garbage is collected, for without work V8 would
 * not do so by itself and the refusal would not end.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { count, duration, MIB, mebibytes } from '../../config/units.ts';
import type { Batch } from '../../src/batch/batch.ts';
import {
  type Component,
  type Consumer,
  type Counter,
  type Host,
  type ProcessorFactory,
  Refused,
  type Settings,
} from '../../src/component/component.ts';
import { memoryAllowed } from '../../src/component/memory.ts';

/** The Collector's default: a fifth of the limit is kept free for what comes between two samples. */
const SPIKE_SHARE = 0.2;
/** A full collection stops the process for tens of milliseconds: not more often than this (the Collector's value). */
const GC_INTERVAL_MS = 10_000;
const RETRY_AFTER_MS = 1000;
/** What the Collector calls the items of a signal in metric names. */
const ITEMS = { traces: 'spans', metrics: 'metric_points', logs: 'log_records' } as const;

const options = z
  .strictObject({
    check_interval: duration('1s').describe('How often the resident size is sampled.'),
    limit_mib: mebibytes(0).describe('Hard limit of resident memory, MiB.'),
    spike_limit_mib: mebibytes(0).describe('Kept free below the limit, MiB. 0 = a fifth of the limit.'),
    limit_percentage: count(0, { max: 100 }).describe('Hard limit as a share of the memory the process may have.'),
    spike_limit_percentage: count(0, { max: 100 }).describe('Kept free below the limit, as a share of the memory.'),
  })
  .superRefine((value, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (value.check_interval <= 0) wrong('check_interval', 'must be greater than zero.');
    if (value.limit_mib === 0 && value.limit_percentage === 0) {
      wrong('limit_mib', 'one of limit_mib and limit_percentage must be greater than zero.');
    }
    if (value.limit_mib > 0 && value.spike_limit_mib >= value.limit_mib) {
      wrong('spike_limit_mib', `must be smaller than limit_mib (${value.limit_mib}), is ${value.spike_limit_mib}.`);
    }
    if (value.limit_percentage > 0 && value.spike_limit_percentage >= value.limit_percentage) {
      const said = `must be smaller than limit_percentage (${value.limit_percentage}), is ${value.spike_limit_percentage}.`;
      wrong('spike_limit_percentage', said);
    }
  });

type Options = z.output<typeof options>;

export const factory: ProcessorFactory<typeof options> = {
  kind: 'processor',
  type: 'memory_limiter',
  stability: 'beta',
  summary: 'Refuses data before memory runs out.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (settings, value, next) => createMemoryLimiter(settings, value, next, processMemory()),
};

/** What the limiter reads and does; tests bring their own. */
export interface Memory {
  rss(): number;
  /** Bytes the process may have. */
  readonly total: number;
  collect(): void;
}

/** Bytes. As the Collector: `limit_mib` stands before `limit_percentage`. */
export function limits(value: Options, total: number): { readonly hard: number; readonly soft: number } {
  if (value.limit_mib > 0) {
    const hard = value.limit_mib * MIB;
    return { hard, soft: hard - (value.spike_limit_mib > 0 ? value.spike_limit_mib * MIB : hard * SPIKE_SHARE) };
  }
  const hard = (value.limit_percentage / 100) * total;
  return {
    hard,
    soft: hard - (value.spike_limit_percentage > 0 ? (value.spike_limit_percentage / 100) * total : hard * SPIKE_SHARE),
  };
}

export function createMemoryLimiter(settings: Settings, value: Options, next: Consumer, memory: Memory): Component & Consumer {
  const { soft } = limits(value, memory.total);
  const owner = {};
  let host: Host | undefined;
  let timer: NodeJS.Timeout | undefined;
  let collectedAt = Number.NEGATIVE_INFINITY;
  let refusing = false;
  let accepted: Counter | undefined;
  let refused: Counter | undefined;

  function sample(on: Host): void {
    let rss = memory.rss();
    const now = on.clock.monotonic();
    if (rss >= soft && now - collectedAt >= GC_INTERVAL_MS) {
      collectedAt = now;
      memory.collect();
      rss = memory.rss();
    }
    on.admission.limit(owner, on.admission.held + Math.floor(soft - rss));
    const over = rss >= soft;
    if (over === refusing) return;
    refusing = over;
    const said = `resident memory is ${mib(rss)} MiB, the soft limit ${mib(soft)} MiB`;
    on.status(over ? { state: 'failing', reason: `All data is refused: ${said}.` } : { state: 'ok' });
  }

  return {
    async start(given) {
      host = given;
      const items = ITEMS[settings.signal];
      const labels = { processor: settings.id };
      accepted = given.meter.counter(`otelcol_processor_memory_limiter_accepted_${items}`, labels, 'Items let through.');
      refused = given.meter.counter(
        `otelcol_processor_memory_limiter_refused_${items}`,
        labels,
        'Items refused for want of memory.',
      );
      if (memory.rss() >= soft) {
        given.logger.log('warn', 'The process is above its soft limit before it has taken any data. Raise limit_mib.', {
          soft_mib: mib(soft),
          rss_mib: mib(memory.rss()),
        });
      }
      given.status({ state: 'ok' });
      sample(given);
      timer = setInterval(() => sample(given), value.check_interval);
      timer.unref();
    },
    async shutdown() {
      clearInterval(timer);
      host?.admission.limit(owner, undefined);
    },
    consume(batch: Batch) {
      if (refusing) {
        refused?.add(batch.items);
        return Promise.reject(new Refused('memory', 'data refused due to high memory usage', RETRY_AFTER_MS));
      }
      accepted?.add(batch.items);
      return next.consume(batch);
    },
  };
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}

function processMemory(): Memory {
  let collect: (() => void) | undefined;
  return {
    rss: () => process.memoryUsage.rss(),
    total: memoryAllowed().bytes,
    collect() {
      if (collect === undefined) {
        setFlagsFromString('--expose-gc');
        collect = runInNewContext('gc') as () => void;
      }
      collect();
    },
  };
}
