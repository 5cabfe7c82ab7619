// Small runs made by hand in the layout of each public set, read, written as a pack and read back as spans.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { isAgentSpan, normalise } from '../../src/dialects/normalise.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { type MastLabel, runLabels, stepNumbers, type TrailLabel, type WhoWhenLabel } from '../pack.ts';
import { readMast, turnsOf } from './mast.ts';
import { writeSet } from './otlp.ts';
import { readTrail } from './trail.ts';
import { readWhoWhen } from './whowhen.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'misstep-layout-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, value: unknown): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), JSON.stringify(value));
}

/** The steps that the detectors would see. */
function stepsOf(request: unknown) {
  const index = walkTraces(documentToProtobuf('traces', request as object).body, dialectKeys);
  const reader = spanReader();
  return Array.from({ length: index.spanCount }, (_, row) => row).flatMap((row) => {
    const at = reader.at(index, row);
    const step = isAgentSpan(at) ? normalise(at, 'default') : undefined;
    return step
      ? [
          {
            kind: step.kind,
            agent: step.agent,
            spanId: step.spanId,
            parentId: step.parentId,
            ms: Math.round(step.endMs - step.startMs),
            outcome: step.outcome,
          },
        ]
      : [];
  });
}

describe('TRAIL', () => {
  const span = (id: string, name: string, kind: string, more: object = {}) => ({
    timestamp: '2025-03-19T16:38:40.123456Z',
    trace_id: 'aa'.repeat(16),
    span_id: id.repeat(16),
    span_name: name,
    scope_name: 'openinference.instrumentation.smolagents',
    resource_attributes: { 'service.name': 'x' },
    span_attributes: { 'openinference.span.kind': kind, 'llm.token_count.prompt': '12' },
    duration: 'PT1M2.5S',
    status_code: 'Unset',
    events: [],
    child_spans: [],
    ...more,
  });

  test.each([
    ['benchmarking/data/', 'benchmarking/'],
    ['data/', ''],
    ['', ''],
  ])('reads %sGAIA and SWE Bench', (data, notes) => {
    const failed = {
      status_code: 'Error',
      status_message: 'no',
      events: [{ Timestamp: '2025-03-19T16:38:41Z', Name: 'exception', Attributes: { 'exception.type': 'E' } }],
    };
    const tree = span('1', 'CodeAgent.run', 'AGENT', {
      child_spans: [span('2', 'Step 1', 'CHAIN', { child_spans: [span('3', 'LiteLLMModel', 'LLM', failed)] })],
    });
    put(`${data}GAIA/${'aa'.repeat(16)}.json`, { trace_id: 'aa'.repeat(16), spans: [tree] });
    put(`${data}SWE Bench/${'bb'.repeat(16)}.json`, { trace_id: 'bb'.repeat(16), spans: [span('4', 'CodeAgent.run', 'AGENT')] });
    put(`${data}SWE Bench/${'cc'.repeat(16)}.json`, { trace_id: 'cc'.repeat(16), spans: [span('5', 'no labels', 'AGENT')] });
    put(`${notes}processed_annotations_gaia/${'aa'.repeat(16)}.json`, {
      errors: [{ location: '3'.repeat(16), category: 'Service Errors' }],
      scores: [],
    });
    put(`${notes}processed_annotations_swe_bench/${'bb'.repeat(16)}.json`, { errors: [], scores: [] });

    const runs = readTrail(folder);
    expect(stepsOf(runs[0]?.request)).toMatchObject([
      { kind: 'agent', parentId: '', ms: 62_500 },
      { spanId: '2'.repeat(16), parentId: '1'.repeat(16) },
      { kind: 'llm', parentId: '2'.repeat(16), outcome: 'error' },
    ]);
    const labels = runLabels<TrailLabel>(writeSet(join(folder, 'pack'), 'trail', runs), 'trail');
    expect(Object.keys(labels)).toEqual(['aa'.repeat(16), 'bb'.repeat(16)]);
    expect(labels['aa'.repeat(16)]).toMatchObject({
      split: 'gaia',
      errors: [{ location: '3'.repeat(16), category: 'Service Errors' }],
    });
    expect(labels['bb'.repeat(16)]).toMatchObject({ split: 'swe_bench', errors: [] });
  });

  test('another folder is refused with the layout that was looked for', () => {
    expect(() => readTrail(folder)).toThrow(/no TRAIL runs.*processed_annotations_gaia/);
  });
});

describe('Who&When', () => {
  test('both subsets; the speaker is in name or in role', () => {
    put('Who&When/Algorithm-Generated/2.json', {
      question: 'How many?',
      ground_truth: 'never read',
      history: [
        { content: 'Let me count.', role: 'assistant', name: 'Counter_Expert' },
        { content: 'exitcode: 0', role: 'user', name: 'Computer_terminal' },
      ],
      system_prompt: { Counter_Expert: 'You count.' },
      mistake_agent: 'Counter_Expert',
      mistake_step: '0',
    });
    put('Who&When/Hand-Crafted/1.json', {
      question: 'Where?',
      history: [
        { content: 'Where?', role: 'human' },
        { content: 'A plan', role: 'Orchestrator (thought)' },
      ],
      mistake_agent: 'Orchestrator',
      mistake_step: '1',
    });
    const runs = readWhoWhen(folder);
    expect(JSON.stringify(runs)).not.toContain('never read');
    expect(
      runs.map(({ request }) =>
        stepsOf(request)
          .slice(1)
          .map(({ agent }) => agent),
      ),
    ).toEqual([
      ['Counter_Expert', 'Computer_terminal'],
      ['human', 'Orchestrator'],
    ]);
    const pack = writeSet(join(folder, 'pack'), 'whowhen', runs);
    const labels = runLabels<WhoWhenLabel>(pack, 'whowhen');
    expect(Object.keys(labels)).toEqual(['algorithm_generated/2', 'hand_crafted/1']);
    const { file, mistake_step } = labels['hand_crafted/1'] as WhoWhenLabel;
    expect([...stepNumbers(join(pack.root, 'whowhen', file)).values()]).toEqual([0, 1]);
    expect(mistake_step).toBe('1');
  });
});

describe('MAST', () => {
  test('human labels by majority; the model’s as they are; records without labels are left out', () => {
    put('MAD_human_labelled_dataset.json', [
      {
        mas_name: 'AG2',
        trace: {
          key: 'k',
          trajectory: 'mathproxyagent (to assistant):\n\nSolve it.\n\n----\nassistant (to mathproxyagent):\n\n42\n',
        },
        annotations: [
          { 'failure mode': '1.3 Step Repetition', annotator_1: true, annotator_2: true, annotator_3: false },
          { 'failure mode': '3.3 Incorrect Verification', annotator_1: false, annotator_2: true, annotator_3: false },
        ],
      },
      { mas_name: 'AG2', trace: 'x', annotations: [] },
    ]);
    const runs = readMast(folder);
    expect(runs).toHaveLength(1);
    expect(
      stepsOf(runs[0]?.request)
        .map(({ agent }) => agent)
        .slice(1),
    ).toEqual(['mathproxyagent', 'assistant']);
    const labels = Object.values(runLabels<MastLabel>(writeSet(join(folder, 'pack'), 'mast', runs), 'mast'));
    expect(labels).toMatchObject([{ mast14: { '1.3': true, '3.3': false } }]);
    expect(readdirSync(join(folder, 'pack/mast'))).toHaveLength(2);

    put('full.json', [{ mas_name: 'ChatDev', trace: { trajectory: 'x' }, mast_annotation: { '1.1': 1, '2.4': 0 } }]);
    expect(readMast(join(folder, 'full.json'))[0]?.label).toMatchObject({ mast14: { '1.1': true, '2.4': false } });
  });

  test.each([
    [
      'messages',
      [
        { role: 'user', content: 'a' },
        { name: 'B', content: { x: 1 } },
      ],
      [
        ['user', 'a'],
        ['B', '{"x":1}'],
      ],
    ],
    [
      'ChatDev',
      '[2024-01-02 10:00:00 INFO] Programmer: **Programmer<->Reviewer**\ncode',
      [['Programmer', '**Programmer<->Reviewer**\ncode']],
    ],
    ['HyperAgent', "HyperAgent_x - INFO - Navigator's Response: found\nit", [['Navigator', 'found\nit']]],
    ['no headings', 'one text', [['T', 'one text']]],
    ['nothing', undefined, [['T', '""']]],
  ])('%s', (_, trajectory, expected) => {
    expect(turnsOf(trajectory, 'T').map(({ agent, text }) => [agent, text])).toEqual(expected);
  });
});
