import { describe, expect, it } from 'vitest';
import { isEventStream, serverSentEvents } from './sse.ts';

describe('an event stream', () => {
  it.each([
    ['data: {}', true],
    ['event: ping\n\n', true],
    [': comment\n\ndata: 1', true],
    ['\n\nid: 7\ndata: x', true],
    ['{"data": 1}', false],
    ['[{"event": "x"}]', false],
    ['', false],
    ['database: x', false],
  ])('%j: %s', (text, is) => {
    expect(isEventStream(text)).toBe(is);
  });

  it('reads fields, joins data, skips comments, and takes every end of line', () => {
    expect(
      serverSentEvents(
        'event: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\n: note\ndata:plain\nid: 3\nretry: 9\n\nevent: empty\n\ndata: {"y":2}',
      ),
    ).toEqual([
      { event: 'a', data: { x: 1 } },
      { event: undefined, data: 'plain' },
      { event: undefined, data: { y: 2 } },
    ]);
  });
});
