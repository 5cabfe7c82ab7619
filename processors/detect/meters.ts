/** What `detect` counts, by the names under which it stands on the metrics page. */
import type { Counter, Meter } from '../../src/component/component.ts';
import { meanMicroseconds, type Seen } from './account.ts';
import type { Hold } from './hold.ts';
import type { PoolCounts, WorkerPool } from './workers.ts';

/** What is added to as it happens. */
export interface Counters {
  readonly dropped: Counter;
  readonly inPlace: Counter;
  readonly carried: Counter;
  readonly suppressed: Counter;
  readonly below: Counter;
}

export function countersOf(meter: Meter, processor: string): Counters {
  return {
    dropped: meter.counter('misstep_detect_outbox_dropped', { processor }, 'Findings that no longer fit the outbox.'),
    inPlace: meter.counter('misstep_detect_findings', { processor, way: 'in_place' }, 'Findings handed on.'),
    carried: meter.counter('misstep_detect_findings', { processor, way: 'carrier' }),
    suppressed: meter.counter('misstep_detect_suppressed', { processor }, 'Findings held back by `suppress`.'),
    below: meter.counter('misstep_detect_below_emit_above', { processor }, 'Findings less sure than `emit_above`.'),
  };
}

/** What is read when the page is scraped; each answers for what there is at that moment. */
export interface Read {
  readonly seen: () => Seen | undefined;
  readonly outbox: () => number;
  readonly hold: () => Hold | undefined;
  readonly pool: () => WorkerPool | undefined;
}

export function observeDetect(meter: Meter, processor: string, read: Read, workers: boolean): void {
  const observe = (
    name: string,
    of: (seen: Seen) => number,
    help?: string,
    more: Readonly<Record<string, string>> = {},
  ): void => {
    const value = (): number => {
      const seen = read.seen();
      return seen === undefined ? 0 : of(seen);
    };
    meter.observe(`misstep_detect_${name}`, { processor, ...more }, value, help);
  };
  read.seen()?.detectors.forEach(({ detector }, i) => {
    const labels = { processor, detector: detector.meta.id };
    const value = () => meanMicroseconds(read.seen()?.timings[i]) ?? 0;
    meter.observe('misstep_detector_step_microseconds', labels, value, 'Mean cost of a step, from one step in 61.');
  });
  meter.observe('misstep_detect_outbox_size', { processor }, read.outbox);
  observe('windows_open', ({ openRuns }) => openRuns);
  observe(
    'windows_restored',
    ({ counts }) => counts.restored,
    'Sessions and traces that were taken up from the storage at the start.',
  );
  observe('windows_packed', ({ packedRuns }) => packedRuns, 'Open sessions and traces that are idle and kept as bytes.');
  observe('kept_bytes', ({ keptBytes }) => keptBytes);
  observe('steps', ({ counts }) => counts.steps, 'Spans that are steps of an agent.');
  observe('duplicates', ({ counts }) => counts.duplicates, 'Spans delivered again.');
  observe(
    'own_spans',
    ({ counts }) => counts.own,
    "Spans that came in with misstep's mark: its carriers, and spans it has annotated.",
  );
  observe('late_steps', ({ counts }) => counts.late, 'Steps later than `lateness`.');
  const leftOut = 'Left out under pressure: text of steps, or whole spans.';
  observe('left_out', ({ counts }) => counts.withoutText, leftOut, { what: 'text' });
  observe('left_out', ({ counts }) => counts.passedOver, leftOut, { what: 'all' });
  observe('overruns', ({ counts }) => counts.overran, 'Detectors that took longer than `overrun` for a step of a window.');
  observe('errors', ({ counts }) => counts.errors, 'Detectors that failed in a window.');
  observeHold(meter, processor, read.hold);
  if (workers) observePool(meter, processor, read.pool);
}

function observeHold(meter: Meter, processor: string, hold: Read['hold']): void {
  const rows: [string, (hold: Hold) => number, string][] = [
    ['spans', ({ items }) => items, 'Kept back by `hold`.'],
    ['bytes', ({ bytes }) => bytes, 'Kept back by `hold`.'],
    ['early', ({ early }) => early, 'Requests kept back and handed on before their time, to make room.'],
  ];
  for (const [name, of, help] of rows) {
    const value = (): number => {
      const one = hold();
      return one === undefined ? 0 : of(one);
    };
    meter.observe(`misstep_detect_held_${name}`, { processor }, value, help);
  }
}

function observePool(meter: Meter, processor: string, pool: Read['pool']): void {
  const queued = () => pool()?.queuedBytes ?? 0;
  meter.observe('misstep_detect_worker_queue_bytes', { processor }, queued, 'Bytes of steps that wait for the workers.');
  const rows: [string, keyof PoolCounts, string][] = [
    ['shed_steps', 'shedSteps', 'Steps that no worker had room for; they were forwarded.'],
    ['worker_restarts', 'restarts', 'Workers that ended and were replaced.'],
    ['lost_windows', 'lostRuns', 'Sessions and traces that were lost with a worker.'],
    ['lost_steps', 'lostSteps', 'Steps that waited for a worker that ended; they were forwarded.'],
  ];
  for (const [name, key, help] of rows) {
    meter.observe(`misstep_detect_${name}`, { processor }, () => pool()?.counts[key] ?? 0, help);
  }
}
