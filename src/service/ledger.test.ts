import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Signal } from '../otlp/signal.ts';
import { accountText, createBook } from './ledger.ts';
import { createRegistry } from './meter.ts';

/** A queue as an exporter keeps it: offered or generated, queued, in flight, then out one of three doors. */
type Move = 'offer' | 'generate' | 'take' | 'send' | 'reject' | 'drop' | 'full' | 'close';

const moves = fc.array(
  fc.record({
    move: fc.constantFrom<Move>('offer', 'offer', 'generate', 'take', 'take', 'send', 'send', 'reject', 'drop', 'full', 'close'),
    signal: fc.constantFrom<Signal>('traces', 'logs'),
    n: fc.nat(50),
  }),
  { maxLength: 80 },
);

test('the books balance after every move, over generations of an exporter', () => {
  fc.assert(
    fc.property(moves, (script) => {
      const registry = createRegistry();
      const book = createBook(registry);
      let scope = book.scope();
      let ledger = scope.exporter('x');
      const queued = { traces: 0, metrics: 0, logs: 0 };
      const flying = { traces: 0, metrics: 0, logs: 0 };
      let lost = 0;
      for (const { move, signal, n } of script) {
        const out = Math.min(n, flying[signal]);
        if (move === 'offer' || move === 'generate') {
          ledger[move === 'offer' ? 'offered' : 'generated'](signal, n);
          queued[signal] += n;
        } else if (move === 'take') {
          const taken = Math.min(n, queued[signal]);
          queued[signal] -= taken;
          flying[signal] += taken;
        } else if (move === 'full') {
          ledger.offered(signal, n);
          ledger.dropped(signal, n, 'queue_full');
          lost += n;
        } else if (move === 'close') {
          scope.close();
          for (const one of ['traces', 'logs'] as const) {
            lost += queued[one] + flying[one];
            queued[one] = 0;
            flying[one] = 0;
          }
          scope = book.scope();
          ledger = scope.exporter('x');
        } else {
          flying[signal] -= out;
          if (move === 'send') ledger.sent(signal, out);
          if (move === 'reject') ledger.rejected(signal, out);
          if (move === 'drop') {
            ledger.dropped(signal, out, 'retries');
            lost += out;
          }
        }
        ledger.queued(signal, queued[signal]);
        ledger.inFlight(signal, flying[signal]);
        expect(book.balance()).toBe(0);
      }
      const dropped = book.exporters().flatMap((one) => Object.values(one.dropped));
      expect(dropped.reduce((sum, n) => sum + n, 0)).toBe(lost);
      expect(registry.read('misstep_ledger_difference').every((one) => one.value === 0)).toBe(true);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('what is not accounted for shows', () => {
  const book = createBook(createRegistry());
  book.scope().exporter('x').offered('traces', 3);
  expect(book.balance()).toBe(3);
  expect(accountText(book.exporters()[0] as never)).toContain('DOES NOT BALANCE by 3');
});

test('the names and labels are those of the Collector', () => {
  const registry = createRegistry();
  const scope = createBook(registry).scope();
  const exporter = scope.exporter('otlp_http');
  exporter.offered('metrics', 9);
  exporter.sent('metrics', 4);
  exporter.rejected('metrics', 2);
  exporter.dropped('metrics', 1, 'retries');
  exporter.dropped('metrics', 2, 'queue_full');
  const receiver = scope.receiver('otlp', 'grpc');
  receiver.accepted('logs', 5);
  receiver.refused('traces', 6);
  const page = registry.page({});
  expect(page).toContain('otelcol_exporter_sent_metric_points{exporter="otlp_http"} 4\n');
  expect(page).toContain('otelcol_exporter_send_failed_metric_points{exporter="otlp_http"} 3\n');
  expect(page).toContain('otelcol_exporter_enqueue_failed_metric_points{exporter="otlp_http"} 2\n');
  expect(page).toContain('otelcol_receiver_accepted_log_records{receiver="otlp",transport="grpc"} 5\n');
  expect(page).toContain('otelcol_receiver_refused_spans{receiver="otlp",transport="grpc"} 6\n');
  expect(page).toContain('misstep_ledger_dropped{exporter="otlp_http",reason="queue_full",signal="metrics"} 2\n');
});
