/**
 * One timer wheel for all windows: `schedule` is O(1), `due` visits only the slots that time has passed.
 * It does not tick by itself; whoever owns the clock calls `due`.
 */
export interface Wheel {
  /** Replaces an earlier time for the same key. */
  schedule(key: string, atMs: number): void;
  cancel(key: string): void;
  /** Keys whose time has come, in order of their slot; each is returned once. */
  due(nowMs: number): string[];
  readonly size: number;
}

export function createWheel(slotMs = 250): Wheel {
  const at = new Map<string, number>();
  const slots = new Map<number, Set<string>>();
  let done = Number.NEGATIVE_INFINITY;

  const cancel = (key: string): void => {
    const slot = at.get(key);
    if (slot === undefined) return;
    at.delete(key);
    const keys = slots.get(slot);
    keys?.delete(key);
    if (keys?.size === 0) slots.delete(slot);
  };

  return {
    schedule(key, atMs) {
      const slot = Math.max(Math.ceil(atMs / slotMs), done + 1);
      if (at.get(key) === slot) return;
      cancel(key);
      at.set(key, slot);
      const keys = slots.get(slot);
      if (keys) keys.add(key);
      else slots.set(slot, new Set([key]));
    },
    cancel,
    due(nowMs) {
      const last = Math.floor(nowMs / slotMs);
      const result: string[] = [];
      if (last <= done) return result;
      const passed = [...slots.keys()].filter((slot) => slot <= last).sort((a, b) => a - b);
      for (const slot of passed) {
        for (const key of slots.get(slot) ?? []) {
          at.delete(key);
          result.push(key);
        }
        slots.delete(slot);
      }
      done = last;
      return result;
    },
    get size() {
      return at.size;
    },
  };
}
