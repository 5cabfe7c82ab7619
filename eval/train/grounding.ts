// Fits the three heads of `grounding` on the BEGIN rows of the grounding set (FaithBench is measured, never fitted on), the head of claims on the golden
// entries and BEGIN's plain questions of fact, and writes them into
// detectors/verification/grounding.fit.json. `node dist/eval/train/grounding.js ../shared/eval/dev/grounding`
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { addValues, asksForFacts, claimFeatures, claimNames } from '../../detectors/verification/grounding-claims.ts';
import { addSource, emptySource, featureNames, groundingFeatures } from '../../detectors/verification/grounding-features.ts';
import { textFacts } from '../../src/text/facts.ts';
import { auc, crossValidate, fitLogistic, pointAt, probability, type Row } from './logistic.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

const folder = process.argv[2] ?? '../shared/eval/dev/grounding';
const target = 'detectors/verification/grounding.fit.json';
/** The same strength for both heads; .3 to 30 change the area by less than .002. */
const PENALTY = 3;
/** Overlap only: chit-chat cues say nothing about a summary and alarm on most faithful ones. */
const textFeatures = ['novel', 'unigram', 'bigram', 'trigram', 'names'];

/** A golden entry weighs as much as ten of BEGIN's, which are another kind of text and twice as many. */
const GOLDEN_WEIGHT = 10;

interface Answer extends Row {
  readonly source: string;
  /** Features of the claims, where the answer is one to a plain question. */
  readonly claims: Float64Array | undefined;
}

function read(folder: string): Answer[] {
  const labels = new Map(
    lines(readFileSync(`${folder}/labels.jsonl`)).map((line) => {
      const { trace_id, label, source, detectors } = JSON.parse(line) as {
        trace_id: string;
        label: 0 | 1 | null;
        source: string;
        detectors: string[];
      };
      return [trace_id, { label: detectors.includes('grounding') ? label : null, source }];
    }),
  );

  const rows: Answer[] = [];
  for (const line of lines(gunzipSync(readFileSync(`${folder}/traces.jsonl.gz`)))) {
    const request = JSON.parse(line) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
    const spans = request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans: list }) => list));
    const known = labels.get(spans[0]?.traceId ?? '');
    if (known === undefined || known.label === null) continue;
    const document = spans
      .flatMap(({ attributes }) => attributes.filter(({ key }) => key.endsWith('.document.content')))
      .map(({ value }) => value.stringValue ?? '');
    const chat = spans.find(({ name }) => name.startsWith('chat'));
    const output = chat?.attributes.find(({ key }) => key === 'gen_ai.output.messages')?.value.stringValue ?? '[]';
    const answer = (JSON.parse(output) as { parts: { content?: string }[] }[])
      .flatMap(({ parts }) => parts.map(({ content }) => content ?? ''))
      .join('\n');
    const input = chat?.attributes.find(({ key }) => key === 'gen_ai.input.messages')?.value.stringValue ?? '[]';
    const asked = (JSON.parse(input) as { role: string; parts: { content?: string }[] }[])
      .filter(({ role }) => role === 'user')
      .map(({ parts }) => parts.map(({ content }) => content ?? '').join('\n'))
      .at(-1);
    const source = emptySource();
    for (const text of document) {
      addSource(source, textFacts(text));
      addValues(source, textFacts(text));
    }
    const x = groundingFeatures(textFacts(answer), source);
    if (x === undefined) continue;
    const plain = asksForFacts(asked === undefined ? undefined : textFacts(asked));
    rows.push({
      x,
      y: known.label,
      group: document.join('\n'),
      source: known.source,
      claims: plain ? claimFeatures(textFacts(answer), source, x) : undefined,
    });
  }
  return rows;
}

const rows = read(folder);
const golden = read(join(folder, '../golden'));

const begin = rows.filter(({ source }) => source.startsWith('begin'));
const faith = rows.filter(({ source }) => source === 'faithbench');
const pick = featureNames.flatMap((name, j) => (textFeatures.includes(name) ? [j] : []));
const narrow = <T extends Row>(all: readonly T[]): T[] =>
  all.map((row) => ({ ...row, x: Float64Array.from(pick, (j) => row.x[j] as number) }));

report('reply, BEGIN, cross-validated', crossValidate(begin, PENALTY), begin);
for (const source of ['begin_wow', 'begin_topicalchat', 'begin_cmudog']) {
  const out = crossValidate(begin, PENALTY);
  const at = begin.flatMap((row, i) => (row.source === source ? [i] : []));
  report(
    `  ${source}`,
    at.map((i) => out[i] as number),
    at.map((i) => begin[i] as Row),
  );
}
report('text, BEGIN, cross-validated', crossValidate(narrow(begin), PENALTY), begin);
const reply = fitLogistic(begin, PENALTY);
const text = fitLogistic(narrow(begin), PENALTY);
report(
  'text, FaithBench (never fitted on)',
  narrow(faith).map(({ x }) => probability(text, x)),
  faith,
);

const onClaims = ({ claims, y, group }: Answer, weight: number): Row => ({ x: claims as Float64Array, y, group, weight });
const claimed = golden.filter(({ claims }) => claims);
const asked = begin.filter(({ claims }) => claims);
const claimRows = [...claimed.map((row) => onClaims(row, GOLDEN_WEIGHT)), ...asked.map((row) => onClaims(row, 1))];
const claimScores = crossValidate(claimRows, PENALTY);
report(
  `claims, golden (${golden.length - claimed.length} not judged by this head), cross-validated`,
  claimScores.slice(0, claimed.length),
  claimed,
);
report('claims, BEGIN, cross-validated', claimScores.slice(claimed.length), asked);
const goldenScores = claimScores.slice(0, claimed.length);
const goldenLabels = claimed.map(({ y }) => y);
for (const at of [0.4, 0.45, 0.5, 0.6]) {
  const { recall, fpr } = pointAt(goldenScores, goldenLabels, at);
  const positives = goldenLabels.filter((y) => y === 1).length;
  const f1 = (2 * recall * positives) / (recall * positives + fpr * (goldenLabels.length - positives) + positives);
  // biome-ignore lint/suspicious/noConsole: the report of a script.
  console.log(`  at ${at}: F1 ${f1.toFixed(3)} recall ${recall.toFixed(3)} FPR ${fpr.toFixed(3)}`);
}
const replyScores = crossValidate(begin, PENALTY);
const together = begin.map((row, i) =>
  row.claims ? (claimScores[claimed.length + asked.indexOf(row)] as number) : (replyScores[i] as number),
);
report('BEGIN, the heads as they are used, cross-validated', together, begin);
const claims = fitLogistic(claimRows, PENALTY);

const former = JSON.parse(readFileSync(target, 'utf8')) as Record<string, unknown>;
const named = (names: readonly string[], weights: readonly number[]): Record<string, number> =>
  Object.fromEntries(names.map((name, j) => [name, weights[j] as number]));
const heads = {
  reply: { bias: reply.bias, weights: named(featureNames, reply.weights) },
  text: { bias: text.bias, weights: named(textFeatures, text.weights) },
  claims: { bias: claims.bias, weights: named(claimNames, claims.weights) },
};
writeFileSync(target, `${JSON.stringify({ ...former, heads }, null, 2)}\n`);

function report(name: string, scores: readonly number[], of: readonly Row[]): void {
  const y = of.map((row) => row.y);
  let best = pointAt(scores, y, 0.5);
  for (let t = 0.02; t < 1; t += 0.02) {
    const point = pointAt(scores, y, t);
    if (point.balanced > best.balanced) best = point;
  }
  const half = pointAt(scores, y, 0.5);
  // biome-ignore lint/suspicious/noConsole: the report of a script.
  console.log(
    `${name}: n ${of.length} AUC ${auc(scores, y).toFixed(3)} at .5 balanced ${half.balanced.toFixed(3)}; best ${best.balanced.toFixed(3)} at ${best.threshold.toFixed(2)} (recall ${best.recall.toFixed(2)}, FPR ${best.fpr.toFixed(2)})`,
  );
}

function lines(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\n').filter(Boolean);
}
