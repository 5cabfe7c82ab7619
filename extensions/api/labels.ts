/** What people said of detections, kept apart from them: it outlives the traces. One for each detection; who judges again replaces it. */
import { z } from 'zod';
import type { DetectionRow, DocumentRow, Page, TenantRecords } from '../../src/component/records.ts';
import { confidenceTier } from '../../src/detector/calibration.ts';
import { type Label, type Share, shareOf } from './recommend.ts';

/** Statistics look at no more; beyond it the newest count. */
const MOST_LABELS = 20_000;
const PAGE = 1_000;

const kept = z.object({
  detection_id: z.string(),
  trace_id: z.string(),
  detector: z.string(),
  message: z.string(),
  version: z.number(),
  tier: z.number(),
  confidence: z.number(),
  framework: z.string().nullable(),
  correct: z.boolean(),
});
export type KeptLabel = z.output<typeof kept>;

/** Writes the verdict on the detection and keeps the label. `undefined`: there is no such detection. */
export async function judge(
  mine: TenantRecords,
  id: string,
  correct: boolean,
  notes: string | null,
): Promise<DetectionRow | undefined> {
  const row = await mine.judge(id, correct ? 'true_positive' : 'false_positive', notes);
  if (row === undefined) return undefined;
  const trace = await mine.trace(row.trace_id);
  const label: KeptLabel = {
    detection_id: id,
    trace_id: row.trace_id,
    detector: row.detector,
    message: row.message,
    version: row.version,
    tier: row.tier,
    confidence: row.confidence,
    framework: trace?.framework ?? null,
    correct,
  };
  await mine.put('label', id, label);
  return row;
}

export async function labelsOf(mine: TenantRecords): Promise<KeptLabel[]> {
  return (await allOf(mine, 'label', MOST_LABELS)).map(({ body }) => kept.parse(body));
}

/** The newest `most` documents of a kind. */
export async function allOf(mine: TenantRecords, kind: string, most: number): Promise<DocumentRow[]> {
  const rows: DocumentRow[] = [];
  for (let after: string | null | undefined; after !== null && rows.length < most; ) {
    const page: Page<DocumentRow> = await mine.documents(kind, after === undefined ? { limit: PAGE } : { limit: PAGE, after });
    rows.push(...page.items);
    after = page.next;
  }
  return rows.slice(0, most);
}

export interface Group extends Share {
  readonly key: Readonly<Record<string, string | number>>;
}

/** Shares of labels that have the same key, those with most labels first. */
export function grouped<T extends Label>(
  labels: readonly T[],
  keyOf: (label: T) => Readonly<Record<string, string | number>>,
): Group[] {
  const by = new Map<string, { key: Group['key']; labels: T[] }>();
  for (const label of labels) {
    const key = keyOf(label);
    const id = JSON.stringify(key);
    const group = by.get(id);
    if (group === undefined) by.set(id, { key, labels: [label] });
    else group.labels.push(label);
  }
  return [...by.values()]
    .map(({ key, labels: own }) => ({ key, ...shareOf(own) }))
    .sort((a, b) => b.samples - a.samples || (JSON.stringify(a.key) < JSON.stringify(b.key) ? -1 : 1));
}

/** Traces with labelled detections, and those of them in which one is right. */
export function rightTraces(labels: readonly KeptLabel[]): { readonly cases: number; readonly of: number } {
  const traces = new Map<string, boolean>();
  for (const { trace_id, correct } of labels) traces.set(trace_id, correct || traces.get(trace_id) === true);
  return { cases: [...traces.values()].filter(Boolean).length, of: traces.size };
}

export const tierOf = ({ confidence }: Pick<KeptLabel, 'confidence'>): string => confidenceTier(confidence);
