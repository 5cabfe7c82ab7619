import { from, lastValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import type { Step } from '../step/step.ts';
import { defineDetector } from './detector.ts';
import { needMask } from './fold.ts';
import { detect, windowBySession } from './stream.ts';

const longest = defineDetector({
  meta: {
    id: 'longest',
    family: 'execution',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: [],
    summary: 'Counts the steps of a session.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {},
    messages: { many: { text: '{{n}} steps.', tier: 1, severity: 'low', impact: '', action: '', taxonomy: {} } },
  },
  init: () => ({ n: 0 }),
  onStep(state, step, ctx) {
    const n = (state?.n ?? 0) + 1;
    if (n >= 2) ctx.report('many', { at: step, key: 'many', score: 1, data: { n } });
    return { n };
  },
});

const active = {
  detector: longest,
  options: {},
  fit: { provisional: true, points: {} },
  configHash: '',
  needs: needMask(longest),
};

function step(sessionId: string | undefined, spanId: string, startMs: number): Step {
  return {
    tenant: 'default',
    sessionId,
    traceId: `t-${sessionId}`,
    spanId,
    startMs,
    endMs: startMs + 1,
    agent: 'a',
    has: () => true,
  } as unknown as Step;
}

test('windows are sessions, parted by idle time, and come out in event order', async () => {
  const steps = [step('s', '2', 10), step('s', '1', 5), step('other', '3', 6), step('s', '4', 5_000)];
  const windows = await lastValueFrom(from(steps).pipe(windowBySession({ idleMs: 1_000 }), toArray()));
  expect(windows.map(({ key, steps: own }) => [key, own.map(({ spanId }) => spanId)])).toEqual([
    ['session:s', ['1', '2']],
    ['session:other', ['3']],
    ['session:s', ['4']],
  ]);
});

test('findings come once a window, in their last revision', async () => {
  const steps = [step('s', '1', 1), step('s', '2', 2), step('s', '3', 3), step('other', '4', 4)];
  const findings = await lastValueFrom(from(steps).pipe(windowBySession({ idleMs: 1_000 }), detect([active]), toArray()));
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({
    detector: 'longest',
    revision: 1,
    explanation: '3 steps.',
    at: { spanId: '3' },
    sessionId: 's',
  });
});
