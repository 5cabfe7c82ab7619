/**
 * Which agent and step made a run go wrong. For now a ranking by what the detectors said, and where
 * they said nothing, the last step of an agent that acted: the measured floor of no detector at all.
 */
import type { Step } from '../../step/step.ts';
import { inEventOrder } from '../../window/tail.ts';
import type { Finding } from '../finding.ts';

export interface BlameCandidate {
  readonly agent: string | undefined;
  readonly spanId: string;
  /** 0–1, comparable within one trace only. */
  readonly score: number;
}

export interface Blame {
  readonly traceId: string;
  readonly agent: string | undefined;
  readonly spanId: string;
  /** Best first, at most 5; the first is `agent` and `spanId`. */
  readonly candidates: readonly BlameCandidate[];
}

/** Below any finding that counts (POSSIBLE begins at .40). */
const LAST_STEP_SCORE = 0.2;

export function blame(steps: readonly Step[], findings: readonly Finding[]): Blame[] {
  const traces = new Map<string, Step[]>();
  for (const step of steps) {
    const same = traces.get(step.traceId);
    if (same) same.push(step);
    else traces.set(step.traceId, [step]);
  }
  const result: Blame[] = [];
  for (const [traceId, own] of [...traces].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const candidates = candidatesOf(
      own.sort(inEventOrder),
      findings.filter(({ at }) => at.traceId === traceId),
    );
    const [first] = candidates;
    if (first) result.push({ traceId, agent: first.agent, spanId: first.spanId, candidates });
  }
  return result;
}

function candidatesOf(steps: readonly Step[], findings: readonly Finding[]): BlameCandidate[] {
  const candidates: BlameCandidate[] = [...findings]
    .sort((a, b) => b.confidence - a.confidence || a.atMs - b.atMs)
    .map(({ agent, at, confidence }) => ({ agent, spanId: at.spanId, score: confidence }));
  const acted = steps.filter(({ rollup, kind }) => !rollup && (kind === 'llm' || kind === 'tool' || kind === 'agent'));
  const last = acted[acted.length - 1] ?? steps[steps.length - 1];
  if (last) candidates.push({ agent: last.agent, spanId: last.spanId, score: LAST_STEP_SCORE });
  const seen = new Set<string>();
  return candidates.filter(({ spanId }) => !seen.has(spanId) && seen.add(spanId)).slice(0, 5);
}

/** The `blame` record of `replay --blame`. */
export function blameRecord({ traceId, agent, spanId, candidates }: Blame, source: string): Readonly<Record<string, unknown>> {
  return {
    kind: 'blame',
    source,
    trace_id: traceId,
    agent: agent ?? null,
    span_id: spanId,
    candidates: candidates.map((one) => ({ agent: one.agent ?? null, span_id: one.spanId, score: one.score })),
  };
}
