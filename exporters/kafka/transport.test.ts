import { expect, test } from 'vitest';
import { outcomeOf } from './transport.ts';

const answered = (apiId: string) => Object.assign(new Error('answered'), { apiId });

test.each([
  ['MESSAGE_TOO_LARGE', 'oversize'],
  ['RECORD_LIST_TOO_LARGE', 'oversize'],
  ['TOPIC_AUTHORIZATION_FAILED', 'permanent'],
  ['INVALID_TOPIC_EXCEPTION', 'permanent'],
  ['NOT_ENOUGH_REPLICAS', 'retry'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'retry'],
  ['REQUEST_TIMED_OUT', 'retry'],
])('%s: %s, however deep it stands', (apiId, kind) => {
  const wrapped = new AggregateError([new Error('a network'), new AggregateError([answered(apiId)], 'produce failed')], 'failed');
  expect(outcomeOf(wrapped)).toMatchObject({ kind, message: `${apiId}: answered` });
});

test('credentials that the broker does not take are no reason to try again; what nobody knows is', () => {
  expect(outcomeOf(Object.assign(new Error('SASL failed'), { code: 'PLT_KFK_AUTHENTICATION' }))).toMatchObject({
    kind: 'permanent',
    status: 16,
  });
  expect(outcomeOf(new Error('ECONNREFUSED'))).toEqual({ kind: 'retry', message: 'ECONNREFUSED', retryAfterMs: 0 });
  expect(outcomeOf('odd')).toMatchObject({ kind: 'retry', message: 'odd' });
});

test('an error that is its own cause ends', () => {
  const error = new Error('round');
  error.cause = error;
  expect(outcomeOf(error)).toMatchObject({ kind: 'retry', message: 'round' });
});
