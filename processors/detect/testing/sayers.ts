/** Detectors that say each step of a tool by what they are left with under pressure, and one that says nothing. */
import { defineDetector } from '../../../src/detector/detector.ts';
import type { ShippedDetector } from '../../../src/detector/options.ts';
import { embeddingAvailable } from '../../../src/text/embedding.ts';

function sayer(id: string, tier: 1 | 3, says: () => boolean): ShippedDetector {
  const detector = defineDetector({
    meta: {
      id,
      family: 'execution',
      scope: 'trace',
      version: 1,
      stateVersion: 1,
      needs: ['tool.name'],
      summary: 'Says each tool.',
      docs: { what: '', why: '', fix: '', limits: '', sources: [] },
      options: {},
      messages: { seen: { text: 'seen', tier, severity: 'low', impact: 'none', action: 'none', taxonomy: {} } },
    },
    init: () => undefined,
    onStep(state, step, ctx) {
      // After the answer, as if the thread had run out of memory.
      if (step.tool?.name === 'exit') setImmediate(() => process.exit(3));
      if (step.kind === 'tool' && says()) ctx.report('seen', { at: step, key: step.spanId, score: 0.9, data: {} });
      return state;
    },
  });
  return { detector };
}

export const sayers: readonly ShippedDetector[] = [
  sayer('structure', 1, () => true),
  sayer('text', 3, () => true),
  sayer('embeddings', 1, embeddingAvailable),
  sayer('silent', 1, () => false),
];

/** Is never read: nobody embeds anything. */
export const noTable = (): Uint8Array => new Uint8Array(0);
