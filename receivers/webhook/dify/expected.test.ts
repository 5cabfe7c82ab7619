// Every published example of Dify's API against the counts taken from it.
import { describe, expect, it } from 'vitest';
import { ErrorReply } from '../payload.ts';
import { expectedOf, sampleNames, samplesExpected, sampleText } from '../samples.ts';
import { serverSentEvents } from '../sse.ts';
import { stepsOf } from '../testing.ts';
import { dify, hints } from './dify.ts';

interface Expected {
  readonly events: Readonly<Record<string, number>>;
  readonly final_status: readonly string[];
  readonly frames: number;
  readonly run_ids: readonly string[];
  readonly total_tokens: readonly number[];
}

interface Total {
  readonly frames: number;
  readonly events: Readonly<Record<string, number>>;
}

/** The documentation writes several frames on one line; the wire does not. */
const frames = (text: string) => serverSentEvents(text.replaceAll(' data: {', '\n\ndata: {'));

const names = sampleNames('dify');

describe.runIf(samplesExpected)('examples of the documentation', () => {
  it.each(names.filter((name) => name.endsWith('.sse.txt')))('%s', (name) => {
    const payload = frames(sampleText('dify', name));
    const roots = dify(payload).map((document) => stepsOf([document])[0]!.extra);
    const total = roots.map((extra) => extra['run.total'] as Total);
    const events: Record<string, number> = {};
    for (const one of total)
      for (const [event, count] of Object.entries(one.events)) events[event] = (events[event] ?? 0) + count;
    // A run that waits has no final status.
    const ended = roots.filter((extra) => extra['run.status'] !== undefined && extra['run.status'] !== 'paused');
    expect({
      events,
      frames: total.reduce((sum, one) => sum + one.frames, 0),
      final_status: ended.map((extra) => extra['run.status']),
      run_ids: roots.flatMap((extra) => (extra['run.ids'] as { run?: string }).run ?? []),
      total_tokens: roots.flatMap((extra) => extra['run.tokens'] ?? []),
    }).toEqual(expectedOf<Expected>('dify', name));
  });

  it.each(names.filter((name) => /_4\d\d_/.test(name)))('%s is an error reply, and the answer says which', (name) => {
    const reply = JSON.parse(sampleText('dify', name)) as { code: string; message: string };
    expect(() => dify(reply)).toThrow(ErrorReply);
    expect(() => dify(reply)).toThrow(`${reply.code}: ${reply.message}`);
  });

  it.each(names.filter((name) => /_200_\w+\.json$/.test(name)))(
    '%s is a run without nodes, and hints say what shows more',
    (name) => {
      const payload = JSON.parse(sampleText('dify', name)) as unknown;
      const [root, ...rest] = stepsOf(dify(payload));
      expect(rest).toEqual([]);
      expect(root).toMatchObject({ outcome: 'ok', traceId: 'fb47b2e65e434f90be01d5c5a088d156' });
      expect(root!.extra).toMatchObject({ 'run.status': 'succeeded', 'run.tokens': 150, 'run.total': { steps: 3 } });
      expect(root!.endMs - root!.startMs).toBe(1000);
      expect(hints(payload)).toHaveLength(1);
    },
  );

  it('each file is one of these', () => {
    expect(names.filter((name) => !/\.sse\.txt$|_200_\w+\.json$|_4\d\d_\w+\.json$/.test(name))).toEqual([]);
  });
});
