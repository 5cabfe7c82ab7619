/** One byte budget over all queues of the process, so that many small queues cannot together take all memory. */
import type { Budget } from './component.ts';

/** `limit` in bytes. What is taken is given back with the same figure; giving more than was taken is a bug and throws. */
export function createBudget(limit: number): Budget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > limit) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      if (bytes > used) throw new Error(`Budget: ${bytes} bytes given back, only ${used} taken.`);
      used -= bytes;
    },
    get used() {
      return used;
    },
    limit,
  };
}
