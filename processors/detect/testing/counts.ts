import { defineDetector } from '../../../src/detector/detector.ts';

/** Says when a tool has run `often` times in a session, and at its end how often each has run. */
export const counts = defineDetector({
  meta: {
    id: 'counts',
    family: 'execution',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Counts tools.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: { often: { type: 'integer', text: 't', default: 3, min: 1, max: 9, source: 's' } },
    messages: {
      often: { text: "'{{tool}}' ran {{count}} times.", tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} },
    },
  },
  init: () => ({}) as Record<string, number>,
  onStep(state, step, ctx) {
    const tool = step.tool?.name;
    if (tool === undefined) return state;
    const count = (state?.[tool] ?? 0) + 1;
    if (count >= ctx.options.often) ctx.report('often', { at: step, key: tool, score: 0.9, data: { tool, count } });
    return { ...state, [tool]: count };
  },
});
