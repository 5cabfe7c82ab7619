/** Cases of rules: steps in a line each, written as spans and played as recorded runs are. */
import { z } from 'zod';
import type { StepLike } from '../detector/testing/builders.ts';

const MOST_STEPS = 200;

const caseStep = z.strictObject({
  kind: z
    .enum(['tool', 'llm', 'agent', 'retriever', 'workflow', 'handoff'])
    .optional()
    .describe('`tool` if a tool is named, else `llm`.'),
  tool: z.string().min(1).max(200).optional(),
  args: z.unknown().optional(),
  result: z.unknown().optional(),
  agent: z.string().max(200).optional(),
  model: z.string().max(200).optional(),
  prompt: z.string().max(65_536).optional().describe('What the model was asked last.'),
  text: z.string().max(65_536).optional().describe('What the model said.'),
  system: z.string().max(65_536).optional(),
  query: z.string().max(65_536).optional(),
  documents: z.array(z.string().max(65_536)).max(50).optional(),
  input_tokens: z.int().min(0).optional(),
  output_tokens: z.int().min(0).optional(),
  cost: z.number().min(0).optional(),
  error: z.string().max(1_000).optional(),
  finish: z.string().max(100).optional().describe('Why the model stopped: `stop`, `length`.'),
  from: z.string().max(200).optional().describe('Of a handoff.'),
  to: z.string().max(200).optional(),
  state: z.unknown().optional(),
  state_before: z.unknown().optional(),
  seconds: z.number().min(0).max(86_400).default(0.5).describe('How long it took.'),
  after: z.number().min(0).max(86_400).default(1).describe('Seconds after the step before ended that it ends.'),
  times: z.int().min(1).max(MOST_STEPS).default(1).describe('So many of them.'),
});

export const ruleCase = z.strictObject({
  name: z.string().min(1).max(200),
  steps: z.array(caseStep).min(1).max(MOST_STEPS),
  finds: z
    .union([z.literal('nothing'), z.array(z.int().min(1).max(MOST_STEPS)).min(1)])
    .describe('Places of the steps that are blamed, the first is 1; or `nothing`.'),
});
export type RuleCase = z.output<typeof ruleCase>;

/** What is wrong with it beyond its schema. */
export function checkCase({ steps, finds }: RuleCase): string[] {
  const wrong: string[] = [];
  const count = stepsOf(steps).length;
  if (count > MOST_STEPS) wrong.push(`${count} steps. At most ${MOST_STEPS}.`);
  if (finds !== 'nothing') {
    for (const place of finds) if (place > count) wrong.push(`finds step ${place}, of ${count}.`);
  }
  return wrong;
}

function stepsOf(steps: RuleCase['steps']): RuleCase['steps'] {
  return steps.flatMap((one) => Array.from({ length: one.times }, () => one));
}

/** Of one session and one trace, in the order written. */
export function likesOf({ steps }: RuleCase): StepLike[] {
  let clock = 0;
  return stepsOf(steps).map((one): StepLike => {
    clock += one.after;
    const { input_tokens: input, output_tokens: output, documents, from, to } = one;
    const tokens = { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }) };
    const given = {
      tool: one.tool,
      args: one.args,
      result: one.result,
      agent: one.agent,
      model: one.model ?? (kindOf(one) === 'llm' ? 'model' : undefined),
      input: one.prompt,
      output: one.text,
      system: one.system,
      query: one.query,
      documents,
      cost: one.cost,
      error: one.error,
      finish: one.finish,
      stateAfter: one.state,
      stateBefore: one.state_before,
      tokens: Object.keys(tokens).length === 0 ? undefined : tokens,
      handoff: from === undefined && to === undefined ? undefined : { ...(from && { from }), ...(to && { to }) },
    };
    const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    return { kind: kindOf(one), session: 'case', at: clock * 1_000, duration: one.seconds * 1_000, ...present };
  });
}

function kindOf({ kind, tool }: RuleCase['steps'][number]): StepLike['kind'] {
  return kind ?? (tool === undefined ? 'llm' : 'tool');
}
