// Windows under clocks, ids and shapes that are wrong: what is found stays the same, what is kept stays bounded.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dialectKeys } from '../dialects/keys.ts';
import { documentToProtobuf } from '../otlp/json.ts';
import { walkTraces } from '../otlp/traces.ts';
import { defineDetector } from './detector.ts';
import { DetectorHost, type Emission, type HostOptions } from './host.ts';
import { activate } from './options.ts';

/** Counts the calls of each tool in a window: its last word is how many belonged together. */
const counter = defineDetector({
  meta: {
    id: 'counter',
    family: 'execution',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Counts tools.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {},
    messages: {
      counted: { text: "'{{tool}}' ran {{count}} times.", tier: 1, severity: 'low', impact: '', action: '', taxonomy: {} },
    },
  },
  init: () => ({}) as Record<string, number>,
  onStep(state, step, ctx) {
    if (!step.tool) return state;
    const count = (state?.[step.tool.name] ?? 0) + 1;
    ctx.report('counted', { at: step, key: step.tool.name, score: 0.9, data: { tool: step.tool.name, count } });
    return { ...state, [step.tool.name]: count };
  },
});
const { active } = activate([{ detector: counter }], {});

const T0 = 1_700_000_000_000;
/** The last instant of a signed 64-bit count of nanoseconds, and of an unsigned one. */
const YEAR_2262 = '9223372036854775807';
const YEAR_2554 = '18446744073709551615';

interface Call {
  readonly id: number;
  readonly trace?: number;
  readonly parent?: number;
  readonly session?: string;
  readonly start?: string;
  readonly end?: string;
}

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');

function body(calls: readonly Call[]): Uint8Array {
  const spans = calls.map(({ id, trace = 1, parent = 999_999, session, start, end }) => ({
    traceId: hex(trace, 32),
    spanId: hex(id, 16),
    parentSpanId: parent === 0 ? '' : hex(parent, 16),
    name: 'x',
    startTimeUnixNano: start ?? `${T0 + id}000000`,
    endTimeUnixNano: end ?? `${T0 + id + 1}000000`,
    attributes: [
      { key: 'gen_ai.operation.name', value: { stringValue: 'execute_tool' } },
      { key: 'gen_ai.tool.name', value: { stringValue: 'search' } },
      ...(session === undefined ? [] : [{ key: 'gen_ai.conversation.id', value: { stringValue: session } }]),
    ],
  }));
  return documentToProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ scope: { name: 'test' }, spans }] }] }).body;
}

/** A host whose findings are kept by id, the last revision of each. */
function watched(more: Partial<HostOptions> = {}) {
  const host = new DetectorHost({ detectors: active, cooldownMs: 0, ...more });
  const last = new Map<string, Emission>();
  const take = (emissions: readonly Emission[]) => {
    for (const emission of emissions) last.set(emission.finding.id, emission);
  };
  return {
    host,
    send: (calls: readonly Call[], tenant = 'default') => take(host.process(walkTraces(body(calls), dialectKeys), tenant)),
    tick: (nowMs: number) => take(host.tick(nowMs)),
    end: () => take(host.end('shutdown')),
    counts: () =>
      [...last.values()].filter(({ label }) => label === 'fail').map(({ finding }) => [finding.tenant, finding.data['count']]),
    emissions: () => [...last.values()],
  };
}

describe('claim 13: clocks', () => {
  const instant = fc.oneof(
    fc.constantFrom('0', '1', YEAR_2262, YEAR_2554),
    fc.integer({ min: -3_600_000, max: 3_600_000 }).map((ms) => `${T0 + ms}000000`),
  );

  test('spans that end before they start, at 0, in 2262 or an hour off stay in their window', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(instant, instant), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        (times, size) => {
          const one = watched({ now: () => T0, windows: { idleMs: 2 * 3_600_000 } });
          const calls = times.map(([start, end], i) => ({ id: i + 1, start, end }));
          for (let i = 0; i < calls.length; i += size) one.send(calls.slice(i, i + size));
          expect(one.host.openRuns).toBe(1);
          one.end();
          expect(one.counts()).toEqual([['default', calls.length]]);
          expect([one.host.keptBytes, one.host.counts.errors]).toEqual([0, 0]);
        },
      ),
      { seed: 7, numRuns: 200 },
    );
  });

  test('one span of 2262 does not make the rest of the window late', () => {
    let now = T0;
    const one = watched({ now: () => now });
    one.send([{ id: 1 }, { id: 2, start: YEAR_2262, end: YEAR_2262 }]);
    for (let id = 3; id < 100; id++) {
      now = T0 + id;
      one.send([{ id }]);
    }
    expect(one.host.counts.late).toBe(0);
    one.end();
    expect(one.counts()).toEqual([['default', 99]]);
  });

  test('whatever jumps the clock of the host makes, each step is in one window, and all close', () => {
    const jump = fc.integer({ min: -86_400_000, max: 86_400_000 });
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(1_000), jump), { minLength: 1, maxLength: 40 }), (jumps) => {
        let now = T0;
        const one = watched({ now: () => now });
        jumps.forEach((by, i) => {
          now += by;
          one.tick(now);
          one.send([{ id: i + 1 }]);
        });
        one.end();
        const { opened, closed, steps, duplicates } = one.host.counts;
        expect([steps, duplicates, one.host.openRuns, one.host.keptBytes]).toEqual([jumps.length, 0, 0, 0]);
        expect(Object.values(closed).reduce((sum, n) => sum + n, 0)).toBe(opened);
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});

test('claim 24: equal session and trace ids of two tenants stay apart, also where the names would run together', () => {
  const one = watched();
  one.send(
    [
      { id: 1, session: 's' },
      { id: 2, session: 's' },
    ],
    'a',
  );
  one.send([{ id: 1, session: 's' }], 'b');
  one.send([{ id: 3, trace: 2, session: 'b|s' }], 'c');
  one.send([{ id: 4, trace: 3, session: 's' }], 'c|b');
  expect(one.host.openRuns).toBe(4);
  one.end();
  expect(one.counts().sort()).toEqual([
    ['a', 2],
    ['b', 1],
    ['c', 1],
    ['c|b', 1],
  ]);
  expect(new Set(one.emissions().map(({ finding }) => finding.id)).size).toBe(4);
});

test('parents that never come: the window works without them, goes idle and is let go', () => {
  let now = T0;
  const one = watched({ now: () => now });
  for (let id = 1; id <= 500; id++) one.send([{ id, parent: 1_000_000 + id }]);
  expect([one.host.openRuns, one.host.counts.steps]).toEqual([1, 500]);
  now += 299_000;
  one.tick(now);
  expect(one.host.openRuns).toBe(1);
  now += 2_000;
  one.tick(now);
  expect([one.host.openRuns, one.host.keptBytes, one.host.counts.closed.idle]).toEqual([0, 0, 1]);
  expect(one.counts()).toEqual([['default', 500]]);
});

describe('a 10,000-span trace without a session', () => {
  const calls = (n: number) => Array.from({ length: n }, (_, i): Call => ({ id: i + 1, parent: i }));
  test.each([
    ['in order', (list: Call[]) => list],
    ['children first', (list: Call[]) => list.toReversed()],
    ['shuffled', (list: Call[]) => list.map((call, i) => list[(i * 7_919) % list.length] ?? call)],
  ])('%s: what is folded again and kept is bounded by its length, not by its square', (_, order) => {
    const measured = [2_500, 10_000].map((n) => {
      const one = watched({ windows: { maxTail: 1_000 } });
      let kept = 0;
      const list = order(calls(n));
      for (let i = 0; i < n; i += 50) {
        one.send(list.slice(i, i + 50));
        kept = Math.max(kept, one.host.keptBytes);
      }
      const { steps, refolded } = one.host.counts;
      expect(steps).toBe(n);
      one.end();
      expect([one.host.keptBytes, one.counts()]).toEqual([0, [['default', n]]]);
      return { refolded, kept };
    });
    const [small, large] = measured as [{ refolded: number; kept: number }, { refolded: number; kept: number }];
    // 8 steps folded again for each one there is, and for each one kept (`REFOLD_FACTOR`), and the last fold that went over.
    expect(small.refolded).toBeLessThanOrEqual(8 * (2_500 + 1_000) + 2_000);
    expect(large.refolded).toBeLessThanOrEqual(8 * (10_000 + 1_000) + 2_000);
    expect(large.kept).toBeLessThanOrEqual(1.1 * small.kept);
  });
});

describe('a session of 2,500 traces', () => {
  const traces = Array.from({ length: 2_500 }, (_, i) => i + 1);
  const call = (trace: number, nth: number, session?: string): Call => ({
    id: 2 * trace + nth,
    trace,
    ...(session === undefined ? {} : { session }),
  });
  test.each([
    ['named at once', 's'],
    ['named by the last span of each', undefined],
  ])('%s: its window ends at 1,000 of them, each step is in one', (_, first) => {
    const one = watched({ now: () => T0 });
    for (const trace of traces) {
      one.send([call(trace, 0, first)]);
      one.send([call(trace, 1, 's')]);
    }
    expect(one.host.counts.closed.size).toBe(2);
    expect(one.host.openRuns).toBe(1);
    expect(one.host.counts.steps).toBe(5_000);
    one.end();
    const ends = one.emissions().filter(({ label }) => label === 'fail');
    expect(ends.map(({ finding }) => finding.data['count'])).toEqual([1_000]);
  });
});
