/** completion, code between agents: one writes it, another runs it, and what the single run printed is the answer. */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';

export interface Code {
  author: string;
  /** Blocks of code that were written, runs that printed a value. */
  written: number;
  runs: number;
  /** What the last run printed. */
  values: string[];
  printed: SpanRef | null;
  /** The message that takes it for the answer, while it is the last one. */
  taken: SpanRef | null;
}

/** A longer print is a report to be read, not a value to be taken. */
const MAX_PRINT = 400;
const MAX_VALUES = 6;

/** Follows a message of an agent; `null` until one holds code. */
export function followCode(code: Code | null, step: Step): Code | null {
  const text = outputText(step);
  const agent = step.agent ?? '';
  const writes = text.includes('```');
  if (code === null && !writes) return null;
  const { phrases } = textFacts(text);
  if (writes) {
    // The request may show the form that code has to have: only the second block of another agent is its own.
    if (code !== null && code.author === agent) return { ...code, written: code.written + 1, taken: null, printed: null };
    return { author: agent, written: 1, runs: 0, values: [], printed: null, taken: null };
  }
  const next = code as Code;
  if (agent !== next.author) {
    const values =
      text.length <= MAX_PRINT
        ? (text.match(/\d+(?:\.\d+)?/g) ?? []).slice(0, MAX_VALUES).map((value) => `${Number(value)}`)
        : [];
    const failed = phrases.count('failed') > 0 || text.includes('Traceback');
    if (values.length > 0 && !failed) return { ...next, runs: next.runs + 1, values, printed: ref(step), taken: null };
    return { ...next, taken: null };
  }
  const takes = next.printed !== null && next.values.some((value) => text.includes(value)) && !checks(text);
  return { ...next, taken: takes ? ref(step) : null };
}

/** Words of one who looks at a result before taking it. */
const checking = ['verif', 'check', 'confirm', 'plug', 'substitut'];

function checks(text: string): boolean {
  const lower = text.toLowerCase();
  return checking.some((word) => lower.includes(word));
}

function ref({ traceId, spanId }: SpanRef): SpanRef {
  return { traceId, spanId };
}
