/** Log records of findings, as the `detections` connector writes them. */
import type { Batch } from '../../batch/batch.ts';
import type { Value } from '../../otlp/span.ts';
import { type Attributes, Double, writeLogs } from '../../otlp/write.ts';
import { findingLog } from '../emit.ts';

export const traceId = '0af7651916cd43dd8448eb211c80319c';
export const spanId = 'b7ad6b7169203331';
/** Unix ms of all of them. */
export const timeMs = 1_764_158_400_000;

/** 32 hex digits. */
export function detectionId(n: number): string {
  return n.toString(16).padStart(32, '0');
}

/** One record for each of `changes`; each is a finding `loop` with its place in the list for its number, but for what is changed. */
export function loggedBatch(changes: readonly Attributes[], resource: Attributes = { 'service.name': 'demo' }): Batch {
  const timeNs = BigInt(timeMs) * 1_000_000n;
  const records = changes.map((changed, i) => {
    const attributes: Record<string, Value | Double> = {
      'gen_ai.evaluation.name': 'loop',
      'gen_ai.evaluation.score.value': new Double(0.9),
      'gen_ai.evaluation.score.label': 'fail',
      'gen_ai.evaluation.explanation': 'again and again',
      'gen_ai.agent.name': 'researcher',
      'misstep.detection.id': detectionId(i + 1),
      'misstep.detection.revision': 0,
      'misstep.detection.category': 'execution',
      'misstep.detection.severity': 'high',
      'misstep.detection.confidence.tier': 'HIGH',
      'misstep.detection.message': 'repeated',
      'misstep.detection.target.trace_id': traceId,
      'misstep.detection.target.span_id': spanId,
      'misstep.detector.version': 1,
      ...changed,
    };
    const log = findingLog(new Map(Object.entries(attributes)) as ReadonlyMap<string, Value>, timeNs, timeNs);
    return { ...log, attributes };
  });
  const body = writeLogs([{ resource, scope: { name: 'misstep', version: '1' }, records }]);
  return { signal: 'logs', chunks: [body], bytes: body.length, items: records.length, tenant: 'default' };
}
