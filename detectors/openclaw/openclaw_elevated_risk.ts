/** openclaw_elevated_risk: what it fires on, in one sentence; then what it keeps, and why that is enough. */
import { defineDetector } from '../../src/detector/detector.ts';

interface State {
  count: number;
}

const options = {
  min_count: {
    type: 'integer',
    text: 'Occurrences before it is reported.',
    default: 3,
    min: 1,
    max: 100,
    source: 'Judgement: say where the number comes from.',
  },
} as const;

const messages = {
  found: {
    text: "Tool '{{tool}}' did it {{count}} times.",
    tier: 1,
    severity: 'medium',
    impact: 'Say what it costs if nobody acts.',
    action: 'Say what to do.',
    taxonomy: { mast: [], trail: [], owasp: [], modes: [] },
  },
} as const;

export default defineDetector({
  meta: {
    id: 'openclaw_elevated_risk',
    family: 'openclaw',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds nothing yet.',
    docs: {
      what: 'What it looks at, and when it fires.',
      why: 'Why that is a failure, and how often it happens.',
      fix: 'What helps against it.',
      limits: 'Known false alarms and blind spots.',
      sources: [],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup || step.tool === undefined) return state;
    const next = state ?? { count: 0 };
    // The logic: fold the step into the state, and report.
    if (next.count >= ctx.options.min_count) {
      ctx.report('found', { at: step, key: step.tool.name, score: 0.5, data: { tool: step.tool.name, count: next.count } });
    }
    return next;
  },
});
