/** The process as the Collector shows itself, read when the page is. */
import type { Clock, Meter } from '../component/component.ts';

export function observeProcess(meter: Meter, clock: Clock): void {
  const startedAt = clock.monotonic();
  const observe = (name: string, read: () => number, help: string) => meter.observe(`otelcol_process_${name}`, {}, read, help);
  observe('memory_rss', () => process.memoryUsage.rss(), 'Resident bytes.');
  observe('cpu_seconds', cpuSeconds, 'CPU time of user and system, seconds.');
  observe('uptime', () => (clock.monotonic() - startedAt) / 1000, 'Seconds since the start.');
  observe('runtime_heap_alloc_bytes', () => process.memoryUsage().heapUsed, 'Bytes of live and not yet collected objects.');
  observe('runtime_total_sys_memory_bytes', sysBytes, 'Bytes of the heap and of buffers outside of it.');
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function sysBytes(): number {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}
