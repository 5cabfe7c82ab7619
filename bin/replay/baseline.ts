/** What an earlier `replay --output jsonl` printed, read again; and the line with which it says by what it was made. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import type { ActiveDetector } from '../../src/detector/fold.ts';
import { MAX_BYTES } from '../play.ts';
import type { Detection } from './diff.ts';

const runSchema = z.looseObject({
  kind: z.literal('run'),
  schema: z.literal(1),
  misstep: z.string(),
  config_hash: z.string(),
  embedding: z.boolean(),
  detectors: z.record(z.string(), z.string()),
});

/** The first line of `replay --output jsonl`. `detectors`: id → hash of its version and options. */
export type RunRecord = z.output<typeof runSchema>;

const detectionSchema = z.object({
  detector: z.string(),
  message: z.string(),
  agent: z.string().nullable(),
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  confidence: z.number(),
  confidence_tier: z.string(),
  source: z.string(),
  trace_id: z.string(),
  span_id: z.string(),
  explanation: z.string(),
});

/** `emitAbove`: of the configuration, if there is one. */
export function runRecord(
  misstep: string,
  active: readonly ActiveDetector[],
  embedding: boolean,
  emitAbove: number | undefined,
): RunRecord {
  const detectors = Object.fromEntries(active.map((one) => [one.detector.meta.id, hashOf(one, emitAbove)]));
  const config_hash = createHash('sha256')
    .update(JSON.stringify([detectors, embedding]))
    .digest('hex')
    .slice(0, 12);
  return { kind: 'run', schema: 1, misstep, config_hash, embedding, detectors };
}

/** `emit_above` decides too whether there is a finding. */
function hashOf({ configHash, emit }: ActiveDetector, emitAbove: number | undefined): string {
  const above = emit?.above ?? emitAbove;
  return above === undefined ? configHash : `${configHash}/${above}`;
}

export interface Baseline {
  /** `undefined`: written before there was one. */
  readonly run: RunRecord | undefined;
  readonly detections: readonly Detection[];
}

/** What replay prints besides; an earlier one may have been compared itself. */
const OTHER_KINDS: ReadonlySet<unknown> = new Set(['coverage', 'blame', 'timing', 'difference']);

/** Throws an error that says what is wrong, at which line. */
export async function readBaseline(file: string): Promise<Baseline> {
  let bytes: Uint8Array = await readFile(file);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  const detections: Detection[] = [];
  let run: RunRecord | undefined;
  let records = 0;
  for (const [i, text] of new TextDecoder().decode(bytes).split('\n').entries()) {
    if (text.trim() === '') continue;
    const record = parsed(text, i + 1);
    records++;
    if (record['kind'] === 'run') {
      if (run !== undefined) throw new Error(`line ${i + 1}: a second run begins here. Give the output of one.`);
      run = checked(runSchema, record, i + 1);
    } else if (record['kind'] === 'detection') detections.push(checked(detectionSchema, record, i + 1));
    else if (!OTHER_KINDS.has(record['kind']))
      throw new Error(`line ${i + 1}: no record of replay, kind is ${JSON.stringify(record['kind']) ?? 'missing'}. ${HOW}`);
  }
  if (records === 0) throw new Error(`empty. ${HOW}`);
  return { run, detections };
}

const HOW = 'Make one with misstep replay --output jsonl FILE… > baseline.jsonl';

function parsed(text: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`line ${line}: not JSON. ${HOW}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new Error(`line ${line}: not an object. ${HOW}`);
}

function checked<S extends z.ZodType>(schema: S, record: unknown, line: number): z.output<S> {
  const result = schema.safeParse(record);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`line ${line}: ${issue?.path.join('.')}: ${issue?.message}. ${HOW}`);
}

/** Sentences: what besides the runs differs, so that a difference of findings need not be theirs. */
export function warnings(before: RunRecord | undefined, now: RunRecord): readonly string[] {
  if (before === undefined) return ['the baseline does not say by which version and configuration it was made. Make it anew.'];
  const said: string[] = [];
  if (before.misstep !== now.misstep) said.push(`the baseline is of misstep ${before.misstep}, this is ${now.misstep}.`);
  if (before.config_hash === now.config_hash) return said;
  if (before.embedding !== now.embedding)
    said.push(
      `the baseline was made ${before.embedding ? 'with' : 'without'} embeddings, this run ${now.embedding ? 'with' : 'without'}.`,
    );
  const ids = [...new Set([...Object.keys(before.detectors), ...Object.keys(now.detectors)])].sort();
  const which = (wanted: (id: string) => boolean): string => ids.filter(wanted).join(', ');
  const other = which((id) => id in before.detectors && id in now.detectors && before.detectors[id] !== now.detectors[id]);
  const only = which((id) => !(id in now.detectors));
  const added = which((id) => !(id in before.detectors));
  if (other !== '') said.push(`another version or other options than in the baseline: ${other}.`);
  if (only !== '') said.push(`ran for the baseline and not now: ${only}. Their findings count as gone.`);
  if (added !== '') said.push(`did not run for the baseline: ${added}. Their findings count as new.`);
  return said;
}
