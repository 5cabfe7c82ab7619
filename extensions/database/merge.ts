/**
 * What becomes of a detection that is said again. One id is one finding of a session: within a window its revisions rise, and
 * a later window of the same session, which shares no step with the one before, begins anew.
 */
import { type Driver, places, type Row } from './driver.ts';
import type { NewDetection } from './rows.ts';

export type Merged = NewDetection & { readonly occurrences: number };

/** What decides. */
export type Known = Pick<Merged, 'revision' | 'label' | 'said_ms' | 'occurrences' | 'trace_id' | 'span_id' | 'evidence'>;

/** Parameters of one statement. */
const IDS = 400;

/** The rows of those ids as they stand, kept from other writers until the transaction ends. */
export async function known(driver: Driver, tenant: string, ids: readonly string[]): Promise<Map<string, Known>> {
  const all = [...new Set(ids)].sort();
  const found = new Map<string, Known>();
  for (let from = 0; from < all.length; from += IDS) {
    const some = all.slice(from, from + IDS);
    const rows = await driver.all(
      `SELECT id, revision, label, said_ms, occurrences, trace_id, span_id, evidence FROM misstep_detections
      WHERE tenant = ? AND id IN ${places(1, some.length)} ORDER BY id${driver.dialect === 'postgres' ? ' FOR UPDATE' : ''}`,
      [tenant, ...some],
    );
    for (const row of rows) found.set(String(row['id']), knownOf(row));
  }
  return found;
}

function knownOf(row: Row): Known {
  return { ...row, evidence: JSON.parse(String(row['evidence'])) } as unknown as Known;
}

/**
 * The row to write, or `undefined` if nothing is new. Within a window the last revision stands, and a withdrawal of it takes it back. What
 * is said later, with no higher revision and of other steps, is of a later window: it counts and stands. A higher revision of other steps
 * may be either, and only stands.
 */
export function merge(before: Known | undefined, row: NewDetection): Merged | undefined {
  if (before === undefined) return { ...row, occurrences: 1 };
  const { occurrences } = before;
  if (row.revision > before.revision) return { ...row, occurrences };
  if (sharesStep(before, row)) {
    const takenBack = row.revision === before.revision && row.label === 'withdrawn' && before.label === 'fail';
    return takenBack ? { ...row, occurrences } : undefined;
  }
  // What was withdrawn did not occur.
  if (row.label !== 'fail' || row.said_ms <= before.said_ms) return undefined;
  return { ...row, occurrences: before.label === 'fail' ? occurrences + 1 : occurrences };
}

type Steps = Pick<Known, 'trace_id' | 'span_id' | 'evidence'>;

/** Evidence is named by span alone: spans of two traces that share an id would be taken for one. */
function sharesStep(one: Steps, other: Steps): boolean {
  const spans = new Set([one.span_id, ...one.evidence]);
  return [other.span_id, ...other.evidence].some((span) => spans.has(span));
}
