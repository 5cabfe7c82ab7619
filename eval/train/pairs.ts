// Fits the heads of the detectors that compare two texts, from the golden entries (MIT) with healthy runs as further negatives, and writes
// them into <id>.fit.json. What is compared comes from the detectors' own `<id>-pair.ts`, over steps as the host makes them.
// `node dist/eval/train/pairs.js [DIR] [ID…]`; DIR has the layout of the evaluation pack, default ../shared/eval/dev.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pairOf as persona } from '../../detectors/behavior/persona_drift-pair.ts';
import { comparison as answered, pairOf as communication } from '../../detectors/coordination/communication-pair.ts';
import { pairOf as context } from '../../detectors/coordination/context-pair.ts';
import { pairOf as withholding } from '../../detectors/coordination/withholding-pair.ts';
import { pairOf as decomposition } from '../../detectors/planning/decomposition-pair.ts';
import { comparePlan } from '../../detectors/planning/decomposition-plan.ts';
import { comparison as restated, pairOf as specification } from '../../detectors/planning/specification-pair.ts';
import { pairOf as hallucination } from '../../detectors/verification/hallucination-pair.ts';
import { pairOf as retrieval } from '../../detectors/verification/retrieval_quality-pair.ts';
import { DetectorHost } from '../../src/detector/host.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import type { Step } from '../../src/step/step.ts';
import { compareTexts, comparisonNames } from '../../src/text/compare.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { textFacts } from '../../src/text/facts.ts';
import { type Comparison, MEANING_FROM, meaningNames } from '../../src/text/judge.ts';
import { meaningApart } from '../../src/text/meaning.ts';
import { auc, crossValidate, fitLogistic, type Logistic, pointAt, type Row } from './logistic.ts';

type PairOf = (step: Step) => { readonly a: string; readonly b: string } | undefined;

/** A row by words, and the same with meaning. */
interface PairRow extends Row {
  readonly meant: Float64Array;
}

/** `meaning`: a second head that reads embeddings too, for detectors that ask whether two texts have one subject. */
const detectors: Readonly<
  Record<string, { readonly family: string; readonly pairOf: PairOf; readonly comparison?: Comparison; readonly meaning?: true }>
> = {
  persona_drift: { family: 'behavior', pairOf: persona, meaning: true },
  communication: { family: 'coordination', pairOf: communication, comparison: answered },
  context: { family: 'coordination', pairOf: context },
  withholding: { family: 'coordination', pairOf: withholding, meaning: true },
  decomposition: { family: 'planning', pairOf: decomposition, comparison: comparePlan },
  specification: { family: 'planning', pairOf: specification, comparison: restated },
  hallucination: { family: 'verification', pairOf: hallucination },
  retrieval_quality: { family: 'verification', pairOf: retrieval, meaning: true },
};
const PENALTIES = [10, 30, 100];
/** Healthy runs and recordings together weigh as much as this many golden entries: enough to be heard, not enough to decide; none weighs more than an entry. */
const HEALTHY_WEIGHT = 6;
/** Calls of one run that are taken, so that one long run is not most of them. */
const PER_RUN = 6;

const [folder = '../shared/eval/dev', ...only] = process.argv.slice(2);

/** Pairs of a request, by detector; heavy fields are read while the step is at hand. */
function pairsOf(document: unknown): Map<string, { a: string; b: string }[]> {
  const found = new Map<string, { a: string; b: string }[]>();
  const host = new DetectorHost({
    detectors: [],
    onStep: (step) => {
      if (step.rollup) return;
      for (const [id, { pairOf }] of Object.entries(detectors)) {
        const pair = pairOf(step);
        if (pair) found.set(id, [...(found.get(id) ?? []), pair]);
      }
    },
  });
  host.process(walkTraces(documentToProtobuf('traces', document).body, dialectKeys), 'default');
  return found;
}

provideEmbedding(() => readFileSync('src/text/embedding.bin'));

const rows = new Map<string, PairRow[]>(Object.keys(detectors).map((id) => [id, []]));
const healthy = new Map<string, PairRow[]>(Object.keys(detectors).map((id) => [id, []]));

const golden = new Map(
  lines('golden/labels.jsonl').map((line) => {
    const {
      trace_id,
      label,
      detectors: ids,
    } = JSON.parse(line) as { trace_id: string; label: 0 | 1 | null; detectors: string[] };
    return [trace_id, { label, id: ids[0] ?? '' }];
  }),
);
for (const line of lines('golden/traces.jsonl.gz')) {
  const known = golden.get(traceId(line));
  if (!known || known.label === null || !(known.id in detectors)) continue;
  const pair = pairsOf(JSON.parse(line)).get(known.id)?.at(-1);
  if (pair) rows.get(known.id)?.push(rowOf(known.id, pair, known.label, pair.a.slice(0, 60)));
}
for (const line of lines('golden_otel/traces.jsonl.gz')) {
  if (healthyOtel().has(traceId(line))) keep(line);
}
for (const set of ['agentrx', 'tau_airline']) {
  const labels = JSON.parse(read(`${set}/labels.json`).toString()) as Record<string, { failed: boolean; file: string }>;
  const passing = new Set(Object.values(labels).flatMap(({ failed, file }) => (failed ? [] : [file])));
  for (const file of readdirSync(join(folder, set)).sort()) if (passing.has(file)) keep(read(`${set}/${file}`).toString());
}

// Recordings of ordinary runs in many dialects, those of the repository and those beside the sets: nobody found fault with them.
for (const path of [...recordings(join(folder, '../dialects')), ...recordings('examples')]) {
  const text = readFileSync(path, 'utf8');
  const whole = parsed(text);
  for (const document of Array.isArray(whole) ? whole : whole === undefined ? text.split('\n').map(parsed) : [whole]) {
    if (typeof document === 'object' && document !== null && 'resourceSpans' in document) keep(JSON.stringify(document));
  }
}

for (const id of Object.keys(detectors)) {
  if (only.length > 0 && !only.includes(id)) continue;
  const own = rows.get(id) as PairRow[];
  const calm = healthy.get(id) as PairRow[];
  const weighted = calm.map((row) => ({ ...row, weight: Math.min(1, HEALTHY_WEIGHT / calm.length) }));
  const all = [...own, ...weighted];
  const y = own.map((row) => row.y);
  const { model, scores, penalty } = fitted(all, own.length);
  say(`${id}: n ${own.length}, healthy calls ${calm.length}, penalty ${penalty}`);
  show('words', scores, y, calm.length);
  const target = `detectors/${detectors[id]?.family}/${id}.fit.json`;
  const former = JSON.parse(readFileSync(target, 'utf8')) as Record<string, unknown>;
  const heads: { head: unknown; head_meaning?: unknown } = {
    head: named(model, detectors[id]?.comparison?.names ?? comparisonNames),
  };
  if (detectors[id]?.meaning) {
    const meant = fitted(
      all.map((row) => ({ ...row, x: row.meant })),
      own.length,
    );
    const gated = scores.map((score, i) => (score < MEANING_FROM ? score : (meant.scores[i] as number)));
    const opened = scores.filter((score) => score >= MEANING_FROM).length;
    show(`words, from ${MEANING_FROM} with meaning (${opened} of ${all.length})`, gated, y, calm.length);
    heads.head_meaning = named(meant.model, meaningNames);
  }
  writeFileSync(target, `${JSON.stringify({ ...former, ...heads }, null, 2)}\n`);
}

/** The penalty with the largest area over the first `judged` rows, its model, and the scores out of fold. */
function fitted(all: readonly Row[], judged: number): { model: Logistic; scores: number[]; penalty: number } {
  const y = all.slice(0, judged).map((row) => row.y);
  let best = { area: -1, penalty: 0, scores: [] as number[] };
  for (const penalty of PENALTIES) {
    const scores = crossValidate(all, penalty, 10);
    const area = auc(scores.slice(0, judged), y);
    if (area > best.area) best = { area, penalty, scores };
  }
  return { ...best, model: fitLogistic(all, best.penalty) };
}

/** Scores out of fold: those of the entries first, those of healthy calls after them. */
function show(name: string, scores: readonly number[], y: readonly (0 | 1)[], calm: number): void {
  const own = scores.slice(0, y.length);
  const at = pointAt(own, y, 0.5);
  const alarms = scores.slice(y.length).filter((score) => score >= 0.5).length;
  say(
    `  ${name}: AUC ${auc(own, y).toFixed(3)}; at .5 F1 ${f1Of(at, y).toFixed(3)}, recall ${at.recall.toFixed(2)}, FPR ${at.fpr.toFixed(2)}; healthy calls at .5 or more ${alarms} of ${calm}`,
  );
}

function named({ bias, weights }: Logistic, names: readonly string[]): unknown {
  return { bias, weights: Object.fromEntries(names.map((name, j) => [name, weights[j] as number])) };
}

function recordings(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.jsonl?$/.test(name) && !name.endsWith('EXPECTED.json'))
    .sort()
    .map((name) => join(root, name));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function keep(text: string): void {
  for (const [id, pairs] of pairsOf(JSON.parse(text)))
    for (const pair of pairs.slice(0, PER_RUN)) healthy.get(id)?.push(rowOf(id, pair, 0, traceId(text)));
}

function healthyOtel(): Set<string> {
  return new Set(
    lines('golden_otel/labels.jsonl').flatMap((line) => {
      const { trace_id, type } = JSON.parse(line) as { trace_id: string; type: string };
      return type === 'healthy' ? [trace_id] : [];
    }),
  );
}

function rowOf(id: string, { a, b }: { readonly a: string; readonly b: string }, y: 0 | 1, group: string): PairRow {
  const words = compareTexts(textFacts(a), textFacts(b));
  const x = detectors[id]?.comparison?.of(a, b) ?? words;
  return { x, meant: Float64Array.of(...words, meaningApart(a, b) as number), y, group };
}

function f1Of({ recall, fpr }: { readonly recall: number; readonly fpr: number }, y: readonly (0 | 1)[]): number {
  const positives = y.filter((one) => one === 1).length;
  const tp = recall * positives;
  return (2 * tp) / (tp + fpr * (y.length - positives) + positives || 1);
}

function traceId(text: string): string {
  return /"traceId":\s?"([0-9a-f]{32})"/.exec(text)?.[1] ?? '';
}

function read(path: string): Buffer {
  const bytes = readFileSync(join(folder, path));
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

function lines(path: string): string[] {
  return read(path).toString('utf8').split('\n').filter(Boolean);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
