/** completion, code between agents: one writes it, another runs it, and what the single run printed is the answer. */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';

export interface Code {
  author: string;
  /** Somebody else showed code before, as the form to be kept. */
  asked: boolean;
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
  // More than one block or run: somebody had a second look.
  if (code !== null && (code.written > 1 || code.runs > 1)) return code;
  const text = outputText(step);
  const agent = step.agent ?? '';
  if (text.includes('```')) {
    // The request may show the form that code has to have; what another agent then writes is the first code.
    const first = code === null || (code.author !== agent && code.runs === 0 && !code.asked);
    return { author: agent, asked: code !== null, written: first ? 1 : 2, runs: 0, values: [], printed: null, taken: null };
  }
  if (code === null) return null;
  if (agent !== code.author) {
    const values = valuesOf(text);
    return values.length > 0
      ? { ...code, runs: code.runs + 1, values, printed: ref(step), taken: null }
      : { ...code, taken: null };
  }
  const takes = code.printed !== null && code.values.some((value) => text.includes(value)) && !checks(text);
  return { ...code, taken: takes ? ref(step) : null };
}

/** The numbers of a short print; none if it tells of a failure. */
function valuesOf(text: string): string[] {
  if (text.length > MAX_PRINT || text.includes('Traceback') || textFacts(text).phrases.count('failed') > 0) return [];
  return (text.match(/\d+(?:\.\d+)?/g) ?? []).slice(0, MAX_VALUES).map((value) => `${Number(value)}`);
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
