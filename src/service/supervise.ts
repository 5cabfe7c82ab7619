/**
 * Ties the service to the signals of the process: SIGTERM or SIGINT drains, a second one cuts the drain short, a third
 * ends at once; SIGHUP reads the configuration again and puts it in force only if it is without problems.
 */
import type { Service } from './service.ts';
import type { ServiceSpec } from './spec.ts';

type Name = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** The part of `process` that is needed; a plain emitter in tests. */
export interface SignalSource {
  on(name: Name, listener: () => void): unknown;
  off(name: Name, listener: () => void): unknown;
}

export interface Supervision {
  readonly service: Service;
  readonly signals: SignalSource;
  /** How long accepted data may take to leave. */
  readonly graceMs: number;
  /** Loads and validates as `run` does; the problems, printed, one a line, or the spec. */
  load(): Promise<{ readonly problems: readonly string[] } | { readonly spec: ServiceSpec }>;
  /** The third signal. */
  abandon(): void;
  /** Calls back when the configuration's files change, until the returned function is called. Absent = nobody looks. */
  readonly watch?: (changed: () => void) => () => void;
}

/** Resolves when the service has stopped; true when the drain lost nothing and the books balance. */
export function supervise({ service, signals, graceMs, load, abandon, watch }: Supervision): Promise<boolean> {
  return new Promise((resolve) => {
    const grace = new AbortController();
    const reload = reloader(service, load);
    const unwatch = watch?.(reload);
    let asked = 0;

    function onStop(): void {
      asked += 1;
      if (asked > 2) abandon();
      if (asked === 2) grace.abort(new Error('asked twice'));
      if (asked !== 1) return;
      const before = dropped(service);
      const timer = setTimeout(() => grace.abort(new Error('the grace period is over')), graceMs);
      void service.shutdown(grace.signal).then(() => {
        clearTimeout(timer);
        signals.off('SIGTERM', onStop);
        signals.off('SIGINT', onStop);
        signals.off('SIGHUP', reload);
        unwatch?.();
        resolve(dropped(service) === before && service.book.balance() === 0);
      });
    }

    signals.on('SIGTERM', onStop);
    signals.on('SIGINT', onStop);
    signals.on('SIGHUP', reload);
  });
}

function dropped({ book }: Service): number {
  return book.exporters().reduce((sum, one) => sum + Object.values(one.dropped).reduce((n, more) => n + more, 0), 0);
}

/** A reload that waits takes in whatever is asked for meanwhile: a storm of signals is two reloads. */
function reloader(service: Service, load: Supervision['load']): () => void {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await reloadOnce(service, load);
    }
    running = false;
  };
}

async function reloadOnce(service: Service, load: Supervision['load']): Promise<void> {
  const { logger } = service;
  try {
    const loaded = await load();
    if ('problems' in loaded) {
      for (const problem of loaded.problems) logger.log('error', problem);
      logger.log('error', 'The new configuration has problems; the old one stays in force.', {
        problems: loaded.problems.length,
      });
      return;
    }
    await service.reload(loaded.spec);
    logger.log('info', 'The new configuration is in force.');
  } catch (error) {
    logger.log('error', 'The new configuration could not be put in force; the old one stays.', { error });
  }
}
