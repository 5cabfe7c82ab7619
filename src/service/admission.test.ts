import { expect, test } from 'vitest';
import { createAdmission } from './admission.ts';

test('without a limit everything is admitted and counted', () => {
  const admission = createAdmission(() => 5);
  expect(admission.admit(1e15)).toBeUndefined();
  expect(admission.held).toBe(1e15 + 5);
  admission.release(1e15);
  admission.release(10);
  expect(admission.held).toBe(5);
});

test('of several limits the lowest rules; each owner lifts his own', () => {
  const admission = createAdmission(() => 0);
  const [a, b] = [{}, {}];
  admission.limit(a, 100);
  admission.limit(b, 50);
  expect(admission.admit(51)).toEqual({ retryAfterMs: 1000 });
  admission.limit(b, undefined);
  expect(admission.admit(51)).toBeUndefined();
  // What is refused is not held.
  expect(admission.admit(60)).toEqual({ retryAfterMs: 1000 });
  expect(admission.held).toBe(51);
  admission.limit(a, undefined);
  expect(admission.admit(1e9)).toBeUndefined();
});
