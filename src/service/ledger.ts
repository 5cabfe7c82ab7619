/**
 * The loss ledger: what came in and where it went, in items of a signal.
 *
 *     exporter   offered + generated + restored = sent + rejected + queued + in flight + dropped{reason} + kept
 *     receiver   accepted + refused
 *
 * Flows are kept per exporter id and outlive a reload. Stocks (queued, in flight) belong to one instance of the
 * exporter, so two generations do not overwrite each other; a stock left when an instance is closed is counted as
 * dropped (`abandoned`): nothing is lost silently.
 */
import type { ExporterLedger, Ledger, Meter, ReceiverLedger } from '../component/component.ts';
import type { Signal } from '../otlp/signal.ts';

/** What the Collector calls the items of a signal in metric names. */
const ITEMS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'metric_points', logs: 'log_records' };

/** The reason under which the Collector counts a loss as `enqueue_failed` and not as `send_failed`. */
const QUEUE_FULL = 'queue_full';

/** One exporter and signal as figures. `difference` is 0 when the account balances. */
export interface ExporterAccount {
  readonly exporter: string;
  readonly signal: Signal;
  readonly offered: number;
  readonly generated: number;
  readonly restored: number;
  readonly kept: number;
  readonly sent: number;
  readonly rejected: number;
  readonly queued: number;
  readonly inFlight: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly difference: number;
}

export interface ReceiverAccount {
  readonly receiver: string;
  readonly transport: string;
  readonly signal: Signal;
  readonly accepted: number;
  readonly refused: number;
}

export interface LedgerScope extends Ledger {
  close(): void;
}

export interface Book {
  scope(): LedgerScope;
  exporters(): readonly ExporterAccount[];
  receivers(): readonly ReceiverAccount[];
  /** Sum of what the exporters' accounts do not explain; 0 when the books balance. */
  balance(): number;
}

interface Stock {
  queued: number;
  inFlight: number;
}

interface Account {
  offered: number;
  generated: number;
  restored: number;
  kept: number;
  sent: number;
  rejected: number;
  readonly dropped: Map<string, number>;
  readonly stocks: Set<Stock>;
}

interface Door {
  accepted: number;
  refused: number;
}

export function createBook(meter: Meter): Book {
  const accounts = new Map<string, { exporter: string; signal: Signal; account: Account }>();
  const doors = new Map<string, { receiver: string; transport: string; signal: Signal; door: Door }>();

  function accountOf(exporter: string, signal: Signal): Account {
    const key = `${exporter}\n${signal}`;
    const known = accounts.get(key);
    if (known !== undefined) return known.account;
    const account: Account = {
      offered: 0,
      generated: 0,
      restored: 0,
      kept: 0,
      sent: 0,
      rejected: 0,
      dropped: new Map(),
      stocks: new Set(),
    };
    accounts.set(key, { exporter, signal, account });
    publish(exporter, signal, account);
    return account;
  }

  function publish(exporter: string, signal: Signal, account: Account): void {
    const own = { exporter, signal };
    const flow = (name: string, read: () => number, help: string) => meter.observe(`misstep_ledger_${name}`, own, read, help);
    flow('offered', () => account.offered, 'Items handed to the exporter.');
    flow('generated', () => account.generated, 'Items misstep itself made for the exporter.');
    flow('restored', () => account.restored, 'Items found in a storage at the start.');
    flow('kept', () => account.kept, 'Items left in a storage for the next start.');
    flow('sent', () => account.sent, 'Items the backend took.');
    flow('rejected_by_backend', () => account.rejected, 'Items the backend refused for good.');
    flow('queued', () => stockOf(account).queued, 'Items in the queue.');
    flow('in_flight', () => stockOf(account).inFlight, 'Items being sent.');
    flow(
      'difference',
      () => figures(exporter, signal, account).difference,
      'Items the account does not explain; 0 when it balances.',
    );
  }

  /** Losses of one account by reason; the counters of the Collector follow from them. */
  function drop(exporter: string, signal: Signal, account: Account, n: number, reason: string): void {
    if (!account.dropped.has(reason)) {
      const read = () => account.dropped.get(reason) ?? 0;
      meter.observe('misstep_ledger_dropped', { exporter, signal, reason }, read, 'Items lost, by reason.');
    }
    account.dropped.set(reason, (account.dropped.get(reason) ?? 0) + n);
  }

  function scope(): LedgerScope {
    const closing: (() => void)[] = [];

    function exporterSide(exporter: string, signal: Signal) {
      const account = accountOf(exporter, signal);
      const stock: Stock = { queued: 0, inFlight: 0 };
      account.stocks.add(stock);
      const items = ITEMS[signal];
      const sent = meter.counter(`otelcol_exporter_sent_${items}`, { exporter }, 'Items the backend took.');
      const failed = meter.counter(`otelcol_exporter_send_failed_${items}`, { exporter }, 'Items that could not be sent.');
      const full = meter.counter(`otelcol_exporter_enqueue_failed_${items}`, { exporter }, 'Items that found the queue full.');
      closing.push(() => {
        account.stocks.delete(stock);
        const left = stock.queued + stock.inFlight;
        if (left === 0) return;
        drop(exporter, signal, account, left, 'abandoned');
        failed.add(left);
      });
      return { account, stock, sent, failed, full };
    }

    function receiverSide(receiver: string, transport: string, signal: Signal) {
      const key = `${receiver}\n${transport}\n${signal}`;
      let known = doors.get(key);
      if (known === undefined) {
        known = { receiver, transport, signal, door: { accepted: 0, refused: 0 } };
        doors.set(key, known);
      }
      const items = ITEMS[signal];
      const labels = { receiver, transport };
      return {
        door: known.door,
        accepted: meter.counter(`otelcol_receiver_accepted_${items}`, labels, 'Items taken and answered with success.'),
        refused: meter.counter(`otelcol_receiver_refused_${items}`, labels, 'Items that were refused.'),
      };
    }

    return {
      exporter(id): ExporterLedger {
        const side = bySignal((signal) => exporterSide(id, signal));
        return {
          offered(signal, n) {
            side(signal).account.offered += n;
          },
          generated(signal, n) {
            side(signal).account.generated += n;
          },
          restored(signal, n) {
            side(signal).account.restored += n;
          },
          kept(signal, n) {
            side(signal).account.kept += n;
          },
          sent(signal, n) {
            const own = side(signal);
            own.account.sent += n;
            own.sent.add(n);
          },
          rejected(signal, n) {
            const own = side(signal);
            own.account.rejected += n;
            own.failed.add(n);
          },
          dropped(signal, n, reason) {
            const own = side(signal);
            drop(id, signal, own.account, n, reason);
            (reason === QUEUE_FULL ? own.full : own.failed).add(n);
          },
          queued(signal, n) {
            side(signal).stock.queued = n;
          },
          inFlight(signal, n) {
            side(signal).stock.inFlight = n;
          },
        };
      },
      receiver(id, transport): ReceiverLedger {
        const side = bySignal((signal) => receiverSide(id, transport, signal));
        return {
          accepted(signal, n) {
            const own = side(signal);
            own.door.accepted += n;
            own.accepted.add(n);
          },
          refused(signal, n) {
            const own = side(signal);
            own.door.refused += n;
            own.refused.add(n);
          },
        };
      },
      close() {
        for (const done of closing.splice(0)) done();
      },
    };
  }

  const exporters = () => [...accounts.values()].map(({ exporter, signal, account }) => figures(exporter, signal, account));
  return {
    scope,
    exporters,
    receivers: () =>
      [...doors.values()].map(({ receiver, transport, signal, door }) => ({ receiver, transport, signal, ...door })),
    balance: () => exporters().reduce((sum, one) => sum + Math.abs(one.difference), 0),
  };
}

/** One line for people: the account of one exporter and signal. */
export function accountText(account: ExporterAccount): string {
  const { exporter, signal, offered, generated, restored, kept, sent, rejected, queued, inFlight, dropped, difference } = account;
  const reasons = Object.entries(dropped).map(([reason, n]) => `${reason} ${n}`);
  const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  const why = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
  const off = difference === 0 ? '' : `; DOES NOT BALANCE by ${difference}`;
  const found = restored > 0 ? ` + restored ${restored}` : '';
  const left = kept > 0 ? ` + kept ${kept}` : '';
  return (
    `${exporter} ${signal}: offered ${offered} + generated ${generated}${found} = sent ${sent} + rejected ${rejected}` +
    ` + queued ${queued} + in flight ${inFlight} + dropped ${lost}${why}${left}${off}`
  );
}

/** One handle per signal, made when first used: an exporter of traces shows no series of logs. */
function bySignal<T>(make: (signal: Signal) => T): (signal: Signal) => T {
  const made = new Map<Signal, T>();
  return (signal) => {
    let side = made.get(signal);
    if (side === undefined) {
      side = make(signal);
      made.set(signal, side);
    }
    return side;
  };
}

function stockOf(account: Account): Stock {
  const sum = { queued: 0, inFlight: 0 };
  for (const stock of account.stocks) {
    sum.queued += stock.queued;
    sum.inFlight += stock.inFlight;
  }
  return sum;
}

function figures(exporter: string, signal: Signal, account: Account): ExporterAccount {
  const { offered, generated, restored, kept, sent, rejected } = account;
  const { queued, inFlight } = stockOf(account);
  let lost = 0;
  for (const n of account.dropped.values()) lost += n;
  return {
    exporter,
    signal,
    offered,
    generated,
    restored,
    kept,
    sent,
    rejected,
    queued,
    inFlight,
    dropped: Object.fromEntries(account.dropped),
    difference: offered + generated + restored - sent - rejected - queued - inFlight - lost - kept,
  };
}
