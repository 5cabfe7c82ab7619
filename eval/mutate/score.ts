/** Recall of each expected detector on mutated runs, beside its alarms on the same runs as they were. Synthetic: never part of `docs/quality.md`. */
import { wilson } from '../metrics.ts';
import { interval, type Table } from '../table.ts';
import { mutate, mutations } from './mutations.ts';
import type { Document } from './run.ts';

/** A confidence from which a finding counts, as in `docs/quality.md`. */
const FLAGGED = 0.6;

export type Find = (
  documents: readonly Document[],
) => Promise<readonly { readonly detector: string; readonly confidence: number }[]>;

/** Every mutation once in every run; a run without a place for one is left out of its row. */
export async function scoreMutations(runs: readonly (readonly Document[])[], find: Find, seed: string): Promise<Table> {
  const rows = new Map<string, { n: number; hits: number; before: number }>();
  for (const documents of runs) {
    const before = await flagged(documents, find);
    for (const [name, { detectors }] of Object.entries(mutations)) {
      const mutated = mutate(documents, name, seed);
      if (typeof mutated === 'string') continue;
      const after = await flagged(mutated.documents, find);
      for (const detector of detectors) {
        const row = rows.get(`${name} ${detector}`) ?? { n: 0, hits: 0, before: 0 };
        row.n++;
        if (after.has(detector)) row.hits++;
        if (before.has(detector)) row.before++;
        rows.set(`${name} ${detector}`, row);
      }
    }
  }
  return {
    title: 'Mutated runs',
    note: 'Synthetic: failures put in by rules, reported apart. Recall: runs in which the detector is at .60 or more after the mutation; alarms: the same runs as they were. 95 % Wilson intervals.',
    head: ['mutation', 'detector', 'n', 'recall', '', 'alarms', ''],
    rows: [...rows].map(([key, { n, hits, before }]) => [
      ...key.split(' '),
      String(n),
      hits / n,
      interval(wilson(hits, n)),
      before / n,
      interval(wilson(before, n)),
    ]),
  };
}

async function flagged(documents: readonly Document[], find: Find): Promise<Set<string>> {
  return new Set((await find(documents)).filter(({ confidence }) => confidence >= FLAGGED).map(({ detector }) => detector));
}
