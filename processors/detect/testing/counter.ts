/** A detector that speaks at every tool call, with confidence .5. */
import { defineDetector } from '../../../src/detector/detector.ts';

export const counter = defineDetector({
  meta: {
    id: 'counter',
    family: 'execution',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Speaks at calls.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {},
    messages: { called: { text: 'A call.', tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} } },
  },
  init: () => undefined,
  onStep(state, step, ctx) {
    if (step.tool !== undefined) ctx.report('called', { at: step, key: step.spanId, score: 0.5, data: {} });
    return state;
  },
});
