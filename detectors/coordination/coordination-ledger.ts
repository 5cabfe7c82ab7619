/**
 * coordination, ledgers: a planner that writes down after each reply whether the request is satisfied and whether progress is made, as orchestrators
 * of the Magentic kind do (AutoGen, Microsoft Agent Framework, Semantic Kernel). What the planner itself reports is held against what its agents do next.
 */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';
import { parseObject } from '../../src/text/json.ts';

export interface Ledger {
  readonly planner: string;
  /** The first ledger that reported no progress. */
  stalled: SpanRef | null;
  /** Keys of the replies that no ledger has judged yet. */
  open: string[];
}

/** A reply after the planner had reported no progress; `from` is that report. */
export interface Reply {
  readonly key: string;
  readonly agent: string;
  readonly from: SpanRef;
}

const MAX_OPEN = 8;
/** People answer when asked; they are not the planner's to move. */
const people = ['human', 'user'];

/** Reads a ledger; `undefined` if the step holds none. `satisfied`: replies that it takes for the answer. */
export function foldLedger(
  ledger: Ledger | null,
  step: Step,
): { readonly ledger: Ledger; readonly satisfied: readonly string[] } | undefined {
  const text = outputText(step);
  if (!text.includes('is_progress_being_made') || step.agent === undefined) return undefined;
  const value = parseObject(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Record<string, unknown> | undefined;
  const progress = answerOf(value?.['is_progress_being_made']);
  if (progress === undefined) return undefined;
  const next: Ledger = { planner: step.agent.slice(0, 60), stalled: ledger?.stalled ?? null, open: [] };
  if (!progress) next.stalled ??= { traceId: step.traceId, spanId: step.spanId };
  return { ledger: next, satisfied: answerOf(value?.['is_request_satisfied']) === true ? (ledger?.open ?? []) : [] };
}

export function replyOf(ledger: Ledger, step: Step): Reply | undefined {
  const { agent } = step;
  if (ledger.stalled === null || agent === undefined || agent === ledger.planner || people.includes(agent.toLowerCase()))
    return undefined;
  const text = outputText(step);
  if (text === '') return undefined;
  const key = step.spanId;
  ledger.open = [...ledger.open, key].slice(-MAX_OPEN);
  return { key, agent: agent.slice(0, 60), from: ledger.stalled };
}

/** `true`, or `{"reason": …, "answer": true}`. */
function answerOf(entry: unknown): boolean | undefined {
  const value = typeof entry === 'object' && entry !== null ? (entry as { answer?: unknown }).answer : entry;
  return typeof value === 'boolean' ? value : undefined;
}
