/**
 * What the process says about itself to whoever asks: facts that are read on request, and live records for whoever
 * watches. It joins rooms that do not import each other: `detect` provides, `health_check` shows.
 *
 * During a reload two generations of a component have one key: the one that provided last is shown, and if it goes (the
 * reload was taken back) the other is again.
 */

export interface Facts {
  /** Without `key` the value itself stands under `name`. Returns what takes it away. */
  provide(name: string, key: string | undefined, read: () => unknown): () => void;
  read(): Readonly<Record<string, unknown>>;
  announce(make: () => unknown): void;
  watch(listener: (record: unknown) => void): () => void;
}

interface Fact {
  readonly name: string;
  readonly key: string | undefined;
  readonly read: () => unknown;
}

export function createFacts(): Facts {
  const facts = new Set<Fact>();
  const watchers = new Set<(record: unknown) => void>();
  return {
    provide(name, key, read) {
      const fact: Fact = { name, key, read };
      facts.add(fact);
      return () => facts.delete(fact);
    },
    read() {
      const all: Record<string, unknown> = {};
      const groups: Record<string, Record<string, unknown>> = {};
      for (const { name, key, read } of facts) {
        if (key === undefined) all[name] = attempt(read);
        else {
          const group = groups[name] ?? {};
          groups[name] = group;
          group[key] = attempt(read);
        }
      }
      return { ...all, ...groups };
    },
    announce(make) {
      if (watchers.size === 0) return;
      const record = make();
      for (const watcher of watchers) watcher(record);
    },
    watch(listener) {
      const own = (record: unknown) => listener(record);
      watchers.add(own);
      return () => watchers.delete(own);
    },
  };
}

/** One fact that cannot be read hides no other. */
function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
