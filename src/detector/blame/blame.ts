/**
 * Which agent and step made a run go wrong. Every turn of the run gets a utility: from a small fitted model of wording, novelty,
 * execution and roles (`blame.fit.json`), or for a run of one agent with tools from a rule, and from what the detectors said of it.
 * A softmax over the turns of one trace makes a ranking of it; its values order candidates and are not probabilities.
 */

import type { Step } from '../../step/step.ts';
import { redact } from '../../text/redact.ts';
import { inEventOrder } from '../../window/tail.ts';
import type { Finding } from '../finding.ts';
import { type Described, describeTurns } from './features.ts';
import { type Reason, reasonOf, utilities } from './model.ts';
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
/**
 * Utility of a finding of confidence 1. The best turn of a run leads the second by .7 in the median of the dev runs: a finding decides
 * between close ones. Dev figures do not move up to .5 and fall from .75 on.
 */
const FINDING_WEIGHT = 0.5;
/** Below it (tier LOW) a finding is not counted. */
const FINDING_FLOOR = 0.4;
/** Tier HIGH: the first such finding of high severity goes before whatever comes later and has only its place or role to speak for it. */
const HIGH = 0.8;
const STEP_AHEAD = 0.01;

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
  const rows = describeTurns(run);
  const strongest = strongestFindings(run, rows, findings);
  const total = utilities(run, rows).map((utility, i) => utility + FINDING_WEIGHT * (strongest.get(i)?.confidence ?? 0));
  const reasons = new Map<number, Reason>();
  const reasonAt = (i: number): Reason => {
    const known = reasons.get(i) ?? reasonOf(run, rows, i);
    reasons.set(i, known);
    return known;
  };
  const best = total.indexOf(Math.max(...total));
  const early = rows.findIndex((_, i) => isGrave(strongest.get(i)));
  if (early >= 0 && early < best && !strongest.has(best) && !reasonAt(best).evidence)
    total[early] = (total[best] as number) + STEP_AHEAD;
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
        reason: finding ? `The detector ${finding.detector} reports here: ${finding.message}.` : reasonAt(i).text,
      };
    });
}

function isGrave(finding: Finding | undefined): boolean {
  return finding !== undefined && finding.confidence >= HIGH && finding.severity !== 'medium';
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
    agent: clean(agent),
    span_id: spanId,
    candidates: candidates.map((one) => ({
      agent: clean(one.agent),
      span_id: one.spanId,
      score: one.score,
      reason: redact(one.reason),
    })),
  };
}

function clean(agent: string | undefined): string | null {
  return agent === undefined ? null : redact(agent);
}
