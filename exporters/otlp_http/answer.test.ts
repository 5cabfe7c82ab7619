import { describe, expect, test } from 'vitest';
import { retryAfterMs } from '../../src/component/retry.ts';
import { writeResponse, writeStatus } from '../../src/otlp/requests.ts';
import { type Answer, outcomeOf } from './answer.ts';

const now = Date.UTC(2026, 10, 24, 12, 0, 0);
const answer = (status: number, more: Partial<Answer> = {}): Answer => ({
  status,
  contentType: undefined,
  retryAfter: undefined,
  body: new Uint8Array(0),
  ...more,
});
const protobuf = 'application/x-protobuf';

describe('outcomeOf', () => {
  test.each([429, 502, 503, 504])('%i may be tried again', (status) => {
    expect(outcomeOf('traces', answer(status), now).kind).toBe('retry');
  });

  test.each([301, 302, 307, 400, 401, 403, 404, 405, 408, 415, 422, 500, 501, 505])('%i is final', (status) => {
    expect(outcomeOf('traces', answer(status), now).kind).toBe('permanent');
  });

  test('413 says that the request is too large', () => {
    expect(outcomeOf('traces', answer(413), now).kind).toBe('oversize');
  });

  test('partial success is read in both encodings', () => {
    const partial = { rejected: 3, message: 'too old' };
    const sent = { kind: 'sent', ...partial };
    expect(outcomeOf('traces', answer(200, { contentType: protobuf, body: writeResponse('traces', partial) }), now)).toEqual(
      sent,
    );
    const body = Buffer.from('{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}');
    expect(outcomeOf('traces', answer(200, { contentType: 'application/json; charset=utf-8', body }), now)).toEqual(sent);
  });

  test.each(['application/json', protobuf, undefined])('a body that cannot be read does not undo a 200 (%s)', (contentType) => {
    const body = Buffer.from('{<not>');
    expect(outcomeOf('logs', answer(200, { contentType, body }), now)).toEqual({ kind: 'sent', rejected: 0, message: '' });
  });

  test('says what the backend said', () => {
    const body = writeStatus(3, 'span without a name');
    expect(outcomeOf('traces', answer(400, { contentType: protobuf, body }), now)).toEqual({
      kind: 'permanent',
      message: 'HTTP 400: span without a name',
      status: 3,
    });
  });

  test('RetryInfo counts as Retry-After does; the longer wait stands', () => {
    const body = writeStatus(14, 'busy', 2_500);
    const outcome = outcomeOf('traces', answer(503, { contentType: protobuf, retryAfter: '1', body }), now);
    expect(outcome).toMatchObject({ kind: 'retry', retryAfterMs: 2_500 });
  });
});

test.each([
  [undefined, 0],
  ['7', 7_000],
  ['0', 0],
  ['-3', 0],
  ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
  ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
  ['soon', 0],
  ['999999999', 3_600_000],
])('Retry-After %s', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms);
});
