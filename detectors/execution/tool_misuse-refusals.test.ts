import { expect, test } from 'vitest';
import { tool, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { changes, foldRefusal, type Refusals, refusalOf } from './tool_misuse-refusals.ts';

const call = (name: string, extra: object) => toSteps([tool(name, {}, extra)])[0] as Step;

test.each([
  ['cancel_order', true],
  ['updateReservation', true],
  ['update_file', false],
  ['get_order', false],
  ['cancel', false],
  ['', false],
])('%j changes a record: %s', (name, is) => {
  expect(changes(name)).toBe(is);
});

test.each([
  ['refused', call('cancel_order', { outcome: 'error', result: 'Order is already delivered' }), 'cancel_order'],
  ['the service failed', call('cancel_order', { outcome: 'error', result: 'Service unavailable' }), undefined],
  ['it went well', call('cancel_order', { result: 'Cancelled' }), undefined],
  ['a question', call('get_order', { outcome: 'error', result: 'No such order' }), undefined],
])('%s', (_, step, refused) => {
  expect(refusalOf(step)).toBe(refused);
});

test('a refusal stands where the model asked, and sixteen are remembered', () => {
  const asked = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
  const refusals: Refusals = { asked, refused: [] };
  const step = call('cancel_order', {});
  for (let i = 0; i < 20; i++) foldRefusal(refusals, 'cancel_order', step);
  expect(refusals.refused).toHaveLength(16);
  expect(refusals.refused[0]).toMatchObject({ tool: 'cancel_order', at: asked, by: { spanId: step.spanId } });
  expect(foldRefusal({ asked: null, refused: [] }, 'cancel_order', step)[0]?.at.spanId).toBe(step.spanId);
});
