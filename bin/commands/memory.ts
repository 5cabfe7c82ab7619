/** What a configuration asks of memory, against what the machine or cgroup gives and what V8 allows itself. */
import { getHeapStatistics } from 'node:v8';
import { MIB } from '../../config/units.ts';
import { limits } from '../../processors/memory_limiter/memory_limiter.ts';
import { memoryAllowed } from '../../src/component/memory.ts';
import type { ServiceSpec } from '../../src/service/spec.ts';
import type { Check } from './environment.ts';

/** Above this share of the memory the kernel kills before the limiter refuses: buffers and the code itself come on top. */
const MEMORY_SHARE = 0.9;
const OLD_SPACE_FLAG = /--max[-_](old[-_]space|heap)[-_]size/;

/** Bytes. Read once; tests bring their own. */
export interface MemoryAtHand {
  /** What the process may have, and whether a cgroup says so. */
  readonly total: number;
  readonly cgroup: boolean;
  /** At which V8 ends the process. */
  readonly heap: number;
  /** Somebody has chosen `heap` by a flag. */
  readonly chosen: boolean;
}

export function memoryAtHand(): MemoryAtHand {
  const { bytes, cgroup } = memoryAllowed();
  return {
    total: bytes,
    cgroup,
    heap: getHeapStatistics().heap_size_limit,
    chosen: OLD_SPACE_FLAG.test(`${process.execArgv.join(' ')} ${process.env['NODE_OPTIONS'] ?? ''}`),
  };
}

/** One check for each memory_limiter in use. */
export function checkMemory(spec: ServiceSpec, { total, cgroup }: MemoryAtHand): Check[] {
  return limiters(spec, total).map(({ path, hard }) => {
    const said = `the limit is ${mib(hard)} MiB, ${cgroup ? 'its cgroup allows' : 'this machine has'} ${mib(total)} MiB`;
    if (hard <= total * MEMORY_SHARE) return { state: 'ok', path, said: `${said}.` };
    const todo = `Lower limit_mib to ${mib(total * MEMORY_SHARE)} or less: above, the kernel ends the process before it refuses.`;
    return { state: 'warn', path, said: `${said}. ${todo}` };
  });
}

/**
 * MiB of old space with which the limiter refuses before V8 gives up and V8 gives up before the kernel kills; undefined where V8's
 * own choice does that, or a person's stands. V8 takes half of a cgroup: in one of 640 MiB its heap ends at 332, where a limit_mib
 * of 512 lets the process grow to 410.
 */
export function oldSpace(spec: ServiceSpec, { total, heap, chosen }: MemoryAtHand): number | undefined {
  const soft = Math.min(...limiters(spec, total).map((one) => one.soft));
  if (chosen || soft > total * MEMORY_SHARE || (heap >= soft && heap <= total)) return undefined;
  return mib(soft);
}

function limiters(spec: ServiceSpec, total: number) {
  const used = new Set(spec.pipelines.flatMap(({ processors }) => processors));
  return [...spec.processors.values()]
    .filter(({ id, type }) => type === 'memory_limiter' && used.has(id))
    .map(({ id, options }) => ({ path: `processors.${id}`, ...limits(options as Parameters<typeof limits>[0], total) }));
}

/**
 * Starts the same command again in this process's place, for the limit of a heap is fixed when it is made. Comes back, with what to do
 * instead, only where Node cannot (older than 22.15, or Windows).
 */
export function restartWithOldSpace(size: number): string {
  const flag = `--max-old-space-size=${size}`;
  const { execve } = process as { execve?: (file: string, args: readonly string[]) => never };
  try {
    execve?.(process.execPath, [process.execPath, ...process.execArgv, flag, ...process.argv.slice(1)]);
  } catch {
    // Said below.
  }
  return `V8's heap ends before memory_limiter refuses: the process would be aborted. Start it with NODE_OPTIONS=${flag}.`;
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
