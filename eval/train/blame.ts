// Fits the utilities of `blame` and writes src/detector/blame/blame.fit.json: a softmax over the turns of each run, L2 penalty, by topology.
// `node dist/eval/train/blame.js [DIR]`; DIR has the layout of the evaluation pack, default ../shared/eval/dev. Prints rules, five-fold
// cross-validation by task and leave-one-subset-out.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Described, describe, featureNames, valueOf } from '../../src/detector/blame/features.ts';
import { inputsOf, topologyOf, type Topology } from '../../src/detector/blame/model.ts';
import { type Run, runOf } from '../../src/detector/blame/turns.ts';
import { DetectorHost } from '../../src/detector/host.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import type { Step } from '../../src/step/step.ts';
import { hash53 } from '../../src/text/hash.ts';
import { inEventOrder } from '../../src/window/tail.ts';
import { fitChoice } from './choice.ts';

const [folder = '../shared/eval/dev'] = process.argv.slice(2);
const PENALTY = Number(process.env['PEN'] ?? 100);
const FOLDS = 5;
const K = Number(process.env['K'] ?? 2);
const DROP = (process.env['DROP'] ?? '').split(',');

interface Case {
  readonly subset: string;
  readonly topology: Topology;
  readonly fold: number;
  readonly run: Run;
  readonly rows: readonly Described[];
  readonly inputs: readonly Float64Array[];
  /** Index of the gold row; -1 if it can not be blamed. */
  readonly gold: number;
  readonly agent: string;
}

const cases = load();
const who = cases.filter(({ subset }) => subset !== 'magentic');
for (const topology of ['chat', 'dispatch', 'calls'])
  console.log(
    `${topology}: ${['algorithm_generated', 'hand_crafted', 'magentic'].map((subset) => `${subset} ${cases.filter((c) => c.topology === topology && c.subset === subset).length}`).join(', ')}`,
  );
console.log(`gold that can not be blamed: ${who.filter(({ gold }) => gold < 0).length}`);
if (process.env['DBG']) for (const c of cases) { const i = c.rows.findIndex((r) => valueOf(r, 'pick') > 0); console.log(c.subset, c.run.planner, c.run.turns.length, 'gold', c.gold, c.agent, 'pick', i, c.rows[i]?.turn.agent, 'drift', c.rows[0] && valueOf(c.rows[0], 'drift').toFixed(2), 'fc', c.rows.findIndex((r) => valueOf(r, 'first_code') > 0), 'fclaim', c.rows.findIndex((r) => valueOf(r, 'first_claim') > 0), c.run.task.text.slice(0, 40).replaceAll('\n',' ')); }
report('rules', (one) => one.rows.map((row) => valueOf(row, 'pick')));

const loso = (one: Case): number[] => {
  const from = cases.filter((c) => (c.subset === 'algorithm_generated') !== (one.subset === 'algorithm_generated'));
  const key = one.subset === 'algorithm_generated' ? 0 : 1;
  held[key] ??= fitChoice(from.filter((c) => c.gold >= 0), PENALTY, 2 * featureNames.length);
  return one.inputs.map((x) => x.reduce((sum, v, j) => sum + v * ((held[key] as { raw: Float64Array }).raw[j] as number), 0));
};
const held: ({ raw: Float64Array } | undefined)[] = [];
report('other set', loso);
const models = Array.from({ length: FOLDS }, (_, k) => fitAll(cases.filter(({ fold }) => fold !== k)));
report('CV', (one) => score(models[one.fold] as Models, one));
for (const t of ['chat','dispatch'] as const) if (process.env['SHOW']) { const m = fitAll(cases)[t]; const e = featureNames.flatMap((n,j)=>[[n,m.standard[2*j] as number],[n+' z',m.standard[2*j+1] as number]] as [string,number][]).filter(([,v])=>Math.abs(v)>.03).sort((a,b)=>Math.abs(b[1])-Math.abs(a[1])); console.log(t, e.map(([n,v])=>`${n} ${v.toFixed(2)}`).join(', ')); }
const one = fitAll(cases);
report('in sample', (x) => score(one, x));

const target = 'src/detector/blame/blame.fit.json';
const round = (v: number): number => Math.round(v * 1e4) / 1e4;
writeFileSync(
  target,
  `${JSON.stringify(
    Object.fromEntries(
      (['chat', 'dispatch'] as const).map((topology) => [
        topology,
        Object.fromEntries(
          featureNames
            .map((name, j) => [name, [round(one[topology].raw[2 * j] as number), round(one[topology].raw[2 * j + 1] as number)]] as const)
            .filter(([, [raw, z]]) => raw !== 0 || z !== 0),
        ),
      ]),
    ),
    null,
    2,
  )}\n`,
);

type Models = Record<'chat' | 'dispatch', { raw: Float64Array; standard: Float64Array }>;

function fitAll(from: readonly Case[]): Models {
  const of = (topology: Topology) =>
    fitChoice(
      from.filter((c) => c.topology === topology && c.gold >= 0 && (!process.env['NOMAG'] || c.subset !== 'magentic')).map(({ inputs, gold }) => ({ inputs, gold })),
      PENALTY,
      2 * featureNames.length,
    );
  return { chat: of('chat'), dispatch: of('dispatch') };
}

function score(m: Models, { topology, inputs }: Case): number[] {
  const { raw } = m[topology === 'dispatch' ? 'dispatch' : 'chat'];
  return inputs.map((x) => x.reduce((sum, v, j) => sum + v * (raw[j] as number), 0));
}

function report(label: string, of: (one: Case) => readonly number[]): void {
  const lines: string[] = [];
  for (const subset of ['algorithm_generated', 'hand_crafted', 'pooled', 'magentic']) {
    const own = subset === 'pooled' ? who : cases.filter((c) => c.subset === subset);
    let step = 0;
    let agent = 0;
    let agentSum = 0;
    let stepSum = 0;
    let top3 = 0;
    for (const c of own) {
      const u = of(c);
      const order = u.map((v, i) => ({ v, i })).sort((a, b) => b.v - a.v || a.i - b.i);
      const best = order[0]?.i ?? 0;
      if (best === c.gold) step++;
      if (same(c.rows[best]?.turn.agent, c.agent)) agent++;
      if (order.slice(0, 3).some(({ i }) => i === c.gold)) top3++;
      const mass = new Map<string, number>();
      u.forEach((v, i) => { const a = c.rows[i]?.turn.agent ?? ''; mass.set(a, (mass.get(a) ?? 0) + Math.exp(K * v)); });
      const a = [...mass].sort((p, q) => q[1] - p[1])[0]?.[0];
      if (same(a, c.agent)) agentSum++;
      if (order.find(({ i }) => (c.rows[i]?.turn.agent ?? '') === a)?.i === c.gold) stepSum++;
    }
    const p = (v: number): string => ((100 * v) / own.length).toFixed(1);
    lines.push(`${subset} ${p(agent)} (sum ${p(agentSum)}) / ${p(step)} (${p(stepSum)}) / top3 ${p(top3)}`);
  }
  console.log(`${label.padEnd(10)} agent / step: ${lines.join('; ')}`);
}

function same(a: string | undefined, b: string): boolean {
  const plain = (t: string): string => t.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return plain(a ?? '') === plain(b);
}

function load(): Case[] {
  const result: Case[] = [];
  const add = (set: string, file: string, subset: string, span: string, agent: string): void => {
    const steps: Step[] = [];
    const host = new DetectorHost({ detectors: [], onStep: (step) => steps.push(step) });
    const document = JSON.parse(gunzipSync(readFileSync(join(folder, set, file))).toString()) as unknown;
    host.process(walkTraces(documentToProtobuf('traces', document).body, dialectKeys), 'default');
    const run = runOf(steps[0]?.traceId ?? '', steps.sort(inEventOrder));
    const rows = describe(run);
    result.push({
      subset,
      topology: topologyOf(run),
      fold: hash53(run.task.text) % FOLDS,
      run,
      rows,
      inputs: inputsOf(rows).map((x) => x.map((v, j) => (DROP.includes(featureNames[j >> 1] as string) ? 0 : v))),
      gold: rows.findIndex(({ turn }) => turn.step.spanId === span),
      agent,
    });
  };
  const labels = JSON.parse(readFileSync(join(folder, 'whowhen/labels.json'), 'utf8')) as Record<string, { file: string; subset: string; mistake_span_id: string; mistake_agent: string }>;
  for (const [, g] of Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))) add('whowhen', g.file, g.subset, g.mistake_span_id, g.mistake_agent);
  const roots = JSON.parse(readFileSync(join(folder, 'agentrx/labels.json'), 'utf8')) as Record<string, { file: string; domain: string; root_cause: { span_id: string; agent: string } | null }>;
  for (const [, g] of Object.entries(roots).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (g.domain === 'magentic_one' && g.root_cause) add('agentrx', g.file, 'magentic', g.root_cause.span_id, g.root_cause.agent);
  return result;
}
