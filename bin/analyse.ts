/** A payload that somebody gives, through the shipped detectors: what MCP answers with. */
import type { Analysed } from '../extensions/api/mcp/tool.ts';
import { blame } from '../src/detector/blame/blame.ts';
import { severityScore } from '../src/detector/finding.ts';
import { activate } from '../src/detector/options.ts';
import { provideEmbedding } from '../src/text/embedding.ts';
import { shippedDetectors } from './detectors.ts';
import { tell } from './formats.ts';
import { bodiesOf, payloadsOf, playBodies } from './play.ts';
import { embeddingTable } from './shipped.ts';

/** Throws what the adapter says of a payload that it cannot read. */
export async function analysePayload(payload: unknown, format: string): Promise<Analysed> {
  provideEmbedding(embeddingTable);
  const taken = new Set<string>();
  function* bodies(): Generator<Uint8Array> {
    for (const one of payloadsOf(payload, format, false)) {
      taken.add(format === 'auto' ? tell(one).format : format);
      yield* bodiesOf(one, format, new Map());
    }
  }
  const { findings, coverage, steps, problems, error } = await playBodies(bodies(), activate(shippedDetectors, {}).active);
  if (error !== undefined && steps.length === 0) throw error;
  return {
    format: [...taken].join('.') || format,
    steps: steps.length,
    findings: findings
      .map((one) => ({
        detector: one.detector,
        message: one.message,
        severity: one.severity,
        confidence: one.confidence,
        trace_id: one.at.traceId,
        span_id: one.at.spanId,
        agent: one.agent ?? null,
        explanation: one.explanation,
        action: one.action,
      }))
      .sort((a, b) => severityScore(b.severity) - severityScore(a.severity) || b.confidence - a.confidence),
    blamed: blame(steps, findings).map(({ traceId, spanId, agent, candidates }) => ({
      trace_id: traceId,
      span_id: spanId,
      agent: agent ?? null,
      reason: candidates[0]?.reason ?? '',
    })),
    blind: [
      ...new Set(
        coverage.filter(({ outcome }) => outcome === 'insufficient_data').map(({ detector }) => detector.meta.id as string),
      ),
    ].sort(),
    problems: error === undefined ? problems : [...problems, error instanceof Error ? error.message : String(error)],
  };
}
