import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { testHost, tracesOf } from '../../src/component/testing.ts';
import { type Attributes, Double, type NewSpan, writeLogs, writeTraces } from '../../src/otlp/write.ts';
import { createDebug } from './debug.ts';
import { render } from './render.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

const finding: Attributes = {
  'gen_ai.evaluation.name': 'loop',
  'gen_ai.evaluation.score.value': new Double(0.9),
  'gen_ai.evaluation.score.label': 'fail',
  'gen_ai.evaluation.explanation': "Tool 'search' ran 4 times with the same arguments.",
  'gen_ai.agent.name': 'researcher',
  'misstep.detection.severity': 'high',
  'misstep.detection.target.trace_id': traceId,
  'misstep.detection.target.span_id': spanId,
};

function traces(changes: Partial<NewSpan>): Batch {
  const span: NewSpan = {
    traceId,
    spanId,
    parentId: '',
    traceState: '',
    flags: 0,
    name: 'execute_tool search',
    kind: 1,
    startNs: 1_700_000_000_000_000_000n,
    endNs: 1_700_000_000_001_500_000n,
    attributes: { 'gen_ai.tool.name': 'search' },
    events: [],
    links: [],
    ...changes,
  };
  const body = writeTraces([{ resource: { 'service.name': 'demo' }, scope: { name: 'sdk', version: '1' }, spans: [span] }]);
  return { signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant: 'default' };
}

const event = { timeNs: 1n, name: 'gen_ai.evaluation.result', attributes: finding };
const line = `  HIGH      loop  agent researcher  Tool 'search' ran 4 times with the same arguments.  trace ${traceId} span ${spanId}`;

describe('render', () => {
  test('basic: one line a batch, one a finding', () => {
    expect(render(tracesOf(['a', 'b']), 'basic', false)).toMatch(/^traces: 2 spans, \d+ bytes\n$/);
    expect(
      render(traces({ events: [event] }), 'basic', false)
        .split('\n')
        .slice(1),
    ).toEqual([line, '']);
  });

  test('a finding is also seen in logs', () => {
    const record = { timeNs: 1n, observedNs: 1n, severityNumber: 17, severityText: 'ERROR', body: 'x', traceId, spanId };
    const records = [{ ...record, attributes: finding, eventName: 'gen_ai.evaluation.result' }];
    const body = writeLogs([{ resource: {}, scope: { name: 'misstep', version: '1' }, records }]);
    const batch: Batch = { signal: 'logs', chunks: [body], bytes: body.length, items: 1, tenant: 'default' };
    expect(render(batch, 'basic', false).split('\n')[1]).toBe(line);
  });

  test('colour stands around the severity only, and only when wanted', () => {
    const coloured = render(traces({ events: [event] }), 'basic', true);
    expect(coloured).toContain('\x1b[31mHIGH    \x1b[0m  loop');
  });

  test('normal shows spans, detailed also attributes', () => {
    const normal = render(traces({}), 'normal', false).split('\n');
    expect(normal[1]).toBe(`  execute_tool search  internal  1.5 ms  trace ${traceId} span ${spanId}`);
    expect(normal).toHaveLength(3);
    expect(render(traces({}), 'detailed', false)).toContain(
      '\n      gen_ai.tool.name: search\n      resource\n        service.name: demo\n',
    );
  });

  test('payload cannot drive the terminal', () => {
    const evil = '\x1b]0;owned\x07\r\nnext';
    const text = render(traces({ name: evil, attributes: { [evil]: evil } }), 'detailed', false);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    expect(text).toContain('\\u001b]0;owned\\u0007\\u000d\\u000anext');
  });

  test('bytes that are no request are said, not thrown', () => {
    const batch = { ...tracesOf(['a']), chunks: [Uint8Array.of(0x0a, 0xff)] };
    expect(render(batch, 'normal', false)).toContain('cannot be shown');
  });
});

/** As process.stdout without a reader: a write fails, the error comes a tick later, and then it calls itself writable again. */
class Closed extends EventEmitter {
  writable = true;
  writes = 0;
  write(): boolean {
    this.writes++;
    this.writable = false;
    process.nextTick(() => {
      this.writable = true;
      this.emit('error', new Error('EPIPE'));
    });
    return false;
  }
}

describe('debug', () => {
  test('waits for a reader that is slow, and counts', async () => {
    const output = new PassThrough({ highWaterMark: 10 });
    const host = testHost();
    const debug = createDebug('debug', { verbosity: 'basic' }, output, false);
    await debug.start(host);
    const first = debug.consume(tracesOf(['a']));
    const second = debug.consume(tracesOf(['b']));
    expect(first).toBeInstanceOf(Promise);
    let text = '';
    output.on('data', (chunk) => {
      text += chunk;
    });
    await first;
    await second;
    expect(text.match(/traces: 1 spans/g)).toHaveLength(2);
    expect([host.books.sent, host.difference()]).toEqual([2, 0]);
  });

  test('what a closed standard output does not take is dropped and counted, refused to nobody, said once', async () => {
    const host = testHost();
    const output = new Closed();
    const debug = createDebug('debug', { verbosity: 'basic' }, output, false);
    await debug.start(host);
    for (let i = 0; i < 3; i++) {
      await debug.consume(tracesOf(['a']));
      await setImmediate();
    }
    expect(output.writes).toBe(1);
    expect([host.books.sent, host.books.dropped, host.difference()]).toEqual([0, { output_closed: 3 }, 0]);
    expect(host.statuses_.at(-1)).toMatchObject({ state: 'degraded' });
  });

  test('a write that fails while misstep stops is looked after', async () => {
    const debug = createDebug('debug', { verbosity: 'basic' }, new Closed(), false);
    await debug.start(testHost());
    debug.consume(tracesOf(['a']));
    await debug.shutdown(AbortSignal.timeout(1_000));
    await setImmediate();
  });

  test('a reader that went away does not hold the pipeline', async () => {
    const output = new PassThrough({ highWaterMark: 10 });
    const host = testHost();
    const debug = createDebug('debug', { verbosity: 'basic' }, output, false);
    await debug.start(host);
    const waiting = debug.consume(tracesOf(['a']));
    output.destroy();
    await waiting;
    await debug.consume(tracesOf(['b']));
    expect([host.books.dropped, host.difference()]).toEqual([{ output_closed: 1 }, 0]);
  });
});
