/**
 * Which agent and step made a run go wrong. Every turn of the run gets a utility: from a small fitted model of wording, novelty,
 * execution and roles (`blame.fit.json`), or for a run of one agent with tools from a rule, and from what the detectors said of it.
 * A softmax over the turns of one trace makes a ranking of it; its values order candidates and are not probabilities.
 */
import type { Step } from '../../step/step.ts';
import { inEventOrder } from '../../window/tail.ts';
import type { Finding } from '../finding.ts';
import { type Described, describe } from './features.ts';
import { reasonOf, utilities } from './model.ts';
import { type Run, runOf } from './turns.ts';

export interface BlameCandidate {
  readonly agent: string | undefined;
  readonly spanId: string;
  /** 0–1, comparable within one trace only. */
  readonly score: number;
  /** One sentence: what decided for this step. */
  readonly reason: string;
}

export interface Blame {
  readonly traceId: string;
  readonly agent: string | undefined;
  readonly spanId: string;
  /** Best first, at most 5; the first is `agent` and `spanId`. */
  readonly candidates: readonly BlameCandidate[];
}

const MAX_CANDIDATES = 5;
/** Utility of a finding of confidence 1. Turns of one run are .5 to 1.5 apart by the fitted model: HIGH (.8) decides against a prior. */
const FINDING_WEIGHT = 1.5;
/** Below it a finding is not counted. */
const FINDING_FLOOR = 0.4;

/** One answer for every trace of `steps`, whatever their order; sorted by trace id. O(characters of the runs). */
export function blame(steps: readonly Step[], findings: readonly Finding[]): Blame[] {
  const traces = new Map<string, Step[]>();
  for (const step of steps) {
    const same = traces.get(step.traceId);
    if (same) same.push(step);
    else traces.set(step.traceId, [step]);
  }
  const said = new Map<string, Finding[]>();
  for (const finding of findings) {
    const same = said.get(finding.at.traceId);
    if (same) same.push(finding);
    else said.set(finding.at.traceId, [finding]);
  }
  const result: Blame[] = [];
  for (const [traceId, own] of [...traces].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const candidates = candidatesOf(runOf(traceId, own.sort(inEventOrder)), said.get(traceId) ?? []);
    const [first] = candidates;
    if (first) result.push({ traceId, agent: first.agent, spanId: first.spanId, candidates });
  }
  return result;
}

function candidatesOf(run: Run, findings: readonly Finding[]): BlameCandidate[] {
  const rows = describe(run);
  const strongest = strongestFindings(run, rows, findings);
  const base = utilities(run, rows);
  const total = base.map((utility, i) => {
    const finding = strongest.get(i);
    return utility + (finding ? FINDING_WEIGHT * finding.confidence : 0);
  });
  const top = Math.max(...total);
  const sum = total.reduce((all, utility) => all + Math.exp(utility - top), 0);
  return total
    .map((utility, i) => ({ utility, i }))
    .sort((a, b) => b.utility - a.utility || a.i - b.i)
    .slice(0, MAX_CANDIDATES)
    .map(({ utility, i }) => {
      const { turn } = rows[i] as Described;
      const finding = strongest.get(i);
      return {
        agent: turn.agent,
        spanId: turn.step.spanId,
        score: Math.exp(utility - top) / sum,
        reason: finding ? `The detector ${finding.detector} reports here: ${finding.message}.` : reasonOf(run, rows, i),
      };
    });
}

/** By row, the finding with the most confidence. Low severity is housekeeping, not a cause. */
function strongestFindings(run: Run, rows: readonly Described[], findings: readonly Finding[]): Map<number, Finding> {
  const rowAt = new Map(rows.map(({ place }, i) => [place, i]));
  const strongest = new Map<number, Finding>();
  for (const finding of findings) {
    if (finding.severity === 'low' || finding.confidence < FINDING_FLOOR) continue;
    const row = rowAt.get(run.placeOf.get(finding.at.spanId) ?? -1);
    if (row === undefined) continue;
    const held = strongest.get(row);
    if (!held || finding.confidence > held.confidence || (finding.confidence === held.confidence && finding.id < held.id))
      strongest.set(row, finding);
  }
  return strongest;
}

/** The `blame` record of `replay --blame`. */
export function blameRecord({ traceId, agent, spanId, candidates }: Blame, source: string): Readonly<Record<string, unknown>> {
  return {
    kind: 'blame',
    source,
    trace_id: traceId,
    agent: agent ?? null,
    span_id: spanId,
    candidates: candidates.map((one) => ({
      agent: one.agent ?? null,
      span_id: one.spanId,
      score: one.score,
      reason: one.reason,
    })),
  };
}
