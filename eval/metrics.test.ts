import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alwaysFireF1, binary, calibrationError, f1Interval, prf, ranking, wilson } from './metrics.ts';

const yes = true;
const no = false;

describe('binary', () => {
  test.each([
    ['one of each', [yes, yes, no, no], [yes, no, yes, no], { precision: 0.5, recall: 0.5, f1: 0.5, fpr: 0.5, mcc: 0 }],
    ['nothing said', [yes, no], [no, no], { precision: null, recall: 0, f1: 0, fpr: 0, mcc: null }],
    ['no positives', [no, no], [yes, no], { precision: 0, recall: null, f1: null, fpr: 0.5, balanced_accuracy: null }],
    ['no items', [], [], { n: 0, precision: null, recall: null, f1: null, fpr: null }],
  ] as const)('%s', (_, truth, said, expected) => {
    expect(binary(truth, said)).toMatchObject(expected);
  });

  test('always-fire F1 is the F1 of firing on everything', () => {
    const truth = [yes, yes, no];
    expect(alwaysFireF1(2, 3)).toBeCloseTo(binary(truth, [yes, yes, yes]).f1 as number, 12);
  });
});

test('prf is 0 where nothing was said or nothing was there', () => {
  expect(prf(0, 0, 0)).toEqual({ precision: 0, recall: 0, f1: 0 });
  expect(prf(1, 2, 4)).toEqual({ precision: 0.5, recall: 0.25, f1: 1 / 3 });
});

describe('ranking', () => {
  test.each([
    ['perfect', [yes, yes, no], [0.9, 0.8, 0.1], 1, 1],
    ['upside down', [no, yes], [0.9, 0.1], 0, 0.5],
    ['all tied: chance', [yes, no, yes, no], [0.5, 0.5, 0.5, 0.5], 0.5, 0.5],
    ['one class', [yes, yes], [0.1, 0.2], null, null],
  ] as const)('%s', (_, truth, scores, auroc, ap) => {
    expect(ranking(truth, scores)).toEqual({ auroc, ap });
  });

  test('AUROC is the share of pairs in the right order', () => {
    const item = fc.record({ truth: fc.boolean(), score: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(fc.array(item, { minLength: 2, maxLength: 30 }), (items) => {
        const { auroc } = ranking(
          items.map((one) => one.truth),
          items.map((one) => one.score),
        );
        const up = items.filter((one) => one.truth);
        const down = items.filter((one) => !one.truth);
        if (up.length === 0 || down.length === 0) return auroc === null;
        const pairs = up.flatMap((a) => down.map((b): number => (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0)));
        const share = pairs.reduce((sum, one) => sum + one, 0) / pairs.length;
        return Math.abs((auroc as number) - share) < 1e-9;
      }),
      { seed: 7 },
    );
  });
});

describe('intervals', () => {
  // Newcombe (1998), Statistics in Medicine 17, table I: method 3.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('Wilson of %i / %i', (part, whole, low, high) => {
    const [from, to] = wilson(part, whole) as readonly [number, number];
    expect(from).toBeCloseTo(low, 3);
    expect(to).toBeCloseTo(high, 3);
  });

  test('of F1 holds F1 and stays within 0 and 1', () => {
    const counts = fc.record({ tp: fc.nat(50), fp: fc.nat(50), fn: fc.nat(50) });
    fc.assert(
      fc.property(counts, ({ tp, fp, fn }) => {
        const pair = f1Interval({ tp, fp, fn });
        if (pair === null) return tp + fp + fn === 0;
        const f1 = (2 * tp) / (2 * tp + fp + fn);
        return pair[0] >= 0 && pair[0] <= f1 + 1e-9 && f1 <= pair[1] + 1e-9 && pair[1] <= 1;
      }),
      { seed: 7 },
    );
  });
});

describe('calibration error', () => {
  const said = (confidence: number, right: number, weight = 1) => ({ confidence, right, weight });
  test.each([
    ['right as often as claimed', [said(0.5, 1), said(0.5, 0)], 0],
    ['sure and wrong', [said(1, 0), said(1, 0)], 1],
    ['weights count', [said(0.9, 1, 3), said(0.9, 0, 1)], 0.15],
    ['two bins, by weight', [said(0.05, 0), said(0.95, 0)], 0.5],
    ['nothing said', [], null],
  ])('%s', (_, examples, expected) => {
    const error = calibrationError(examples);
    if (expected === null) expect(error).toBeNull();
    else expect(error).toBeCloseTo(expected, 9);
  });
});
