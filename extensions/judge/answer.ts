/** What a model may answer, and nothing else: three verdicts, a reason from a list, steps of the question. */
import { z } from 'zod';
import { reasons, type Verdict, verdicts } from '../../src/detector/judge.ts';

/** Twenty names of steps and three words are less. */
const MAX_CHARS = 2_000;

const answer = z.strictObject({
  verdict: z.enum(verdicts),
  reason: z.enum(reasons),
  steps: z.array(z.string()),
});

/** As providers take it for structured output: no bounds, which some refuse. */
export const answerSchema = {
  type: 'object',
  properties: {
    verdict: { type: 'string', enum: verdicts },
    reason: { type: 'string', enum: reasons },
    steps: { type: 'array', items: { type: 'string' } },
  },
  required: ['verdict', 'reason', 'steps'],
  additionalProperties: false,
} as const;

export type Answer = Pick<Verdict, 'verdict' | 'reason'> & {
  /** Places in the question's steps. */
  readonly steps: readonly number[];
};

/** `undefined` if it is anything else: text around it, a further member, a step that was not asked about, a verdict that rests on none. */
export function parseAnswer(text: string, steps: number): Answer | undefined {
  if (text.length > MAX_CHARS) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { success, data } = answer.safeParse(json);
  if (!success) return undefined;
  const places = [...new Set(data.steps)].map((name) => (/^s[1-9]\d?$/.test(name) ? Number(name.slice(1)) - 1 : -1));
  if (places.some((place) => place < 0 || place >= steps)) return undefined;
  if (data.verdict !== 'unsure' && places.length === 0) return undefined;
  return { verdict: data.verdict, reason: data.reason, steps: places.sort((a, b) => a - b) };
}
