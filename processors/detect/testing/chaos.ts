/** Detectors that misbehave where a tool's name asks them to, and one beside them that does not. */
import { type Context, defineDetector, type Messages, type Options } from '../../../src/detector/detector.ts';
import type { ShippedDetector } from '../../../src/detector/options.ts';
import type { Step } from '../../../src/step/step.ts';

type Act = (tool: string) => void;

function detector(id: string, act: Act): ShippedDetector {
  const one = defineDetector({
    meta: {
      id,
      family: 'execution',
      scope: 'session',
      version: 1,
      stateVersion: 1,
      needs: ['tool.name'],
      summary: 'Misbehaves.',
      docs: { what: '', why: '', fix: '', limits: '', sources: [] },
      options: {},
      messages: { called: { text: "'{{tool}}' ran.", tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} } },
    },
    init: () => ({ steps: 0 }),
    onStep(state: { steps: number } | undefined, step: Step, ctx: Context<Options, Messages>) {
      const tool = step.tool?.name;
      if (tool === undefined) return state;
      act(tool);
      const steps = (state?.steps ?? 0) + 1;
      ctx.report('called', { at: step, key: step.spanId, score: 0.9, data: { tool, steps } });
      return { steps };
    },
  });
  return { detector: one };
}

/** Keeps the thread busy: what a regular expression without end does. */
function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export const chaos: readonly ShippedDetector[] = [
  detector('calls', () => undefined),
  detector('throws', (tool) => {
    if (tool === 'throw') throw new Error('asked to');
  }),
  detector('slow', (tool) => {
    if (tool === 'slow') spin(60);
  }),
  detector('never', (tool) => {
    if (tool === 'never') spin(Number.POSITIVE_INFINITY);
  }),
];
