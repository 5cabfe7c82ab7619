import { expect, test } from 'vitest';
import { agent, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { foldLedger, type Ledger, replyOf } from './coordination-ledger.ts';

const said = (name: string, output: string) => toSteps([agent(name, { output })])[0] as Step;
const ledgerOf = (progress: unknown, satisfied: unknown = false) =>
  said('planner', `Ledger: ${JSON.stringify({ is_request_satisfied: satisfied, is_progress_being_made: progress })}`);

test.each([
  ['progress', true, false],
  ['no progress', false, true],
  ['no progress, with a reason', { reason: 'r', answer: false }, true],
])('%s', (_, progress, stalled) => {
  expect(foldLedger(null, ledgerOf(progress))?.ledger).toMatchObject({ planner: 'planner', stalled: stalled ? {} : null });
});

test.each([
  ['other words', said('planner', 'We go on.')],
  ['no JSON', said('planner', 'is_progress_being_made: perhaps')],
  ['an answer that is no yes or no', ledgerOf('perhaps')],
])('%s is no ledger', (_, step) => {
  expect(foldLedger(null, step)).toBeUndefined();
});

test('replies after a stall are known by the report, until the request is satisfied', () => {
  const { ledger } = foldLedger(null, ledgerOf(false)) as { ledger: Ledger };
  const reply = said('coder', 'I tried again.');
  expect(replyOf(ledger, reply)).toMatchObject({ agent: 'coder', key: reply.spanId });
  expect(replyOf(ledger, said('planner', 'Hm.'))).toBeUndefined();
  expect(replyOf(ledger, said('User', 'Thanks.'))).toBeUndefined();
  expect(replyOf(ledger, said('coder', ''))).toBeUndefined();
  expect(foldLedger(ledger, ledgerOf(true, true))?.satisfied).toEqual([reply.spanId]);
  expect(foldLedger(ledger, ledgerOf(true, false))?.satisfied).toEqual([]);
});

test('before a stall nobody is told of', () => {
  const { ledger } = foldLedger(null, ledgerOf(true)) as { ledger: Ledger };
  expect(replyOf(ledger, said('coder', 'Done.'))).toBeUndefined();
});
