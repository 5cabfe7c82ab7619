import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Step } from '../step/step.ts';
import { inEventOrder, insertOrdered } from '../window/tail.ts';
import { defineDetector } from './detector.ts';
import { Fold, needMask } from './fold.ts';

/** Says every third step of a window, and takes it back when an agent called `clear` acts. */
const thirds = defineDetector({
  meta: {
    id: 'thirds',
    family: 'execution',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Counts steps.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {},
    messages: { third: { text: 'Step {{n}}.', tier: 1, severity: 'low', impact: '', action: '', taxonomy: {} } },
  },
  init: () => ({ seen: [] as string[] }),
  onStep(state, step, ctx) {
    if (step.name === 'throw') throw new Error('asked to');
    const seen = [...(state?.seen ?? []), step.spanId];
    if (step.name === 'clear') ctx.withdraw('third', '3');
    else if (seen.length % 3 === 0) {
      ctx.report('third', { at: step, key: String(seen.length), score: 0.9, data: { n: seen.length, order: seen.join(',') } });
    }
    return { seen };
  },
  onEnd(state, reason, ctx) {
    if (state && reason === 'root')
      ctx.report('third', { at: { traceId: 't', spanId: 'end' }, key: 'end', score: 0.1, data: { n: 0 } });
  },
});

function step(spanId: string, endMs: number, name = 'x', traceId = 't'): Step {
  return {
    traceId,
    spanId,
    endMs,
    name,
    agent: undefined,
    has: (fact: string) => fact === 'tool.name',
  } as unknown as Step;
}

function foldOf(errors: unknown[] = []): Fold {
  const active = [
    { detector: thirds, options: {}, fit: { provisional: true, points: {} }, configHash: '', needs: needMask(thirds) },
  ];
  return new Fold(active, { tenant: 'default', key: 'trace:t', sessionId: undefined }, () => undefined, {
    onError: (_detector, _window, error) => errors.push(error),
    onRefold: () => undefined,
  });
}

const said = (fold: Fold): unknown[] =>
  [...fold.findings.values()].map(({ id, revision, data, explanation }) => ({ id, revision, data, explanation }));

describe('folding', () => {
  test('claim 17: agents without end in one session share a window beyond the thousandth', () => {
    const perAgent = { ...thirds, meta: { ...thirds.meta, scope: 'agent' as const } };
    const active = [
      { detector: perAgent, options: {}, fit: { provisional: true, points: {} }, configHash: '', needs: needMask(thirds) },
    ];
    const fold = new Fold(active, { tenant: 'default', key: 'session:s', sessionId: 's' }, () => undefined, {
      onError: () => undefined,
      onRefold: () => undefined,
    });
    const rows = Array.from({ length: 5_000 }, (_, i) => ({ ...step(`${i}`, i), agent: `agent ${i}` }) as Step);
    fold.run(rows, 0);
    expect(fold.windows.size).toBe(1_001);
    const shared = fold.windows.get('session:s|agent:');
    expect(shared?.steps).toBe(4_000);
    fold.run([...rows, { ...step('again', 5_001), agent: 'agent 7' } as Step], rows.length);
    expect(fold.windows.get('session:s|agent:agent 7')?.steps).toBe(2);
  });

  test('the windows of a trace and of a run that is that trace are two', () => {
    const perSession = { ...thirds, meta: { ...thirds.meta, id: 'session_thirds', scope: 'session' as const } };
    const both = [thirds, perSession].map((detector) => ({
      detector,
      options: {},
      fit: { provisional: true, points: {} },
      configHash: '',
      needs: needMask(detector),
    }));
    const fold = new Fold(both, { tenant: 'default', key: 'trace:t', sessionId: undefined }, () => undefined, {
      onError: () => undefined,
      onRefold: () => undefined,
    });
    fold.run([step('a', 1), step('b', 2), step('c', 3)], 0);
    expect([...fold.findings.values()].map(({ detector, revision }) => [detector, revision])).toEqual([
      ['thirds', 0],
      ['session_thirds', 0],
    ]);
  });

  test('the findings do not depend on the order or the batching in which steps come', () => {
    const arrivals = fc.array(fc.record({ endMs: fc.integer({ min: 0, max: 300 }), pick: fc.nat(1_000), cut: fc.boolean() }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(arrivals, (list) => {
        const steps = list.map(({ endMs }, i) => step(`s${i}`, endMs, i % 37 === 5 ? 'clear' : 'x'));
        const reference = foldOf();
        reference.run([...steps].sort(inEventOrder), 0);

        const shuffled = steps.map((one, i) => ({ one, by: list[i]?.pick ?? 0, cut: list[i]?.cut })).sort((a, b) => a.by - b.by);
        const fold = foldOf();
        const rows: Step[] = [];
        let dirty = 0;
        for (const { one, cut } of shuffled) {
          dirty = Math.min(dirty, insertOrdered(rows, one));
          if (!cut) continue;
          fold.run(rows, dirty);
          dirty = rows.length;
        }
        fold.run(rows, dirty);
        expect(said(fold)).toEqual(said(reference));
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  test('releasing final rows leaves the states, and later steps fold on', () => {
    const all = Array.from({ length: 300 }, (_, i) => step(`s${i}`, i));
    const reference = foldOf();
    reference.run(all, 0);
    const fold = foldOf();
    const rows = all.slice(0, 200);
    fold.run(rows, 0);
    const gone = fold.release(150);
    expect(gone).toBe(128);
    rows.splice(0, gone);
    let dirty = rows.length;
    for (const one of all.slice(200)) dirty = Math.min(dirty, insertOrdered(rows, one));
    fold.run(rows, dirty);
    expect(said(fold)).toEqual(said(reference));
    expect(fold.release(rows.length)).toBe(rows.length);
  });

  test('a detector that throws is off for that window alone, and stays off when it is folded again', () => {
    const errors: unknown[] = [];
    const fold = foldOf(errors);
    const rows = [
      step('a', 1, 'throw'),
      step('b', 2),
      step('c', 3, 'x', 'other'),
      step('d', 4, 'x', 'other'),
      step('e', 5, 'x', 'other'),
    ];
    fold.run(rows, 0);
    fold.run(rows, 0);
    expect(errors).toHaveLength(1);
    expect(said(fold)).toHaveLength(1);
    expect([...fold.windows.values()].map((window) => fold.whyOff(window, 0))).toEqual(['failed', undefined]);
  });

  test('a finding that grows keeps its id and counts its revisions; one that is withdrawn is gone', () => {
    const fold = foldOf();
    const rows = [step('a', 1), step('b', 2), step('c', 3)];
    fold.run(rows, 0);
    const [first] = [...fold.findings.values()];
    expect(first).toMatchObject({ revision: 0, explanation: 'Step 3.', confidence: 0.9 });
    rows.push(step('d', 4, 'clear'));
    fold.run(rows, 3);
    expect(fold.findings.size).toBe(0);
  });

  test('the end of a window may report', () => {
    const fold = foldOf();
    fold.run([step('a', 1)], 0);
    fold.end('root', 9);
    expect([...fold.findings.values()][0]).toMatchObject({ at: { spanId: 'end' }, atMs: 9 });
  });
});
