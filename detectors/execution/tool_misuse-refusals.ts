/** tool_misuse, refusals: calls that were to change something and that the tool refused, with what it was told. */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';

export interface Refusals {
  /** The model step that last asked for a change. */
  asked: SpanRef | null;
  /** Where refused calls were asked for. */
  refused: { readonly tool: string; readonly at: SpanRef; readonly by: SpanRef }[];
}

/**
 * First words of tools that change the state of a business record. Files are left out: an edit that does not apply is tried again by habit.
 */
const changing: ReadonlySet<string> = new Set(
  'approve assign book cancel charge create delete exchange modify move order pay purchase refund remove reserve return schedule submit transfer update'.split(
    ' ',
  ),
);
/** The service failed, not the call. */
const transient = ['timeout', 'timed out', 'rate limit', 'too many requests', 'unavailable', 'connection', 'internal server'];
const files = ['file', 'dir', 'folder', 'branch', 'todo', 'plan', 'memory'];
const MAX_REFUSED = 16;

export function changes(tool: string): boolean {
  const words = tool
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z]+/, 8);
  return changing.has(words[0] ?? '') && words.length > 1 && !words.some((word) => files.includes(word));
}

/** `undefined` unless the tool refused a change. */
export function refusalOf(step: Step): string | undefined {
  const { tool } = step;
  if (tool === undefined || (step.outcome !== 'handled_error' && step.outcome !== 'error') || !changes(tool.name))
    return undefined;
  const said = (tool.result ?? step.error?.message ?? '').slice(0, 512).toLowerCase();
  return said === '' || transient.some((words) => said.includes(words)) ? undefined : tool.name;
}

/** Remembers a refusal; all so far, the one at hand last. */
export function foldRefusal(refusals: Refusals, tool: string, { traceId, spanId }: Step): Refusals['refused'] {
  const by = { traceId, spanId };
  refusals.refused.push({ tool, at: refusals.asked ?? by, by });
  if (refusals.refused.length > MAX_REFUSED) refusals.refused.shift();
  return refusals.refused;
}
