// Every scorer on a small made-up pack, against figures worked out by hand and, where Python and the evaluation pack are there, against score_all.py.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { differences } from '../agree.ts';
import { detectorFigures } from '../detectors.ts';
import { examplesOf } from '../examples.ts';
import { openPack } from '../pack.ts';
import { Predictions } from '../predictions.ts';
import { scoreAll, scoresJson } from './score.ts';

const tool = resolve(import.meta.dirname, '../../../shared/eval/tools/score_all.py');
const python = existsSync(tool) && spawnSync('python3', ['--version']).status === 0;

const root = mkdtempSync(join(tmpdir(), 'misstep-score-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const trace = (n: number): string => n.toString(16).padStart(32, '0');
const span = (n: number): string => n.toString(16).padStart(16, '0');

function write(set: string, name: string, text: string): void {
  mkdirSync(join(root, set), { recursive: true });
  writeFileSync(join(root, set, name), name.endsWith('.gz') ? gzipSync(text) : text);
}

const labels = (set: string, values: object) => write(set, 'labels.json', JSON.stringify(values));
const lines = (set: string, values: readonly object[]) =>
  write(set, 'labels.jsonl', values.map((one) => JSON.stringify(one)).join('\n'));

/** Spans 1…n of one run, numbered from 0; a child of each without a number of its own. */
function run(set: string, file: string, n: number): void {
  const spans = Array.from({ length: n }, (_, i) => [
    { spanId: span(i + 1), attributes: [{ key: 'step.index', value: { intValue: String(i) } }] },
    { spanId: span(i + 101), parentSpanId: span(i + 1), attributes: [] },
  ]).flat();
  write(set, file, JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
}

labels('trail', {
  [trace(1)]: {
    split: 'gaia',
    errors: [
      { location: span(1), category: 'Resource Abuse' },
      { location: span(2), category: 'goal deviation' },
    ],
  },
  [trace(2)]: { split: 'swe_bench', errors: [{ location: span(3), category: 'Timeout Issues' }] },
});
run('whowhen', 'a_1.otlp.json.gz', 12);
run('whowhen', 'h_1.otlp.json.gz', 4);
labels('whowhen', {
  'algorithm_generated/1': {
    trace_id: trace(3),
    file: 'a_1.otlp.json.gz',
    subset: 'algorithm_generated',
    mistake_agent: 'Web_Surfer',
    mistake_step: '1',
  },
  'hand_crafted/1': {
    trace_id: trace(4),
    file: 'h_1.otlp.json.gz',
    subset: 'hand_crafted',
    mistake_agent: 'Coder',
    mistake_step: 2,
  },
});
labels('mast', {
  [trace(5)]: { file: 'm1.otlp.json.gz', mast14: { '1.3': true, '2.1': false, '3.3': true } },
  [trace(6)]: { file: 'm2.otlp.json.gz', mast14: { '1.3': false, '2.1': false } },
});
run('agentrx', 'x1.otlp.json.gz', 5);
run('agentrx', 'x2.otlp.json.gz', 5);
labels('agentrx', {
  [trace(7)]: {
    file: 'x1.otlp.json.gz',
    domain: 'tau_retail',
    failed: true,
    failures: [{ step_index: 2, category: 'Other' }],
    root_cause: { step_index: 2, category: 'Other' },
  },
  [trace(8)]: { file: 'x2.otlp.json.gz', domain: 'tau_retail', failed: false, failures: [], root_cause: null },
});
labels('tau_airline', {
  [trace(9)]: { failed: true, repeated_identical_call_steps: [3], tool_error_steps: [] },
  [trace(10)]: { failed: false, repeated_identical_call_steps: [], tool_error_steps: [1] },
});
const item = (n: number, label: 0 | 1 | null, more: object) => ({ id: `i${n}`, trace_id: trace(n), label, source: 's', ...more });
lines('injection', [
  item(20, 1, { detectors: ['injection'], channel: 'user' }),
  item(21, 0, { detectors: ['injection', 'dify_rag_poisoning'], channel: 'tool_output', source: 'b' }),
  item(22, null, { detectors: ['injection'], channel: 'user' }),
]);
lines('golden', [
  item(30, 1, { detectors: ['loop'], peer_detected: 1 }),
  item(31, 0, { detectors: ['loop'], peer_detected: 1 }),
  item(32, 1, { detectors: ['n8n_cycle'] }),
]);
lines('golden_otel', [
  item(40, 1, { type: 'F1', detectors: ['loop'], template: 'x' }),
  item(41, 0, { type: 'healthy', detectors: [], template: 'y' }),
]);
const facts = {
  has_cycle: true,
  cycle_without_splitInBatches: false,
  cycle_with_no_exit_node: false,
  dangling_refs: 0,
  n_nodes: 30,
  n_external: 1,
  n_http_without_timeout: 0,
  any_node_error_handling: false,
  has_error_workflow: false,
  has_error_trigger: false,
};
lines('n8n', [
  item(50, null, { detectors: [], facts }),
  item(51, null, { detectors: [], facts: { ...facts, has_cycle: false } }),
]);

const detection = (n: number, detector: string, confidence: number, at: string, taxonomy: object = {}) => ({
  kind: 'detection',
  source: 'x.jsonl',
  detector,
  message: 'm',
  confidence,
  score: confidence,
  trace_id: trace(n),
  span_id: at,
  taxonomy,
});
const blame = (n: number, agent: string | null, at: string, more: readonly object[] = []) => ({
  kind: 'blame',
  source: 'x.jsonl',
  trace_id: trace(n),
  agent,
  span_id: at,
  candidates: [{ agent, span_id: at }, ...more],
});
const said = [
  detection(1, 'loop', 0.9, span(1), { trail: ['Resource Abuse'] }),
  detection(1, 'loop', 0.5, span(2), { trail: ['Resource Abuse'] }),
  detection(2, 'loop', 0.7, span(3), { trail: ['Timeout Issues', 'Service Errors'] }),
  blame(3, 'web surfer', span(11)),
  blame(4, 'Tester', span(101), [{ agent: 'Coder', span_id: span(3) }]),
  detection(5, 'loop', 0.9, span(1), { mast: ['FM-1.3'] }),
  detection(6, 'loop', 0.65, span(1), { mast: ['FM-2.1'] }),
  detection(7, 'loop', 0.7, span(103)),
  detection(7, 'loop', 0.7, 'ffffffffffffffff'),
  detection(8, 'loop', 0.62, 'ffffffffffffffff'),
  blame(7, null, span(2)),
  detection(9, 'loop', 0.8, span(1)),
  detection(10, 'injection', 0.4, span(1)),
  detection(20, 'injection', 0.6, span(1)),
  detection(21, 'injection', 0.3, span(1)),
  { kind: 'coverage', source: 'x.jsonl', trace_id: trace(21), detector: 'injection', outcome: 'insufficient_data' },
  detection(30, 'loop', 0.9, span(1)),
  { ...detection(32, 'n8n_cycle', 0.9, span(1)), trace_id: 'native', session_id: trace(32) },
  detection(41, 'loop', 0.7, span(1)),
  detection(50, 'n8n_cycle', 0.9, span(1)),
  detection(99, 'loop', 0.9, span(1)),
  { kind: 'timing', source: 'x.jsonl', detector: 'loop', steps: 100, us: 450 },
];

const pack = openPack(root);
const predictions = new Predictions(pack);
const text = said.map((one) => JSON.stringify(one)).join('\n');
for (const line of text.split('\n')) predictions.add(line);
const scores = scoreAll(pack, predictions);

describe('by hand', () => {
  test('TRAIL: pairs, spans, budgets', () => {
    const half = {
      traces: 2,
      joint: 0.75,
      location: 0.75,
      pair_precision: 2 / 3,
      pair_recall: 2 / 3,
      predictions_per_trace: 1.5,
    };
    expect(scores.trail?.['at_0.6']).toMatchObject(half);
    // A span of the other error under a wrong category finds the place, not the pair.
    expect(scores.trail?.['at_0.4']).toMatchObject({ joint: 0.75, location: 1, predictions_per_trace: 2 });
    expect(scores.trail?.['budget_2']).toMatchObject({ predictions_per_trace: 2 });
    expect(scores.trail?.['at_0.6_gaia']).toMatchObject({ traces: 1, joint: 0.5, pair_precision: 1 });
  });

  test('Who&When: names are equal but for case and signs, steps by their number', () => {
    // Step 10 contains the digit of step 1: right for the released script, wrong here.
    expect(scores.whowhen?.algorithm_generated).toMatchObject({ agent_strict: 1, step_strict: 0, step_official: 1, step_pm5: 0 });
    expect(scores.whowhen?.hand_crafted).toMatchObject({ agent_strict: 0, step_strict: 0, step_pm3: 1 });
    expect(scores.whowhen?.pooled).toMatchObject({ agent_top3: 1, step_top3: 0.5, mean_abs_step_error: 5.5 });
  });

  test('MAST: labelled cells only', () => {
    // Five cells: 1.3 right, 2.1 said in vain, 3.3 missed.
    expect(scores.mast?.['at_0.6']).toMatchObject({ micro_p: 0.5, micro_r: 0.5, micro_f1: 0.5 });
    expect(scores.mast?.['at_0.8']).toMatchObject({ micro_p: 1, micro_r: 0.5 });
    expect(scores.mast?.per_mode['3.3']).toMatchObject({ n: 1, pos: 1, recall: 0, too_few: true });
  });

  test('AgentRx: a child counts as its step, an alarm at no step as wrong', () => {
    expect(scores.agentrx?.tau_retail).toMatchObject({
      step_p: 0.5,
      step_r: 1,
      root_exact_detections: 1,
      root_exact_blame: 0,
      root_pm1_blame: 1,
      alarm_passing: 1,
    });
  });

  test('runs that passed', () => {
    expect(scores.healthy).toEqual({
      passing_runs: 2,
      'any_detection_0.4': 1,
      'any_detection_0.6': 0.5,
      'any_detection_0.8': 0,
      'runs_by_detector_0.6': { loop: 1 },
    });
    expect(scores.tau_airline?.loop_vs_exact_repeat).toMatchObject({ precision: 1, recall: 1 });
  });

  test('items without a label are not scored; a blind item is said to be', () => {
    expect(scores.sets['injection']?.overall).toMatchObject({ n: 2, f1: 1, fpr: 0, insufficient: 0.5, auroc: 1 });
  });

  test('golden beside always-fire and peer', () => {
    expect(scores.golden?.detectors['loop']).toMatchObject({
      f1: 1,
      always_fire_f1: 2 / 3,
      peer: { precision: 0.5, recall: 1, fpr: 1 },
    });
    expect(scores.golden?.detectors['n8n_cycle']).toMatchObject({ recall: 1 });
    expect(scores.golden_otel).toMatchObject({ macro_f1: 0, 'healthy_flagged_0.6': 1 });
    expect(scores.n8n?.detectors['n8n_cycle']?.against['cycle']).toMatchObject({ f1: 1 });
  });

  test('lines of traces that no set labels are counted', () => {
    expect(scores.lines['detection unmatched']).toBe(1);
  });
});

test('verdicts on findings', () => {
  const verdict = ({ set, right, mayFit }: { set: string; right: number; mayFit: boolean }) =>
    `${set} ${right}${mayFit ? '' : ' (never fitted)'}`;
  expect(examplesOf(pack, predictions).map(verdict).sort()).toEqual(
    [
      'agentrx 0',
      'agentrx 1',
      'golden 1',
      'golden 1',
      'golden_otel 0',
      'healthy 0',
      'healthy 0',
      'injection 0',
      'injection 1',
      'mast 0 (never fitted)',
      'mast 1 (never fitted)',
      // Exact pair; right place or right category alone; exact pair with a second category.
      'trail 0.5',
      'trail 1',
      'trail 1',
    ].sort(),
  );
});

test('the row of a detector', () => {
  const shipped = [{ detector: { meta: { id: 'loop' } } }] as unknown as Parameters<typeof detectorFigures>[2];
  const [loop] = detectorFigures(pack, predictions, shipped);
  expect(loop).toMatchObject({
    detector: 'loop',
    healthy: { runs: 2, high: 0, likely: 1 },
    trail: { pairs: 2, precision: 1 },
    us_per_step: 4.5,
    provisional: true,
  });
  expect(loop?.sets).toMatchObject([{ set: 'golden', n: 2, positives: 1, f1: 1 }]);
});

test.skipIf(!python)('score_all.py says the same', () => {
  const file = join(root, 'predictions.jsonl');
  writeFileSync(file, text);
  const theirs = JSON.parse(execFileSync('python3', [tool, file, root, '--json'], { encoding: 'utf8' })) as unknown;
  const { compared, different } = differences(theirs, scoresJson(scores));
  expect(different).toEqual([]);
  expect(compared).toBeGreaterThan(300);
});
