/**
 * What becomes of a detection that is said again. One id is one finding of a session: within a window its revisions rise, and
 * a later window of the same session, which shares no step with the one before, begins anew.
 */
import { type Driver, places, type Row } from './driver.ts';
import type { NewDetection } from './rows.ts';

export const DETECTION = [
  ...['id', 'trace_id', 'span_id', 'session_id', 'agent', 'detector', 'message', 'category', 'severity', 'tier', 'confidence'],
  ...['explanation', 'revision', 'label', 'evidence', 'data', 'taxonomy', 'version', 'config_hash', 'said_ms'],
] as readonly (keyof NewDetection)[];

export interface Merged extends NewDetection {
  readonly occurrences: number;
  /** The occurrence in the window before, which stands again if that of the last window is taken back. */
  readonly former: NewDetection | null;
}

/** Parameters of one statement. */
const IDS = 400;

/** The rows of those ids as they stand, kept from other writers until the transaction ends. */
export async function known(driver: Driver, tenant: string, ids: readonly string[]): Promise<Map<string, Merged>> {
  const all = [...new Set(ids)].sort();
  const found = new Map<string, Merged>();
  for (let from = 0; from < all.length; from += IDS) {
    const some = all.slice(from, from + IDS);
    const rows = await driver.all(
      `SELECT ${[...DETECTION, 'occurrences', 'former'].join(', ')} FROM misstep_detections
      WHERE tenant = ? AND id IN ${places(1, some.length)} ORDER BY id${driver.dialect === 'postgres' ? ' FOR UPDATE' : ''}`,
      [tenant, ...some],
    );
    for (const row of rows) found.set(String(row['id']), knownOf(row));
  }
  return found;
}

function knownOf({ former, ...row }: Row): Merged {
  const json = (value: unknown): unknown => JSON.parse(String(value));
  const read = { evidence: json(row['evidence']), data: json(row['data']), taxonomy: json(row['taxonomy']) };
  return { ...row, ...read, former: former === null ? null : json(former) } as unknown as Merged;
}

/**
 * The row to write, or `undefined` if nothing is new. Within a window the last revision stands, and a withdrawal of it takes it back: then the
 * occurrence of the window before stands again. A withdrawal of another window takes nothing back. What is said later, with no higher revision
 * and of other steps, is of a later window: it counts and stands. A higher revision of other steps may be either, and only stands.
 */
export function merge(before: Merged | undefined, row: NewDetection): Merged | undefined {
  if (before === undefined) return { ...row, occurrences: 1, former: null };
  const { occurrences, former, ...last } = before;
  const same = sharesStep(before, row);
  if (row.label === 'withdrawn') {
    if (!same || before.label !== 'fail' || row.revision < before.revision) return undefined;
    // Said now, so that what was taken back is not taken for news when it is sent again.
    if (former !== null) return { ...former, said_ms: row.said_ms, occurrences: occurrences - 1, former: null };
    return { ...row, occurrences, former };
  }
  const grown = row.revision > before.revision;
  if (same) return grown ? { ...row, occurrences, former } : undefined;
  if (grown && row.said_ms >= before.said_ms) return { ...row, occurrences, former };
  if (row.said_ms <= before.said_ms) return undefined;
  // What was withdrawn did not occur.
  return before.label === 'fail' ? { ...row, occurrences: occurrences + 1, former: last } : { ...row, occurrences, former };
}

type Steps = Pick<NewDetection, 'trace_id' | 'span_id' | 'evidence'>;

/** Evidence is named by span alone: spans of two traces that share an id would be taken for one. */
function sharesStep(one: Steps, other: Steps): boolean {
  const spans = new Set([one.span_id, ...one.evidence]);
  return [other.span_id, ...other.evidence].some((span) => spans.has(span));
}
