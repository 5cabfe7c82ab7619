/**
 * Every answer that came or cost something, one JSON line each, without any text of a run. A replay gives the verdicts again without a model;
 * after a restart the answers are known and what the day has cost.
 */
import { appendFile, readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { reasons, type Verdict, verdicts } from '../../src/detector/judge.ts';

/** Half a million answers. What is larger is not read: move it away. */
const MAX_BYTES = 256 * 1_048_576;

const line = z.object({
  schema: z.literal(1),
  time_unix_ms: z.number(),
  tenant: z.string(),
  /** Id. */
  finding: z.string(),
  detector: z.string(),
  /** Hash of what was asked. */
  question: z.string(),
  /** Null: a call that cost something and brought no answer that counts. */
  verdict: z.enum(verdicts).nullable(),
  reason: z.enum(reasons).nullable(),
  /** Places among the steps of the question, and the spans there. */
  steps: z.array(z.int().min(0).max(99)),
  span_ids: z.array(z.string().regex(/^[0-9a-f]{16}$/)),
  provider: z.string().max(100),
  model: z.string().max(200),
  weight: z.number().min(1).max(100),
  cost_usd: z.number().min(0),
});

export type Recorded = z.output<typeof line>;

/** Throws with what to do if there is no such file; `unreadable` hears of lines that are none. */
export async function readRecorded(path: string, unreadable: (line: number) => void): Promise<readonly Recorded[]> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes. Move it away; a new one is begun.`);
  const records: Recorded[] = [];
  (await readFile(path, 'utf8')).split('\n').forEach((text, i) => {
    if (text.trim() === '') return;
    const one = parsed(text);
    if (one === undefined) unreadable(i + 1);
    else records.push(one);
  });
  return records;
}

function parsed(text: string): Recorded | undefined {
  try {
    return line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function appendRecorded(path: string, record: Recorded): Promise<void> {
  return appendFile(path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
}

export function verdictOf({ verdict, reason, span_ids, provider, model, weight }: Recorded): Verdict | undefined {
  if (verdict === null || reason === null) return undefined;
  return { verdict, reason, spanIds: span_ids, provider, model, weight };
}
