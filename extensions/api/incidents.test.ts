import { expect, test } from 'vitest';
import { fingerprintOf } from '../../src/detector/finding.ts';
import { type IncidentNote, stateOf } from './incidents.ts';
import { ranked } from './review.ts';

test('a fingerprint is of detector, message and agent, and of nothing else', () => {
  const one = { detector: 'loop', message: 'repeated', agent: 'a' };
  expect(fingerprintOf(one)).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprintOf({ ...one, count: 9 } as never)).toBe(fingerprintOf(one));
  const others = [
    { ...one, agent: null },
    { ...one, message: 'cycle' },
    { ...one, detector: 'looprepeated', message: '' },
  ];
  expect(new Set([one, ...others].map(fingerprintOf)).size).toBe(4);
});

test.each<[string, number, IncidentNote['state'] | undefined, object]>([
  ['nobody has said anything', 50, undefined, { state: 'open', reopened: false }],
  ['acknowledged stays, whatever comes', 150, 'acknowledged', { state: 'acknowledged', reopened: false }],
  ['resolved, and nothing since', 100, 'resolved', { state: 'resolved', reopened: false }],
  ['resolved, and something since', 101, 'resolved', { state: 'open', reopened: true }],
])('%s', (_, lastMs, state, expected) => {
  expect(stateOf(lastMs, state === undefined ? undefined : { state, note: null, at_ms: 100 })).toEqual(expected);
});

test('the queue: nearest to the threshold, then of the detector with the fewest labels, then as it was', () => {
  const waiting = [
    { detector: 'a', confidence: 0.95, id: 1 },
    { detector: 'a', confidence: 0.62, id: 2 },
    { detector: 'b', confidence: 0.64, id: 3 },
    { detector: 'b', confidence: 0.64, id: 4 },
    { detector: 'c', confidence: 0.7, id: 5 },
  ];
  const labels: Record<string, number> = { a: 50, b: 3, c: 0 };
  const order = ranked(
    waiting,
    (detector) => (detector === 'c' ? 0.8 : 0.6),
    (detector) => labels[detector] ?? 0,
  );
  expect(order.map(({ one }) => one.id)).toEqual([3, 4, 2, 5, 1]);
  expect(order[3]?.margin).toBeCloseTo(0.1, 9);
});
