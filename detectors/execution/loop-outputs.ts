/** loop, model outputs: how many outputs in a row say nearly the same. Outputs without text (tool calls only) neither count nor break a run. */
import type { Step } from '../../src/step/step.ts';
import { outputSketch, outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { jaccard, type Sketch } from '../../src/text/shingles.ts';
import type { Spot } from './loop-calls.ts';
import { stateText } from './loop-states.ts';

export interface Outputs {
  last: Sketch;
  count: number;
  /** Lowest similarity of neighbours in the run. */
  likeness: number;
  first: Spot | null;
  second: Spot | null;
  /** Hash of the last tool calls asked for and of the state left behind: the same words with another action or effect are progress. */
  asked: string;
  /** True if the last was of a model call. */
  model: boolean;
}

/** Shorter outputs ("Done.", "OK, next.") are alike by nature. */
const MIN_WORD_SHINGLES = 6;

export function emptyOutputs(): Outputs {
  return { last: [], count: 0, likeness: 1, first: null, second: null, asked: '', model: false };
}

/** Adds a model call; the run it now belongs to, or `undefined` if it stands alone. */
export function foldOutput(outputs: Outputs, step: Step, similarity: number, tokens: number, cost: number) {
  if (outputText(step) === '') return undefined;
  const shingles = outputSketch(step);
  const calls = step.output.flatMap((message) => message.toolCalls.map((call) => `${call.name} ${call.arguments ?? ''}`));
  const asked = hashText([...calls, stateText(step) ?? ''].join('\n'));
  const here: Spot = { traceId: step.traceId, spanId: step.spanId, tokens, cost };
  const like = shingles.length >= MIN_WORD_SHINGLES && asked === outputs.asked ? jaccard(outputs.last, shingles) : 0;
  // An agent's answer is that of its last model call, said once.
  if (step.kind === 'agent' && outputs.model && like === 1) return undefined;
  outputs.model = step.kind === 'llm';
  outputs.asked = asked;
  outputs.last = shingles;
  if (like < similarity || outputs.first === null) {
    outputs.count = 1;
    outputs.likeness = 1;
    outputs.first = here;
    outputs.second = null;
    return undefined;
  }
  outputs.count++;
  outputs.likeness = Math.min(outputs.likeness, like);
  outputs.second ??= here;
  return { count: outputs.count, likeness: outputs.likeness, first: outputs.first, second: outputs.second, last: here };
}
