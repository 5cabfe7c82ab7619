// A detector of one's own: tools that change something, called at night, when nobody is there to stop them.
import { defineDetector } from 'misstep';

export default defineDetector({
  meta: {
    id: 'night_shift',
    family: 'behavior',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds tools that change something, called at night.',
    docs: {
      what: 'Calls of tools whose name begins with write, delete or send, between the hours of the options.',
      why: 'Nobody is there who would notice.',
      fix: 'Let the agent ask, or let it wait until the morning.',
      limits: 'It knows hours of UTC only, and names of tools.',
      sources: ['The shifts of the team.'],
    },
    options: {
      from: {
        type: 'integer',
        text: 'Hour of UTC at which the night begins.',
        default: 22,
        min: 0,
        max: 23,
        source: 'The last shift ends then.',
      },
      to: {
        type: 'integer',
        text: 'Hour of UTC at which it ends.',
        default: 5,
        min: 0,
        max: 23,
        source: 'The first shift begins then.',
      },
    },
    messages: {
      changed: {
        text: "Tool '{{tool}}' ran at {{hour}} o'clock, {{count}} times this night.",
        tier: 1,
        severity: 'medium',
        impact: 'What was changed is seen in the morning.',
        action: 'Look at what was changed.',
        taxonomy: { modes: ['unattended change'] },
      },
    },
  },
  init: () => undefined,
  onStep(state, step, { options, report }) {
    const { tool } = step;
    if (tool === undefined || !/^(write|delete|send)/.test(tool.name)) return state;
    const hour = new Date(step.endMs).getUTCHours();
    const { from, to } = options;
    const night = from <= to ? hour >= from && hour < to : hour >= from || hour < to;
    if (!night) return state;
    const count = (state?.count ?? 0) + 1;
    const first = state?.first ?? { traceId: step.traceId, spanId: step.spanId };
    report('changed', { at: first, key: tool.name, evidence: [step], score: 0.7, data: { tool: tool.name, hour, count } });
    return { count, first };
  },
});
