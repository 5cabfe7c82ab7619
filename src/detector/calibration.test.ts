import { expect, test } from 'vitest';
import { calibrate, confidenceTier } from './calibration.ts';
import { fillTemplate, findingId } from './finding.ts';

const fit = {
  provisional: false,
  points: {
    '*': [
      [0.2, 0.1],
      [0.8, 0.7],
    ],
    flat: [[0.5, 0.9]],
  },
} as const;

test.each([
  ['below the first point', 'any', 0, 0.1],
  ['between points', 'any', 0.5, 0.4],
  ['above the last point', 'any', 1, 0.7],
  ['one point', 'flat', 0.1, 0.9],
  ['not a number', 'any', Number.NaN, 0.1],
  ['out of range', 'any', 7, 0.7],
])('calibrates a score %s', (_name, message, score, expected) => {
  expect(calibrate(fit, message, score)).toBeCloseTo(expected, 10);
});

test('without a fit the score stands, clamped', () => {
  expect(calibrate({ provisional: true, points: {} }, 'm', 1.5)).toBe(1);
});

test.each([
  [0.8, 'HIGH'],
  [0.79999, 'LIKELY'],
  [0.6, 'LIKELY'],
  [0.4, 'POSSIBLE'],
  [0.39999, 'LOW'],
])('%d is %s', (confidence, tier) => {
  expect(confidenceTier(confidence)).toBe(tier);
});

test('templates are filled on one line, bounded, and never loop', () => {
  expect(fillTemplate("Tool '{{tool}}' ran {{count}} times for {{usd}} USD.", { tool: 'a\nb', count: 4, usd: 0.123456 })).toBe(
    "Tool 'a b' ran 4 times for 0.1235 USD.",
  );
  expect(fillTemplate('{{missing}} {{open', {})).toBe('? {{open');
  expect(fillTemplate('{{a}}', { a: '{{a}}' })).toBe('{{a}}');
  expect(fillTemplate('{{a}}', { a: 'x'.repeat(500) })).toHaveLength(120);
});

test('an id does not confuse where one part ends and the next begins', () => {
  expect(findingId('a', 'b', 'c', 'd', 'e')).toMatch(/^[0-9a-f]{32}$/);
  expect(findingId('a', 'b', 'c', 'de', 'f')).not.toBe(findingId('a', 'b', 'c', 'd', 'ef'));
});
