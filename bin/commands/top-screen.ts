/** The page of `misstep top` as lines of plain text: from two statuses and the time between them. */
import type { DetectFacts, DetectorFacts } from '../../processors/detect/account.ts';
import { printable } from '../../src/text/printable.ts';
import type { ExporterFacts, StatusPage } from './status.ts';

const MIB = 1024 * 1024;
const GAP = '  ';

export interface Moment {
  readonly page: StatusPage;
  /** Monotonic ms. */
  readonly atMs: number;
}

/** Rates are those between the two moments. No line is longer than `columns`; texts are printable. */
export function screen(before: Moment, now: Moment, columns: number): string[] {
  const { page } = now;
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const rate = (of: (page: StatusPage) => number) => Math.max(0, of(page) - of(before.page)) / seconds;
  const detects = Object.values(page.detect ?? {});
  const lines = [
    `misstep ${page.version}  up ${page.uptime}  ${page.ready ? 'ready' : 'NOT READY'}`,
    ...page.reasons.map((reason) => `  ${reason}`),
    '',
    facts('spans', [
      `${perSecond(rate(accepted))}/s in`,
      `${count(accepted(page))} taken`,
      `${count(sum(page.receivers, ({ refused }) => refused))} refused`,
      `${perSecond(rate(steps))}/s agent steps`,
    ]),
    facts('process', [
      `${percent(rate(({ process: { cpu_seconds } }) => cpu_seconds))} cpu`,
      `${mib(page.process.rss_bytes)} rss`,
      `${mib(page.process.heap_bytes)} heap`,
    ]),
    facts('queues', [
      `${mib(page.queues.bytes)} of ${mib(page.queues.limit_bytes)}`,
      `${mib(page.queues.admitted_bytes)} admitted`,
    ]),
    ...Object.values(page.storage ?? {}).map((one) =>
      facts('storage', [`${mib(one.bytes)} of ${mib(one.limit_bytes)}`, `${mib(one.live_bytes)} needed`]),
    ),
    ...detects.flatMap(detectLines),
    '',
    ...exporterTable(before.page, page, seconds),
    '',
    ...detectorTable(detects),
  ];
  return lines.map((line) => cut(printable(line), columns));
}

function detectLines(detect: DetectFacts): string[] {
  const all = Object.values(detect.detectors);
  const closed = Object.values(detect.windows_closed).reduce((total, n) => total + n, 0);
  const of = (read: (one: DetectorFacts) => number) => count(sum(all, read));
  return [
    facts('windows', [
      `${count(detect.windows_open)} open`,
      `${count(closed)} closed`,
      `${mib(detect.kept_bytes)} kept`,
      `${detect.blind_share === null ? '-' : percent(detect.blind_share)} blind`,
      `${count(detect.late)} late steps`,
    ]),
    facts('findings', [
      `${of((one) => one.handed_on)} handed on`,
      `${of((one) => one.below_emit_above)} below ${detect.emit_above}`,
      `${of((one) => one.suppressed)} suppressed`,
      `${count(detect.outbox)} waiting`,
      ...(detect.outbox_dropped > 0 ? [`${count(detect.outbox_dropped)} DROPPED`] : []),
    ]),
    facts('detectors', [
      `${all.filter(({ state }) => state === 'on').length} on`,
      `${all.filter(({ state }) => state !== 'on').length} off`,
      `${all.filter(({ error }) => error !== null).length} failed`,
      `${detect.step_us === null ? '-' : detect.step_us.toFixed(1)} µs a step`,
    ]),
  ];
}

function exporterTable(before: StatusPage, page: StatusPage, seconds: number): string[] {
  if (page.exporters.length === 0) return ['No exporter has been handed anything yet.'];
  const former = (one: ExporterFacts) =>
    before.exporters.find(({ exporter, signal }) => exporter === one.exporter && signal === one.signal)?.sent ?? 0;
  return table(
    ['exporter', 'signal', 'queue', 'sent/s', 'sent', 'rejected', 'dropped', 'waiting', 'unexplained'],
    page.exporters.map((one) => [
      one.exporter,
      one.signal,
      one.queue === undefined || one.queue.capacity === 0 ? '-' : percent(one.queue.size / one.queue.capacity),
      perSecond((one.sent - former(one)) / seconds),
      count(one.sent),
      count(one.rejected),
      count(Object.values(one.dropped).reduce((total, n) => total + n, 0)),
      count(one.queued + one.in_flight),
      count(one.difference),
    ]),
    2,
  );
}

/** Those that found something first, then the costly ones; such as have seen no window are left out. */
function detectorTable(detects: readonly DetectFacts[]): string[] {
  const rows = detects
    .flatMap(({ detectors }) => Object.entries(detectors))
    .filter(([, { windows, handed_on }]) => handed_on > 0 || Object.values(windows).some((n) => n > 0))
    .sort(([, a], [, b]) => b.handed_on - a.handed_on || (b.step_us ?? 0) - (a.step_us ?? 0));
  if (rows.length === 0) return ['No window has closed yet.'];
  return table(
    ['detector', 'found', 'below', 'fail', 'pass', 'blind', 'error', 'µs/step'],
    rows.map(([id, { handed_on, below_emit_above, windows, step_us }]) => [
      id,
      count(handed_on),
      count(below_emit_above),
      count(windows.fail),
      count(windows.pass),
      count(windows.insufficient_data),
      count(windows.error),
      step_us === null ? '-' : step_us.toFixed(1),
    ]),
    1,
  );
}

/** The first `left` columns are flush left, the others right. */
function table(head: readonly string[], rows: readonly (readonly string[])[], left: number): string[] {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join(GAP)
      .trimEnd(),
  );
}

function facts(name: string, values: readonly string[]): string {
  return `${name.padEnd(10)} ${values.join('   ')}`;
}

function accepted({ receivers }: StatusPage): number {
  return sum(receivers, ({ signal, accepted: n }) => (signal === 'traces' ? n : 0));
}

function steps({ detect }: StatusPage): number {
  return sum(Object.values(detect ?? {}), (one) => one.steps);
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}

function cut(line: string, columns: number): string {
  return line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function perSecond(n: number): string {
  return n.toLocaleString('en-US', { maximumFractionDigits: n < 10 ? 1 : 0 });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}
