import { describe, expect, it } from 'vitest';
import type { ShippedDetector } from '../../src/detector/options.ts';
import type { Example } from '../examples.ts';
import type { TrailLabel } from '../pack.ts';
import type { Detection } from '../predictions.ts';
import { losses, transfer, transferTable } from './transfer.ts';

const category = 'Formatting Errors';
const fitted = { m: { method: 'platt' as const, findings: { trail: 40 }, right: 1 } };

/** Twenty runs a source with one error each; message `m` says it with a low score, right in the sources named. */
function runs(right: readonly string[]) {
  const labels: Record<string, TrailLabel> = {};
  const said = new Map<string, Detection[]>();
  const examples: Example[] = [];
  for (const source of ['a', 'b']) {
    for (let i = 0; i < 20; i++) {
      const trace = `${source}${i}`;
      const hit = right.includes(source);
      labels[trace] = { split: source, errors: [{ location: 'span', category }] } as unknown as TrailLabel;
      const one = { detector: 'd', message: 'm', confidence: 0.3, score: 0.3 };
      said.set(trace, [{ ...one, spanId: hit ? 'span' : 'other', trail: [category], mast: [] }]);
      examples.push({ ...one, right: hit ? 1 : 0, set: 'trail', source, trace, mayFit: true, share: 1 });
    }
  }
  // Shipped with a fit on both sources: the test must not see it.
  const fit = { provisional: false, points: { m: [[0.3, 0.99]] }, fitted: { messages: fitted, ece_cv: 0 } };
  const shipped = [{ detector: { meta: { id: 'd', family: 'execution', messages: { m: {} } } }, fit }];
  return transfer(labels, { of: (trace) => said.get(trace) ?? [] }, examples, shipped as unknown as ShippedDetector[]);
}

describe('transfer', () => {
  it('fits on the other source only', () => {
    const [toA, toB] = runs(['a']);
    // On b the message is wrong, so a fit on b alone keeps it down; a fit on a alone raises it.
    expect(toA?.fitted.at['at_0.6'].predictions_per_trace).toBe(0);
    expect(toB?.fitted.at['at_0.6'].predictions_per_trace).toBe(1);
    expect(toB?.rules.at['at_0.6'].predictions_per_trace).toBe(0);
  });

  it('compares with the raw scores, whatever shipped', () => {
    const [toA] = runs(['a', 'b']);
    expect(toA?.rules.ece).toBeCloseTo(0.7, 9);
    expect(toA?.fitted.at['at_0.6'].pair_f1).toBe(1);
  });

  it('says where a fit costs', () => {
    const all = runs(['a', 'b']);
    expect(losses(all)).toEqual([]);
    const swapped = all.map((one) => ({ ...one, rules: one.fitted, fitted: one.rules }));
    expect(losses(swapped)).toEqual(['b → a at at_0.6', 'a → b at at_0.6']);
    expect(transferTable(swapped).note).toContain('Below rules alone in pair F1: b → a');
  });
});
