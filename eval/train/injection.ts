// Fits the heads of `injection` on the injection set of dev and, as unlabelled text of modest weight that is taken to be harmless, on what users say and
// tools return in the recorded runs of dev; writes them into src/text/injection.json, and the points into detectors/behavior/injection.fit.json.
// `node dist/eval/train/injection.js ../shared/eval/dev && npx biome format --write detectors/behavior src/text` prints cross-validation by near-duplicate cluster and leave-one-source-out.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { learnOwn, learnText, withoutOwn } from '../../detectors/behavior/injection-own.ts';
import { DetectorHost } from '../../src/detector/host.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { textFacts } from '../../src/text/facts.ts';
import { type Tree, treesSum, WORD_WEIGHTS, wordPlaces, wordsSum } from '../../src/text/injection-learned.ts';
import { featureNames, featuresOf, isPlain, PLAIN, TEXT_LIMIT, UNIT_AT, unitFeatures } from '../../src/text/injection-score.ts';
import { normalise } from '../../src/text/normalise.ts';
import { fitTrees } from './boosting.ts';
import { auc, fitMonotone, hash, type Logistic, pointAt, type Row } from './logistic.ts';

interface Text extends Row {
  readonly source: string;
  readonly places: readonly number[];
  readonly group: string;
}

/** A text of the tool channel: its units. */
interface Data {
  readonly units: readonly Float64Array[];
  readonly y: 0 | 1;
  readonly source: string;
  readonly group: string;
}

const folder = process.argv[2] ?? '../shared/eval/dev';
const target = 'detectors/behavior/injection.fit.json';
const weights = 'src/text/injection.json';
const RUNS = ['whowhen', 'trail', 'tau_airline', 'agentrx'];
/** A run's texts together weigh half of what a source of as many labelled texts does. */
const RUN_WEIGHT = 0.5;
/** Default of the option: nothing below it is reported. */
const SUSPECT_AT = 0.7;
const FOLDS = 5;
/** Of a standardised weight. 20 to 100 move the area by less than .005. */
const LINEAR_PENALTY = 60;
const TOOL_PENALTY = 10;
/** Shares of two texts' runs of four words from which they are near duplicates. */
const SAME = 0.35;

/** Shape and politeness may count either way; signs of attack may only raise the score. */
const neutral = new Set(
  'url code_insertion question imperative url_count code_insertion_count question_count imperative_count symbols other_letters long_words you i quotes no_small_words exclaims capitals'.split(
    ' ',
  ),
);
const free = (j: number): boolean => neutral.has(featureNames[j] as string);
const toolFree = (j: number): boolean => free(j) || j >= featureNames.indexOf('symbols');

interface Raw {
  readonly channel: 'user' | 'data';
  readonly text: string;
  readonly traceId: string;
}

/** What users said and tools returned in a request, each once, without what its agents wrote. */
function textsOf(document: unknown): Raw[] {
  const found: Raw[] = [];
  const seen = new Set<string>();
  let own: number[] = [];
  const take = (channel: Raw['channel'], text: string, traceId: string) => {
    const rest = withoutOwn(own, text);
    if (rest.trim().length < 8 || seen.has(text)) return;
    seen.add(text);
    found.push({ channel, text: rest, traceId });
    if (channel === 'user') own = learnText(own, text);
  };
  const host = new DetectorHost({
    detectors: [],
    onStep: (step) => {
      if (step.kind === 'tool') own = learnOwn(own, step);
      if (step.tool?.result !== undefined) take('data', step.tool.result, step.traceId);
      for (const { content } of step.documents) if (content !== undefined) take('data', content, step.traceId);
      if (step.kind !== 'llm' && step.kind !== 'agent') return;
      for (const message of step.input) {
        for (const result of message.toolResults) take('data', result.text, step.traceId);
        if (message.role === 'user') take('user', message.text, step.traceId);
        if (message.role === 'tool' && message.toolResults.length === 0) take('data', message.text, step.traceId);
      }
      own = learnOwn(own, step);
    },
  });
  host.process(walkTraces(documentToProtobuf('traces', document).body, dialectKeys), 'default');
  return found;
}

const labels = new Map(
  lines(readFileSync(join(folder, 'injection/labels.jsonl'))).map((line) => {
    const label = JSON.parse(line) as { trace_id: string; label: 0 | 1 | null; source: string; channel: string };
    return [label.trace_id, label];
  }),
);

const raw: { text: string; y: 0 | 1; source: string; channel: 'user' | 'data' }[] = [];
for (const line of lines(gunzipSync(readFileSync(join(folder, 'injection/traces.jsonl.gz'))))) {
  const texts = textsOf(JSON.parse(line));
  const label = labels.get(texts[0]?.traceId ?? '');
  if (label === undefined || label.label === null) continue;
  const channel = label.channel === 'user' ? 'user' : 'data';
  const text = texts.find((one) => one.channel === channel);
  if (text) raw.push({ text: text.text, y: label.label, source: label.source, channel });
}
for (const run of RUNS)
  for (const file of readdirSync(join(folder, run)).sort())
    if (file.endsWith('.otlp.json.gz'))
      for (const { channel, text } of textsOf(JSON.parse(gunzipSync(readFileSync(join(folder, run, file))).toString('utf8'))))
        raw.push({ text, y: 0, source: `run ${run}`, channel });

const clusters = clustersOf(raw.map(({ text }) => text));
const balance = balanceOf(raw);
const direct: Text[] = [];
const data: Data[] = [];
raw.forEach(({ text, y, source, channel }, i) => {
  const group = clusters[i] as string;
  if (channel === 'user') {
    const clean = normalise(text, TEXT_LIMIT).text.slice(0, TEXT_LIMIT);
    direct.push({ x: featuresOf(clean), places: wordPlaces(clean), y, source, group, weight: balance[i] as number });
  } else {
    const clean = normalise(text, 4 * TEXT_LIMIT);
    data.push({ units: unitFeatures(clean.text, clean.hidden + clean.folded).map(({ x }) => x), y, source, group });
  }
});

interface Words {
  readonly bias: number;
  readonly weights: Float32Array;
}
interface Direct {
  readonly linear: Logistic;
  readonly trees: { readonly base: number; readonly trees: readonly Tree[] };
  readonly words: Words;
}

function fitDirect(rows: readonly Text[]): Direct {
  return {
    linear: fitMonotone(rows, LINEAR_PENALTY, () => false),
    trees: fitTrees(rows, { trees: 200, leaves: 4, rate: 0.08, minRows: 20, free }),
    words: fitWords(rows),
  };
}

function scoreOf({ linear, trees, words }: Direct, { x, places }: Text): number {
  const odds = odd(linear, x) + trees.base + treesSum(trees.trees, x) + wordsSum(words.weights, words.bias, places);
  return 1 / (1 + Math.exp(-odds / 3));
}

/** Weights of words and pairs by AdaGrad in a fixed, shuffled order. */
function fitWords(rows: readonly Text[]): Words {
  const weights = new Float32Array(WORD_WEIGHTS);
  const squares = new Float64Array(WORD_WEIGHTS).fill(1e-6);
  const order = rows.map((_, i) => i);
  let bias = 0;
  let biasSquare = 1e-6;
  let seed = 12_345;
  for (let round = 0; round < 30; round++) {
    for (let i = order.length - 1; i > 0; i--) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      const k = seed % (i + 1);
      [order[i], order[k]] = [order[k] as number, order[i] as number];
    }
    for (const i of order) {
      const { places, y, weight = 1 } = rows[i] as Text;
      const share = 1 / Math.sqrt(Math.max(1, places.length));
      const error = weight * (1 / (1 + Math.exp(-wordsSum(weights, bias, places))) - y);
      for (const place of places) {
        const slope = error * share + 1e-3 * (weights[place] as number);
        squares[place] = (squares[place] as number) + slope * slope;
        weights[place] = (weights[place] as number) - (0.3 * slope) / Math.sqrt(squares[place] as number);
      }
      biasSquare += error * error;
      bias -= (0.3 * error) / Math.sqrt(biasSquare);
    }
  }
  return { bias, weights };
}

/** The unit that the former round scores highest stands for an attack; every unit of harmless text is a row. */
function fitTool(texts: readonly Data[]): Logistic {
  let model: Logistic | undefined;
  for (let round = 0; round < 4; round++) {
    const rows: Row[] = [];
    for (const { units, y, source, group } of texts) {
      if (units.length === 0) continue;
      if (y === 0)
        for (const x of units)
          rows.push({ x, y, group, weight: (source.startsWith('run ') ? RUN_WEIGHT : 2) / Math.sqrt(units.length) });
      else {
        const best = units.reduce((a, b) => (unitOdds(model, b) > unitOdds(model, a) ? b : a));
        rows.push({ x: best, y, group, weight: 4 });
      }
    }
    model = fitMonotone(rows, TOOL_PENALTY, toolFree, 40);
  }
  return model as Logistic;
}

/** Before the first round: as many signs as there are, and unlike its surroundings. */
function unitOdds(model: Logistic | undefined, x: Float64Array): number {
  if (model) return odd(model, x);
  return (
    (x[featureNames.indexOf('hits')] as number) * 8 + (x[featureNames.indexOf('imperative')] as number) + (x[UNIT_AT] as number)
  );
}

function scoreTool(model: Logistic, { units }: Data): number {
  let best = 0;
  for (const x of units)
    best = Math.max(best, (1 / (1 + Math.exp(-odd(model, x)))) * (isPlain(x) && x[UNIT_AT] === 0 ? PLAIN : 1));
  return best;
}

const folded = <T extends { group: string }, M>(
  rows: readonly T[],
  train: (rows: readonly T[]) => M,
  score: (m: M, row: T) => number,
) => {
  const out = new Array<number>(rows.length).fill(0);
  for (let k = 0; k < FOLDS; k++) {
    const model = train(rows.filter(({ group }) => hash(group) % FOLDS !== k));
    rows.forEach((row, i) => {
      if (hash(row.group) % FOLDS === k) out[i] = score(model, row);
    });
  }
  return out;
};
const leftOut = <T extends { group: string; source: string }, M>(
  rows: readonly T[],
  train: (rows: readonly T[]) => M,
  score: (m: M, row: T) => number,
) => {
  const out = new Array<number>(rows.length).fill(0);
  for (const source of new Set(rows.map((row) => family(row.source)))) {
    if (source === 'runs') continue;
    const groups = new Set(rows.filter((row) => row.source === source).map(({ group }) => group));
    const model = train(rows.filter((row) => row.source !== source && !groups.has(row.group)));
    rows.forEach((row, i) => {
      if (row.source === source) out[i] = score(model, row);
    });
  }
  return out;
};

const cv = folded(direct, fitDirect, scoreOf);
const loso = leftOut(direct, fitDirect, scoreOf);
const toolCv = folded(data, fitTool, scoreTool);
const former = JSON.parse(readFileSync(target, 'utf8')) as { points: Record<string, [number, number][]> };
const points = {
  ...former.points,
  user_override: knots(direct, cv, [0.12, 0.04, 0.018, 0.005, 0.001]),
  instruction_in_data: knots(data, toolCv, [0.25, 0.15, 0.085, 0.04, 0.01]),
};
const shipped = Math.max(SUSPECT_AT, (points.user_override[3] as number[])[0] as number);
const shippedTool = (points.instruction_in_data[3] as number[])[0] as number;
print('direct, cross-validated', direct, cv, shipped);
print('direct, leave one source out', direct, loso, shipped);
print('tool channel, cross-validated', data, toolCv, shippedTool);
for (const source of [...new Set(direct.map((row) => row.source))].sort()) table(source, direct, [cv, loso], shipped);
for (const source of [...new Set(data.map((row) => row.source))].sort()) table(source, data, [toolCv], shippedTool);

const model = fitDirect(direct);
const tool = fitTool(data);
const scale = model.words.weights.reduce((max, weight) => Math.max(max, Math.abs(weight)), 0) / 127;
const bytes = Int8Array.from(model.words.weights, (weight) => Math.round(weight / scale));
writeFileSync(target, `${JSON.stringify({ provisional: true, points })}\n`);
writeFileSync(
  weights,
  `${JSON.stringify({
    direct: named(model.linear),
    tool: named(tool),
    trees: { base: model.trees.base, list: model.trees.trees },
    words: {
      bias: Number(model.words.bias.toFixed(6)),
      scale: Number(scale.toPrecision(6)),
      table: Buffer.from(bytes.buffer).toString('base64'),
    },
  })}\n`,
);

/** Raw scores at which these shares of the set's harmless texts lie above, and the confidence that goes with each. */
function knots(
  rows: readonly { y: 0 | 1; source: string }[],
  scores: readonly number[],
  shares: readonly number[],
): [number, number][] {
  const harmless = rows
    .flatMap(({ y, source }, i) => (y === 0 && family(source) !== 'runs' ? [scores[i] as number] : []))
    .sort((a, b) => b - a);
  const at = shares.map((share) => Number((harmless[Math.floor(share * harmless.length)] as number).toFixed(4)) + 0.0001);
  const confidence = [0.1, 0.4, 0.6, 0.8, 0.93];
  const inner = at.map((raw, i) => [Number(raw.toFixed(4)), confidence[i]] as [number, number]);
  return [[0, 0.02], ...inner.filter(([raw], i) => i === 0 || raw > (inner[i - 1]?.[0] ?? 0)), [1, 0.98]];
}

function print(name: string, rows: readonly { y: 0 | 1; source: string }[], scores: readonly number[], threshold: number): void {
  const own = rows.flatMap(({ source }, i) => (family(source) === 'runs' ? [] : [i]));
  const s = own.map((i) => scores[i] as number);
  const y = own.map((i) => (rows[i] as { y: 0 | 1 }).y);
  const { recall, fpr } = pointAt(s, y, threshold);
  const positives = y.filter((one) => one === 1).length;
  const tp = recall * positives;
  const f1 = (2 * tp) / (tp + fpr * (y.length - positives) + positives);
  say(
    `${name}: n ${s.length} AUC ${auc(s, y).toFixed(3)}; at ${threshold}: F1 ${f1.toFixed(3)} recall ${recall.toFixed(3)} FPR ${fpr.toFixed(3)}`,
  );
}

function table(
  source: string,
  rows: readonly { y: 0 | 1; source: string }[],
  all: readonly (readonly number[])[],
  threshold: number,
): void {
  for (const y of [1, 0]) {
    const at = rows.flatMap((row, i) => (row.source === source && row.y === y ? [i] : []));
    if (at.length === 0) continue;
    const shares = all.map((scores) => (at.filter((i) => (scores[i] as number) >= threshold).length / at.length).toFixed(3));
    say(`  ${source.padEnd(40)} ${y === 1 ? 'recall' : 'FPR   '} n ${String(at.length).padStart(5)}  ${shares.join('  ')}`);
  }
}

function named({ bias, weights }: Logistic) {
  return { bias, weights: Object.fromEntries(weights.flatMap((weight, j) => (weight === 0 ? [] : [[featureNames[j], weight]]))) };
}

/** Runs are one source. */
function family(source: string): string {
  return source.startsWith('run ') ? 'runs' : source;
}

function odd({ bias, weights }: Logistic, x: Float64Array): number {
  let sum = bias;
  for (let j = 0; j < x.length; j++) sum += (weights[j] as number) * (x[j] as number);
  return sum;
}

/** 1 / root of the size of source and label, scaled so that both labels weigh the same. */
function balanceOf(texts: readonly { y: 0 | 1; source: string; channel: string }[]): number[] {
  const counts = new Map<string, number>();
  const key = ({ y, source, channel }: (typeof texts)[number]) => `${channel} ${y} ${source}`;
  for (const text of texts) counts.set(key(text), (counts.get(key(text)) ?? 0) + 1);
  const weights = texts.map(
    (text) => (family(text.source) === 'runs' ? RUN_WEIGHT : 1) / Math.sqrt(counts.get(key(text)) as number),
  );
  const totals = [0, 0];
  let size = 0;
  texts.forEach(({ y, channel }, i) => {
    if (channel !== 'user') return;
    totals[y] = (totals[y] as number) + (weights[i] as number);
    size++;
  });
  return texts.map(({ y }, i) => ((weights[i] as number) * size) / 2 / (totals[y] as number));
}

/** A name per text; near duplicates share it. */
function clustersOf(texts: readonly string[]): string[] {
  const parent = texts.map((_, i) => i);
  const find = (i: number): number => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i] as number] as number;
      i = parent[i] as number;
    }
    return i;
  };
  const holders = new Map<number, number[]>();
  const sets = texts.map((text) => {
    const { word, count } = textFacts(text).tokens;
    const runs = new Set<number>();
    const at = (k: number) => word[k] as number;
    for (let k = 0; k + 3 < Math.min(count, 1_500); k++)
      runs.add((Math.imul(Math.imul(Math.imul(at(k), 31) + at(k + 1), 31) + at(k + 2), 31) + at(k + 3)) >>> 0);
    if (runs.size === 0) runs.add(hash(text));
    return runs;
  });
  sets.forEach((runs, i) => {
    const shared = new Map<number, number>();
    for (const run of runs) {
      const list = holders.get(run) ?? [];
      holders.set(run, list);
      if (list.length >= 40) continue;
      for (const j of list) shared.set(j, (shared.get(j) ?? 0) + 1);
      list.push(i);
    }
    for (const [j, both] of shared)
      if (both >= SAME * (runs.size + (sets[j] as Set<number>).size - both)) parent[find(i)] = find(j);
  });
  return texts.map((_, i) => String(find(i)));
}

function lines(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\n').filter(Boolean);
}

function say(line: string): void {
  // biome-ignore lint/suspicious/noConsole: the report of a script.
  console.log(line);
}
