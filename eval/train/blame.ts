// Fits the utilities of `blame` and writes src/detector/blame/blame.fit.json: a softmax over the turns of each run, L2 penalty, by topology.
// `node dist/eval/train/blame.js [DIR]`; DIR has the layout of the evaluation pack, default ../shared/eval/dev. Prints strict agent / step
// accuracy and the share of runs with the right step among the first three: of the rule alone, of a model of the other subset, of five-fold
// cross-validation by task (mean over five ways to fold), and in sample. No detector takes part.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Described, describeTurns, featureNames, featureOf } from '../../src/detector/blame/features.ts';
import { inputsOf, type Topology, topologyOf } from '../../src/detector/blame/model.ts';
import { runOf } from '../../src/detector/blame/turns.ts';
import { DetectorHost } from '../../src/detector/host.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import type { Step } from '../../src/step/step.ts';
import { hash53 } from '../../src/text/hash.ts';
import { inEventOrder } from '../../src/window/tail.ts';
import { type ChoiceModel, fitChoice } from './choice.ts';

/** Variance .005 of a standardised weight: 119 runs do not carry more. */
const PENALTY = 200;
const FOLDS = 5;
const WAYS = 5;
const subsets = ['algorithm_generated', 'hand_crafted', 'magentic'] as const;

interface Case {
  readonly subset: (typeof subsets)[number];
  readonly topology: Topology;
  /** The task: runs of one task are never split. */
  readonly group: string;
  readonly rows: readonly Described[];
  readonly inputs: readonly Float64Array[];
  /** Index of the gold row; -1 if it can not be blamed. */
  readonly gold: number;
  readonly agent: string;
}

type Models = Readonly<Record<'chat' | 'dispatch', ChoiceModel>>;

const [folder = '../shared/eval/dev'] = process.argv.slice(2);
const cases = load();

for (const topology of ['chat', 'dispatch', 'calls'])
  say(
    `${topology}: ${subsets.map((subset) => `${subset} ${cases.filter((one) => one.topology === topology && one.subset === subset).length}`).join(', ')}`,
  );
report('rule', (one) => [one.rows.map((row) => featureOf(row, 'pick'))]);
const chats = fitOne(cases.filter(({ subset }) => subset === 'algorithm_generated'));
const stars = fitOne(cases.filter(({ subset }) => subset !== 'algorithm_generated'));
report('other subset', (one) => [score(one.subset === 'algorithm_generated' ? stars : chats, one)]);
const folds = Array.from({ length: WAYS }, (_, way) =>
  Array.from({ length: FOLDS }, (_, k) => fitAll(cases.filter((one) => foldOf(one, way) !== k))),
);
report('cross-validation', (one) => folds.map((models, way) => scoreBy(models[foldOf(one, way)] as Models, one)));
const fitted = fitAll(cases);
report('in sample', (one) => [scoreBy(fitted, one)]);
writeFileSync(
  'src/detector/blame/blame.fit.json',
  `${JSON.stringify({ chat: weightsOf(fitted.chat), dispatch: weightsOf(fitted.dispatch) }, null, 2)}\n`,
);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fitAll(from: readonly Case[]): Models {
  const of = (topology: Topology): ChoiceModel => fitOne(from.filter((one) => one.topology === topology));
  return { chat: of('chat'), dispatch: of('dispatch') };
}

function fitOne(from: readonly Case[]): ChoiceModel {
  return fitChoice(
    from.filter(({ gold }) => gold >= 0),
    PENALTY,
    2 * featureNames.length,
  );
}

function scoreBy(models: Models, one: Case): number[] {
  return score(models[one.topology === 'dispatch' ? 'dispatch' : 'chat'], one);
}

function score({ raw }: ChoiceModel, { inputs }: Case): number[] {
  return inputs.map((x) => x.reduce((sum, value, j) => sum + value * (raw[j] as number), 0));
}

function weightsOf({ raw }: ChoiceModel): Readonly<Record<string, readonly [number, number]>> {
  const round = (value: number | undefined): number => Math.round((value ?? 0) * 1e4) / 1e4;
  return Object.fromEntries(
    featureNames
      .map((name, j) => [name, [round(raw[2 * j]), round(raw[2 * j + 1])] as const] as const)
      .filter(([, [value, z]]) => value !== 0 || z !== 0),
  );
}

function foldOf({ group }: Case, way: number): number {
  return hash53(`${way}${group}`) % FOLDS;
}

/** `of` gives one or several rankings of a case; of several the mean counts. */
function report(label: string, of: (one: Case) => readonly (readonly number[])[]): void {
  const line = ['algorithm_generated', 'hand_crafted', 'pooled', 'magentic'].map((subset) => {
    const own = cases.filter((one) => (subset === 'pooled' ? one.subset !== 'magentic' : one.subset === subset));
    const sums = [0, 0, 0];
    for (const one of own)
      for (const [, utilities] of of(one).entries()) {
        const order = utilities.map((utility, i) => ({ utility, i })).sort((a, b) => b.utility - a.utility || a.i - b.i);
        const weight = 100 / own.length / of(one).length;
        const agent = one.rows[order[0]?.i ?? 0]?.turn.agent ?? '';
        if (plain(agent) === plain(one.agent)) sums[0] = (sums[0] as number) + weight;
        if (order[0]?.i === one.gold) sums[1] = (sums[1] as number) + weight;
        if (order.slice(0, 3).some(({ i }) => i === one.gold)) sums[2] = (sums[2] as number) + weight;
      }
    return `${subset} ${sums.map((sum) => sum.toFixed(1)).join(' / ')}`;
  });
  say(`${label}: ${line.join('; ')}`);
}

function plain(agent: string): string {
  return agent.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

function load(): Case[] {
  const whowhen = json('whowhen/labels.json') as Record<
    string,
    { file: string; subset: 'algorithm_generated' | 'hand_crafted'; mistake_span_id: string; mistake_agent: string }
  >;
  const agentrx = json('agentrx/labels.json') as Record<
    string,
    { file: string; domain: string; root_cause: { span_id: string; agent: string } | null }
  >;
  return [
    ...sorted(whowhen).map((one) => caseOf(`whowhen/${one.file}`, one.subset, one.mistake_span_id, one.mistake_agent)),
    ...sorted(agentrx).flatMap(({ file, domain, root_cause: root }) =>
      domain === 'magentic_one' && root ? [caseOf(`agentrx/${file}`, 'magentic', root.span_id, root.agent)] : [],
    ),
  ];
}

function caseOf(path: string, subset: Case['subset'], spanId: string, agent: string): Case {
  const steps: Step[] = [];
  const host = new DetectorHost({ detectors: [], onStep: (step) => steps.push(step) });
  const document = JSON.parse(gunzipSync(readFileSync(join(folder, path))).toString()) as unknown;
  host.process(walkTraces(documentToProtobuf('traces', document).body, dialectKeys), 'default');
  const run = runOf(steps[0]?.traceId ?? '', steps.sort(inEventOrder));
  const rows = describeTurns(run);
  return {
    subset,
    topology: topologyOf(run),
    group: run.task.text,
    rows,
    inputs: inputsOf(rows),
    gold: rows.findIndex(({ turn }) => turn.step.spanId === spanId),
    agent,
  };
}

function sorted<T>(of: Readonly<Record<string, T>>): T[] {
  return Object.entries(of)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => one);
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(join(folder, path), 'utf8'));
}
