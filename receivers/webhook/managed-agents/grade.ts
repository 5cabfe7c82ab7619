/**
 * The verdict on how a session went about its work, in the words in which Claude Managed Agents tells that on what came of it
 * (`span.outcome_evaluation_end`): result, explanation, iteration. The rubric is not read: it is about the artifact.
 */
import { blame } from '../../../src/detector/blame/blame.ts';
import { confidenceTier } from '../../../src/detector/calibration.ts';
import type { Finding } from '../../../src/detector/finding.ts';
import type { Played } from '../../../src/detector/play.ts';
import { member } from '../../../src/dialects/json.ts';
import { printable } from '../../../src/text/printable.ts';
import { redact } from '../../../src/text/redact.ts';
import { PayloadError, word } from '../payload.ts';
import { isThin, listed } from './managed-agents.ts';
import { format } from './threads.ts';

/** The API's default and most. */
const MAX_ITERATIONS = 3;
const MOST_ITERATIONS = 20;
/** In one answer; the explanation tells of the first. */
const MAX_FINDINGS = 100;
const MAX_TOLD = 5;
const MAX_TEXT = 1_000;
/** Families of detectors that look at other frameworks: that they see nothing here is no news. */
const OTHERS: readonly string[] = ['n8n', 'dify', 'langgraph', 'openclaw'];

export interface Asked {
  readonly session: string;
  /** From 0, as in the API. */
  readonly iteration: number;
  /** Evaluations before the harness gives up. */
  readonly maxIterations: number;
  /** What the harness said of the artifact last. */
  readonly outcome: { readonly result: string; readonly iteration: number | null } | null;
  /** The user broke in, and nothing was done since. */
  readonly interrupted: boolean;
}

/** What the grade is asked about: a list of events as the adapter takes it, and beside it maybe `iteration` and `max_iterations`. */
export function asked(payload: unknown): Asked {
  if (isThin(payload))
    throw new PayloadError(format, 'the body', payload, 'the events of a session; a webhook names one and holds none');
  const { session, events } = listed(payload);
  let iteration: number | undefined;
  let maxIterations: number | undefined;
  let outcome: Asked['outcome'] = null;
  let interrupted = false;
  for (const event of events) {
    const type = word(member(event, 'type')) ?? '';
    if (type.startsWith('span.outcome_evaluation_')) {
      const seen = whole(member(event, 'iteration'), 0, Number.MAX_SAFE_INTEGER);
      iteration = seen ?? iteration;
      const result = word(member(event, 'result'))?.slice(0, 100);
      if (result !== undefined) outcome = { result, iteration: seen ?? null };
    } else if (type === 'user.define_outcome') {
      // Another outcome counts from the beginning.
      iteration = undefined;
      maxIterations = whole(member(event, 'max_iterations'), 1, MOST_ITERATIONS);
    }
    if (type === 'user.interrupt') interrupted = true;
    else if (/^(?:agent|user)\./.test(type)) interrupted = false;
  }
  return {
    session,
    iteration: given(payload, 'iteration', 0, MOST_ITERATIONS) ?? iteration ?? 0,
    maxIterations: given(payload, 'max_iterations', 1, MOST_ITERATIONS) ?? maxIterations ?? MAX_ITERATIONS,
    outcome,
    interrupted,
  };
}

export function grade({ session, iteration, maxIterations, outcome, interrupted }: Asked, played: Played): object {
  const { steps, coverage, problems } = played;
  const findings = played.findings.filter(({ confidence }) => ['HIGH', 'LIKELY'].includes(confidenceTier(confidence)));
  const names = new Map(steps.map((step) => [step.spanId, step.name]));
  const nameOf = (spanId: string) => text(names.get(spanId) ?? 'a step');
  const root = steps.find(({ parentId }) => parentId === '');
  const ended = root !== undefined && (root.outcome === 'error' || root.outcome === 'blocked') ? root : undefined;
  const looked = steps.some((step) => step !== root);
  const failed = findings.length > 0 || ended !== undefined;
  const result = failed
    ? iteration + 1 >= maxIterations
      ? 'max_iterations_reached'
      : 'needs_revision'
    : interrupted
      ? 'interrupted'
      : looked
        ? 'satisfied'
        : 'failed';
  const blind = coverage.filter(
    ({ detector, outcome }) => outcome !== 'pass' && outcome !== 'fail' && !OTHERS.includes(detector.meta.family),
  );
  const [first] = blame(steps, findings);
  return {
    result,
    explanation: failed
      ? [
          ...(ended === undefined ? [] : [text(ended.error?.message ?? 'The session ended with an error.')]),
          ...told(findings, nameOf),
        ].join(' ')
      : interrupted
        ? 'The user broke in. Nothing was found in what was done until then.'
        : looked
          ? `Nothing was found in ${steps.length} steps. What came of them is not judged.`
          : 'There is no step of an agent in these events, so there is nothing to judge.',
    iteration,
    max_iterations: maxIterations,
    session_id: redact(session),
    trace_id: steps[0]?.traceId ?? null,
    outcome,
    first_wrong_step:
      !failed || first === undefined
        ? null
        : { span_id: first.spanId, step: nameOf(first.spanId), reason: text(first.candidates[0]?.reason ?? '') },
    findings: findings.slice(0, MAX_FINDINGS).map((one) => record(one, nameOf)),
    not_evaluable: [...new Set(blind.map(({ detector }) => detector.meta.id))].sort(),
    hints: problems.length === 0 ? [] : ['Detectors failed on these events; see the log of misstep.'],
  };
}

/** The surest first. */
function told(findings: readonly Finding[], nameOf: (spanId: string) => string): readonly string[] {
  const sorted = findings.toSorted((a, b) => b.confidence - a.confidence);
  const said = sorted
    .slice(0, MAX_TOLD)
    .map((one) => `${one.detector} at ${nameOf(one.at.spanId)}: ${text(one.explanation)} ${one.action}`);
  return sorted.length > MAX_TOLD ? [...said, `And ${sorted.length - MAX_TOLD} more.`] : said;
}

function record(one: Finding, nameOf: (spanId: string) => string): object {
  return {
    detector: one.detector,
    severity: one.severity,
    confidence: one.confidence,
    confidence_tier: confidenceTier(one.confidence),
    explanation: text(one.explanation),
    suggested_action: one.action,
    agent: one.agent === undefined ? null : text(one.agent),
    step: nameOf(one.at.spanId),
    span_id: one.at.spanId,
  };
}

function text(given: string): string {
  return printable(redact(given)).slice(0, MAX_TEXT);
}

function whole(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}

function given(payload: unknown, key: string, least: number, most: number): number | undefined {
  const value = member(payload, key);
  const found = whole(value, least, most);
  if (value !== undefined && found === undefined)
    throw new PayloadError(format, key, value, `a whole number from ${least} to ${most}`);
  return found;
}
