/** What the service knows as a whole, and the `Host` through which one component sees it. */
import type { Admission, Budget, Clock, Component, Host, Logger, Readiness, Status } from '../component/component.ts';
import { printable } from '../text/printable.ts';
import { redact } from '../text/redact.ts';
import type { Facts } from './facts.ts';
import type { Book } from './ledger.ts';
import type { RootLogger } from './logger.ts';
import type { Registry } from './meter.ts';
import type { PressureGauge } from './pressure.ts';

/** A queue fuller than this will soon refuse: say so while there is time. */
const NEARLY_FULL = 0.9;

export type Phase = 'starting' | 'running' | 'stopping';

export interface Core {
  readonly logger: RootLogger;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly book: Book;
  readonly admission: Admission;
  readonly gauge: PressureGauge;
  readonly budget: Budget;
  readonly buildVersion: string;
  readonly extensions: Map<string, Component>;
  readonly board: Board;
  readonly facts: Facts;
  phase: Phase;
}

/** The health of every component. During a reload two generations have the same key; the owner of the entry counts. */
export interface Board {
  claim(key: string, owner: object, status: Status): void;
  set(key: string, owner: object, status: Status): void;
  remove(key: string, owner: object): void;
  all(): ReadonlyMap<string, Status>;
}

export function createBoard(logger: Logger): Board {
  const entries = new Map<string, { owner: object; status: Status }>();
  return {
    claim(key, owner, status) {
      entries.set(key, { owner, status });
    },
    set(key, owner, status) {
      const entry = entries.get(key);
      if (entry?.owner !== owner) return;
      const before = entry.status;
      entry.status = status;
      if (before.state === status.state) return;
      if ('reason' in status) {
        logger.log(status.state === 'failing' ? 'error' : 'warn', `${key} is ${status.state}.`, { reason: status.reason });
      } else if ('reason' in before && status.state === 'ok') {
        logger.log('info', `${key} is ok again.`);
      }
    },
    remove(key, owner) {
      if (entries.get(key)?.owner === owner) entries.delete(key);
    },
    all: () => new Map([...entries].map(([key, { status }]) => [key, status])),
  };
}

/** Ready = running, nothing failing, no queue nearly full. */
export function readiness(core: Core): Readiness {
  const reasons: string[] = [];
  if (core.phase !== 'running') reasons.push(`The service is ${core.phase}.`);
  for (const [key, status] of core.board.all()) {
    if (status.state === 'failing') reasons.push(`${key}: ${status.reason}`);
    if (status.state === 'starting' && core.phase === 'running') reasons.push(`${key}: is starting.`);
  }
  const capacities = new Map(
    core.registry.read('otelcol_exporter_queue_capacity').map((one) => [queueName(one.labels), one.value]),
  );
  for (const { labels, value } of core.registry.read('otelcol_exporter_queue_size')) {
    const capacity = capacities.get(queueName(labels)) ?? 0;
    if (capacity > 0 && value / capacity > NEARLY_FULL) {
      reasons.push(`exporter:${labels['exporter']}: the queue is ${Math.round((100 * value) / capacity)} % full.`);
    }
  }
  const { used, limit } = core.budget;
  if (limit > 0 && used / limit > NEARLY_FULL) {
    reasons.push(`The queues together hold ${Math.round((100 * used) / limit)} % of the ${limit} bytes they may.`);
  }
  return { ready: reasons.length === 0, reasons };
}

function queueName(labels: Readonly<Record<string, string>>): string {
  return `${labels['exporter']} ${labels['data_type'] ?? ''}`;
}

export interface ComponentHost {
  readonly host: Host;
  /** The last status said, whoever owns the entry. */
  readonly last: Status;
  /** Makes this instance the one whose status counts. */
  claim(): void;
  /** Takes away the instance's gauges, stocks, facts and status. */
  close(): void;
}

export function createComponentHost(core: Core, key: string): ComponentHost {
  const meter = core.registry.scope();
  const ledger = core.book.scope();
  const owner = {};
  const provided: (() => void)[] = [];
  let last: Status = { state: 'starting' };
  const host: Host = {
    logger: core.logger.child({ component: key }),
    clock: core.clock,
    meter,
    ledger,
    buildVersion: core.buildVersion,
    admission: core.admission,
    pressure: () => core.gauge.level,
    status(said) {
      // What a backend says stands in it, and it is served to whoever asks for /status.
      const status = 'reason' in said ? { ...said, reason: printable(redact(said.reason)) } : said;
      last = status;
      core.board.set(key, owner, status);
    },
    extension: (id) => core.extensions.get(id),
    statuses: () => core.board.all(),
    readiness: () => readiness(core),
    provide: (name, read) => provided.push(core.facts.provide(name, key, read)),
    facts: () => core.facts.read(),
    announce: (make) => core.facts.announce(make),
    watch: (listener) => core.facts.watch(listener),
  };
  return {
    host,
    get last() {
      return last;
    },
    claim: () => core.board.claim(key, owner, last),
    close() {
      meter.close();
      ledger.close();
      for (const undo of provided.splice(0)) undo();
      core.board.remove(key, owner);
    },
  };
}
