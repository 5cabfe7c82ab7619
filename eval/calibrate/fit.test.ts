import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibrate, type Fit } from '../../src/detector/calibration.ts';
import { type Example, mixed } from '../examples.ts';
import { calibrateAll } from './calibrate.ts';
import { crossValidated, crossValidatedError, fitPoints, ISOTONIC_FROM, MIN_FINDINGS } from './fit.ts';

function finding(score: number, right: number, more: Partial<Example> = {}): Example {
  const base = { detector: 'd', message: 'm', set: 's', source: 'a', trace: `t${score}`, mayFit: true, share: 1 };
  return { ...base, confidence: score, score, right, ...more };
}

/** Right with probability `score`, by a fixed low-discrepancy sequence: no random numbers. */
function honest(n: number, from = 0, to = 1): Example[] {
  return Array.from({ length: n }, (_, i) => {
    const score = from + ((to - from) * (i + 0.5)) / n;
    return finding(score, (i * 0.618034) % 1 < score ? 1 : 0, { source: `s${i % 7}`, trace: `t${i}` });
  });
}

const at = (points: Fit['points'][string], score: number) => calibrate({ provisional: false, points: { m: points } }, 'm', score);

describe('fitPoints', () => {
  test(`fewer than ${MIN_FINDINGS} findings are no fit`, () => {
    expect(fitPoints(mixed(honest(MIN_FINDINGS - 1)))).toBeUndefined();
  });

  test.each([
    ['platt', ISOTONIC_FROM - 1],
    ['isotonic', ISOTONIC_FROM],
  ])('%s with %i findings finds what is true', (method, n) => {
    const fitted = fitPoints(mixed(honest(n)));
    expect(fitted?.method).toBe(method);
    for (const score of [0.2, 0.5, 0.8]) expect(Math.abs(at(fitted?.points ?? [], score) - score)).toBeLessThan(0.12);
  });

  test('never falls and never claims certainty, whatever the verdicts', () => {
    const example = fc.record({ score: fc.integer({ min: 0, max: 20 }), right: fc.constantFrom(0, 0.5, 1) });
    const many = fc.oneof(
      fc.array(example, { minLength: MIN_FINDINGS, maxLength: 40 }),
      fc.array(example, { minLength: 200, maxLength: 240 }),
    );
    fc.assert(
      fc.property(many, (examples) => {
        const points = fitPoints(mixed(examples.map(({ score, right }) => finding(score / 20, right))))?.points ?? [];
        return (
          points.length > 0 &&
          points.every(
            ([score, p], i) =>
              p > 0 && p < 1 && (i === 0 || (score > (points[i - 1]?.[0] ?? 1) && p >= (points[i - 1]?.[1] ?? 1))),
          )
        );
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  test('one score is one probability, pulled to the middle by two findings', () => {
    const same = Array.from({ length: 18 }, (_, i) => finding(1, 1, { trace: `t${i}` }));
    expect(fitPoints(mixed(same))?.points).toEqual([[1, 0.95]]);
  });

  test('a score that tells the wrong way is not used', () => {
    const upside = Array.from({ length: 40 }, (_, i) => finding(i / 40, i < 20 ? 1 : 0, { trace: `t${i}` }));
    expect(fitPoints(mixed(upside))?.points).toHaveLength(1);
  });
});

describe('mixed', () => {
  test('a large set has no more votes than its cap, healthy runs keep theirs', () => {
    const large = Array.from({ length: 1000 }, () => finding(0.5, 1));
    const few = Array.from({ length: 10 }, () => finding(0.5, 0, { set: 'runs' }));
    const healthy = Array.from({ length: 300 }, () => finding(0.5, 0, { set: 'healthy' }));
    const votes = (set: string) =>
      mixed([...large, ...few, ...healthy])
        .filter((one) => one.set === set)
        .reduce((sum, { weight }) => sum + weight, 0);
    expect(votes('s')).toBeCloseTo(100, 9);
    expect(votes('runs')).toBe(10);
    expect(votes('healthy')).toBe(300);
  });
});

describe('cross-validation', () => {
  test('no finding is judged by a fit that saw its source', () => {
    // Each source is right in its own way; only one that is seen could be told apart by its score.
    const examples = Array.from({ length: 100 }, (_, i) => {
      const source = i % 5;
      return finding(source / 5, source % 2, { source: `s${source}`, trace: `t${i}` });
    });
    const weighted = mixed(examples);
    const inside = fitPoints(weighted)?.points ?? [];
    const seen = weighted.map(({ score }) => at(inside, score));
    expect(crossValidatedError(weighted, crossValidated(weighted))).toBeGreaterThan(crossValidatedError(weighted, seen));
  });
});

describe('folds', () => {
  test('a source that is all wrong by construction is judged by fits that saw other wrong findings', () => {
    // Four sources of attacks and two of controls, half as large: by weight alone both controls fall into one fold.
    const sizes = [50, 50, 50, 50, 25, 25];
    const examples = sizes.flatMap((size, source) =>
      Array.from({ length: size }, (_, i) =>
        finding(0.9, source < 4 ? 1 : 0, { source: `s${source}`, trace: `t${source}-${i}` }),
      ),
    );
    for (const confidence of crossValidated(mixed(examples))) expect(Math.abs(confidence - 0.8)).toBeLessThan(0.12);
  });
});

describe('calibrateAll', () => {
  const detector = { meta: { id: 'd', family: 'execution', messages: { m: {}, other: {} } } };
  const fit = { provisional: true, points: { m: [[0, 0.1]], other: [[0, 0.7]] }, weights: { a: 1 } };
  const shipped = [{ detector, fit }] as unknown as Parameters<typeof calibrateAll>[0];

  test('fits what has verdicts, keeps the rest, and says which is which', () => {
    const [result] = calibrateAll(shipped, honest(60));
    expect(result?.fit).toMatchObject({ provisional: true, weights: { a: 1 } });
    expect(result?.fit.points['other']).toEqual([[0, 0.7]]);
    expect(result?.fit.points['m']).not.toEqual([[0, 0.1]]);
    expect(result?.fit.fitted?.messages).toEqual({ m: expect.objectContaining({ method: 'platt', findings: { s: 60 } }) });
  });

  test('is the same whatever was fitted before, and in whatever order the findings come', () => {
    const [first] = calibrateAll(shipped, honest(250));
    const again = [{ detector, fit: first?.fit }] as unknown as Parameters<typeof calibrateAll>[0];
    expect(calibrateAll(again, honest(250))[0]?.fit).toEqual(first?.fit);
    expect(calibrateAll(shipped, honest(250).reverse())[0]?.fit).toEqual(first?.fit);
  });

  test('does not fit on sets whose licence forbids it', () => {
    expect(
      calibrateAll(
        shipped,
        honest(60).map((one) => ({ ...one, mayFit: false })),
      ),
    ).toEqual([]);
  });
});
