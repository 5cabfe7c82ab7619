import { expect, test } from 'vitest';
import type { Measured } from '../../config/readiness.ts';
import { failureModes, type ModeDetector, modesOf } from './benchmarks.ts';

const set = (n: number, recall: number | null, positives = Math.floor(n / 2)): Measured['sets'][string] => ({
  n,
  positives,
  precision: 1,
  recall,
  f1: recall,
  f1_interval: null,
  always_fire_f1: 0.6,
  false_alarm_rate: 0,
});
const detector = (id: string, mode: string, tier: number, sets: Measured['sets']): ModeDetector => ({
  id,
  modes: [{ mode, tier }],
  measured: { readiness: 'beta', reason: '', sets, healthy_runs: 0, healthy_alarms: 0, calibration_error: null, findings: 0 },
});
const of = (code: string, ...detectors: readonly ModeDetector[]) => modesOf(detectors).find((mode) => mode.code === code);

test.each<[string, readonly ModeDetector[], object]>([
  ['nobody names it', [], { measured: false, detection_rate: null, tier: null, reason: 'No detector names it.' }],
  [
    'too few items',
    [detector('a', 'F1', 3, { s: set(29, 1) })],
    { measured: false, detection_rate: null, reason: 'No set of it has 30 items.' },
  ],
  ['a set without a failure', [detector('a', 'F1', 3, { s: set(50, null, 0) })], { measured: false }],
  [
    'the largest set speaks, whatever it says',
    [detector('a', 'F1', 3, { s: set(50, 1), t: set(400, 0.2) })],
    { detection_rate: 0.2, tier: null, measured: true },
  ],
  ['from .95', [detector('a', 'F1', 3, { s: set(50, 0.95) })], { tier: 1, category: 'content' }],
  ['from .60', [detector('a', 'F1', 1, { s: set(50, 0.6) })], { tier: 2, category: 'structural' }],
  ['below', [detector('a', 'F1', 1, { s: set(50, 0.59) })], { tier: null }],
  [
    'two detectors',
    [detector('a', 'F1', 1, { s: set(50, 0.6) }), detector('b', 'F1', 3, { s: set(60, 0.9) })],
    { detectors: ['a', 'b'], detection_rate: 0.9, category: 'structural' },
  ],
])('%s', (_, detectors, expected) => expect(of('F1', ...detectors)).toMatchObject(expected));

test('what reads documents is tier 3, measured or not', () => {
  expect(of('F15')).toMatchObject({ tier: 3, category: 'rag', measured: false });
  expect(of('F16', detector('a', 'F16', 3, { s: set(50, 1) }))).toMatchObject({ tier: 3, detection_rate: 1 });
});

test('the sixteen modes of the seed, each once', () => {
  expect(failureModes.map(({ code }) => code)).toEqual(Array.from({ length: 16 }, (_, i) => `F${i + 1}`));
});
