/** coordination, questions: an agent that says what it needs, and another that answers with the very message it answered with before. */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';

export interface Questions {
  asked: { readonly agent: string; readonly at: SpanRef } | null;
  /** Hashes of who answered whom with what. */
  answers: string[];
}

export interface Unheard {
  readonly from: string;
  readonly to: string;
  readonly question: SpanRef;
}

/** Words of one who cannot go on without being told something. */
const asking = [
  'please provide',
  'you provide',
  'need more information',
  'need further information',
  'need more details',
  'information is needed',
  'missing information',
  'please clarify',
  'you clarify',
];
const MAX_TEXT = 2_048;
const MAX_ANSWERS = 8;

/** Follows a message of an agent; `unheard` if it answers a question as the one before was answered. */
export function followQuestion(
  former: Questions | null,
  step: Step,
): { readonly questions: Questions | null; readonly unheard?: Unheard } {
  const text = outputText(step).slice(0, MAX_TEXT).toLowerCase();
  const agent = (step.agent ?? '').slice(0, 60);
  if (text === '' || agent === '') return { questions: former };
  const asks = asking.some((words) => text.includes(words));
  if (former === null && !asks) return { questions: null };
  const at = { traceId: step.traceId, spanId: step.spanId };
  const { asked, answers } = former ?? { asked: null, answers: [] };
  if (asked === null || asked.agent === agent) return { questions: { asked: asks ? { agent, at } : null, answers } };
  const answer = hashText(`${agent}\n${asked.agent}\n${text}`);
  const questions = { asked: asks ? { agent, at } : null, answers: [...answers, answer].slice(-MAX_ANSWERS) };
  return answers.includes(answer) ? { questions, unheard: { from: agent, to: asked.agent, question: asked.at } } : { questions };
}
