import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { diffOf, type Label, recommend, yamlOf } from './recommend.ts';

const labels = (detector: string, confidence: number, right: number, wrong: number): Label[] => [
  ...Array.from({ length: right }, () => ({ detector, confidence, correct: true })),
  ...Array.from({ length: wrong }, () => ({ detector, confidence, correct: false })),
];
const options = { minSamples: 30, target: 0.7, thresholdOf: () => 0.6 };
const one = (all: readonly Label[], more: Partial<typeof options> = {}) => recommend(all, { ...options, ...more })[0];

describe('what the labels say', () => {
  test.each<[string, readonly Label[], object]>([
    [
      'too few: nothing, and why',
      labels('loop', 0.9, 20, 9),
      { action: 'none', measured: false, recommended: null, reason: '29 labels at or above 0.60, at least 30 are needed.' },
    ],
    [
      'those below the threshold do not count',
      [...labels('loop', 0.9, 20, 9), ...labels('loop', 0.5, 9, 0)],
      { measured: false },
    ],
    ['good enough', labels('loop', 0.7, 90, 10), { action: 'keep', measured: true, recommended: null }],
    // 45 of 60 are 75 %; the interval begins at 63 %.
    [
      'good enough perhaps',
      labels('loop', 0.7, 45, 15),
      { action: 'none', measured: true, reason: expect.stringContaining('more labels') },
    ],
    [
      'wrong at the lower end',
      [...labels('loop', 0.62, 5, 25), ...labels('loop', 0.85, 40, 2)],
      { action: 'raise', recommended: 0.65 },
    ],
    [
      'a label at the step itself is kept',
      [...labels('loop', 0.62, 5, 25), ...labels('loop', 0.65, 40, 2)],
      { action: 'raise', recommended: 0.65 },
    ],
    [
      'wrong at every confidence',
      labels('loop', 0.9, 5, 45),
      { action: 'none', reason: expect.stringContaining("detector's options") },
    ],
    [
      'few are right, and most of them at the lower end',
      [...labels('loop', 0.62, 60, 90), ...labels('loop', 0.9, 20, 0)],
      { action: 'none', reason: expect.stringContaining('lose 60 of 80') },
    ],
    [
      'right below the threshold as well',
      [...labels('loop', 0.7, 40, 3), ...labels('loop', 0.52, 38, 2)],
      { action: 'lower', recommended: 0.05 },
    ],
  ])('%s', (_, all, expected) => expect(one(all)).toMatchObject(expected));
});

test('the predicted change is that of these labels', () => {
  const said = one([...labels('loop', 0.62, 5, 25), ...labels('loop', 0.85, 40, 2)]);
  expect(said?.now).toMatchObject({ samples: 72, correct: 45 });
  expect(said?.predicted).toMatchObject({ samples: 42, correct: 40, true_positives_lost: 5, false_positives_removed: 25 });
  expect(said?.predicted?.precision_change).toBeCloseTo(40 / 42 - 45 / 72, 9);
});

test('lowering goes no further than labels reach', () => {
  const said = one([...labels('loop', 0.7, 40, 3), ...labels('loop', 0.52, 38, 2), ...labels('loop', 0.3, 2, 60)]);
  // Down to .30 the wrong ones there are within.
  expect(said).toMatchObject({ action: 'lower', recommended: 0.35 });
});

test('detectors apart, each by its own threshold', () => {
  const all = [...labels('loop', 0.62, 5, 25), ...labels('loop', 0.85, 40, 2), ...labels('cost', 0.5, 1, 1)];
  const said = recommend(all, { ...options, thresholdOf: (detector) => (detector === 'loop' ? 0.8 : 0.4) });
  expect(said.map(({ detector, action }) => [detector, action])).toEqual([
    ['loop', 'keep'],
    ['cost', 'none'],
  ]);
});

test('what is to be pasted is YAML that says it', () => {
  const said = recommend(
    [...labels('loop', 0.62, 5, 25), ...labels('loop', 0.85, 40, 2), ...labels('cost', 0.9, 40, 0)],
    options,
  );
  expect(parse(yamlOf(said))).toEqual({ processors: { detect: { detectors: { loop: { emit_above: 0.65 } } } } });
  const lines = (stated?: number) =>
    diffOf(said, () => stated)
      .split('\n')
      .slice(2, -1);
  expect(lines()).toEqual([' processors:', '   detect:', '     detectors:', '+      loop:', '+        emit_above: 0.65']);
  expect(lines(0.5).slice(3)).toEqual(['       loop:', '-        emit_above: 0.5', '+        emit_above: 0.65']);
  expect([yamlOf([]), diffOf([], () => undefined)]).toEqual(['', '']);
});
