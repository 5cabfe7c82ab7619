/**
 * MAST as huggingface.co/datasets/mcemri/MAD lays it out: `MAD_human_labelled_dataset.json` (`annotations[]` with
 * `failure mode` and a verdict of each annotator) or `MAD_full_dataset.json` (`mast_annotation` {"1.1": 0|1, …}, by a model).
 * The human labels are preferred; a mode counts where most annotators saw it. Earlier revisions have mis-joined labels:
 * state the revision beside the figure.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sections } from '../../receivers/webhook/conversation/trajectory.ts';
import type { MastLabel } from '../pack.ts';
import { conversation, idOf, type PublicRun, type Turn } from './otlp.ts';

interface MastRecord {
  readonly mas_name?: string;
  readonly benchmark_name?: string;
  readonly trace_id?: string | number;
  readonly round?: string;
  readonly trace?: string | { readonly key?: string; readonly trajectory?: unknown };
  readonly mast_annotation?: Readonly<Record<string, number | boolean>> | string;
  readonly annotations?: readonly Readonly<Record<string, unknown>>[];
}

const FILES = ['MAD_human_labelled_dataset.json', 'MAD_full_dataset.json'];

export function readMast(path: string): PublicRun[] {
  const file = statSync(path).isDirectory() ? FILES.map((name) => join(path, name)).find(existsSync) : path;
  if (file === undefined) throw new Error(`${path}: holds neither ${FILES.join(' nor ')}.`);
  const records = JSON.parse(readFileSync(file, 'utf8')) as MastRecord[];
  const runs = records.flatMap((record, i) => run(record, i));
  if (runs.length === 0) throw new Error(`${file}: no labelled traces.`);
  return runs;
}

function run(record: MastRecord, i: number): PublicRun[] {
  const mast14 = labelsOf(record);
  if (Object.keys(mast14).length === 0) return [];
  const system = record.mas_name ?? 'team';
  const key = `${i}_${system}_${record.benchmark_name ?? ''}_${record.trace_id ?? ''}`;
  const traceId = idOf(32, 'mast', key);
  const trajectory = typeof record.trace === 'object' ? record.trace.trajectory : record.trace;
  const turns = turnsOf(trajectory, system);
  const label: MastLabel = { trace_id: traceId, mast14 };
  return [{ key, label, request: conversation(traceId, system, turns[0]?.text ?? '', turns) }];
}

function labelsOf({ mast_annotation, annotations }: MastRecord): Record<string, boolean> {
  const labels: Record<string, boolean> = {};
  for (const annotation of annotations ?? []) {
    const mode = /^\s*(?:FM-)?(\d\.\d)/.exec(String(annotation['failure mode'] ?? ''))?.[1];
    const votes = Object.entries(annotation).flatMap(([key, vote]) =>
      key.startsWith('annotator') ? [vote === true || vote === 1] : [],
    );
    if (mode !== undefined && votes.length > 0) labels[mode] = 2 * votes.filter(Boolean).length > votes.length;
  }
  const judged = typeof mast_annotation === 'string' ? (JSON.parse(mast_annotation) as Record<string, number>) : mast_annotation;
  for (const [mode, vote] of Object.entries(judged ?? {})) labels[mode.replace(/^FM-/, '')] ??= Boolean(vote);
  return labels;
}

/** A list of messages, or one text with the framework's headings before each turn. */
export function turnsOf(trajectory: unknown, system: string): Turn[] {
  if (Array.isArray(trajectory)) {
    return trajectory.map((one) => {
      if (typeof one !== 'object' || one === null) return { agent: system, text: String(one) };
      const { name, role, content } = one as { name?: string; role?: string; content?: unknown };
      return {
        agent: String(name ?? role ?? system),
        text: typeof content === 'string' ? content : JSON.stringify(content ?? ''),
      };
    });
  }
  const text = typeof trajectory === 'string' ? trajectory : JSON.stringify(trajectory ?? '');
  const found = sections(text);
  return found.length === 0 ? [{ agent: system, text }] : found.map((one) => ({ agent: one.agent ?? system, text: one.text }));
}
