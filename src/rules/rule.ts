/** A rule as it is written: its schema, and what of it is wrong where. */
import { z } from 'zod';
import { parseAt } from '../../config/issues.ts';
import { loadConfig } from '../../config/load.ts';
import { type Path, type Problem, problem, sortProblems } from '../../config/problem.ts';
import { parseDuration } from '../../config/units.ts';
import { checkCase, ruleCase } from './cases.ts';
import { compile, type Types } from './cel.ts';
import { stepTypes } from './facts.ts';

/** Of one file. Each costs a look at every step. */
const MOST_RULES = 200;
const MOST_STAGES = 8;
/** Steps of one stage; their times are kept. */
const MOST_COUNT = 50;
const MOST_CAPTURES = 8;
/** 0.80 is where HIGH begins: whoever writes a rule says what it means, and nobody has measured it. */
const CONFIDENCE = 0.8;

const kinds = [
  ...['agent', 'llm', 'tool', 'retriever', 'embedding', 'reranker', 'guardrail', 'evaluator', 'workflow', 'task', 'handoff'],
  ...['memory', 'other'],
] as const;
const outcomes = ['ok', 'error', 'handled_error', 'blocked', 'cancelled', 'timeout', 'unknown'] as const;

/** One, or one of several. */
const some = <T extends z.ZodType>(one: T) => z.union([one, z.array(one).min(1).max(50)]);
const glob = z.string().min(1).max(200);
const word = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'must be a word of small letters, digits and _, at most 40.');

const match = {
  kind: some(z.enum(kinds)).optional().describe('Kind of the step.'),
  tool: some(glob).optional().describe('Name of the tool; `*` stands for anything.'),
  agent: some(glob).optional().describe('Name of the agent.'),
  model: some(glob).optional().describe('Model that answered, or was asked.'),
  name: some(glob).optional().describe('Name of the span.'),
  outcome: some(z.enum(outcomes)).optional().describe('How the step ended.'),
  if: z.string().min(1).max(2_000).optional().describe('An expression that must be true.'),
  capture: z
    .record(word, z.string().min(1).max(2_000))
    .refine((record) => Object.keys(record).length <= MOST_CAPTURES, `at most ${MOST_CAPTURES} values.`)
    .optional()
    .describe('Values to keep, by name. A name that is captured twice must have the same value both times.'),
};
const matcher = z.strictObject(match);
export type MatcherSpec = z.output<typeof matcher>;

const within = z
  .string()
  .refine((text) => boundOf(text) !== undefined, "must be like '5 steps', 30s or 10m.")
  .describe('How far from the step before: `5 steps`, `30s`.');
const stage = z.strictObject({
  ...match,
  count: z.int().min(1).max(MOST_COUNT).default(1).describe('So many steps that match.'),
  within: within.optional(),
  without: matcher.optional().describe('No such step between; for `when`, none before it.'),
});
export type StageSpec = z.output<typeof stage>;
const never = z.strictObject({
  never: matcher.describe('No such step follows.'),
  within: within.optional(),
});

export const rule = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, 'must be lower_snake_case.')
    .max(64),
  summary: z.string().min(1).max(300).describe('One sentence: what it finds.'),
  severity: z.enum(['low', 'medium', 'high', 'critical']).default('medium'),
  scope: z.enum(['trace', 'session', 'agent']).default('trace').describe('What its steps have in common.'),
  confidence: z.number().min(0).max(1).default(CONFIDENCE).describe('Probability that it is right, as its author sees it.'),
  message: z.string().min(1).max(400).describe('With {{names}} of what was captured; also {{tool}}, {{agent}} and {{count}}.'),
  why: z.string().min(1).max(1_000).default('Whoever wrote the rule did not say.').describe('What it costs if nobody acts.'),
  fix: z.string().min(1).max(1_000).default('Look at the step.').describe('What to do.'),
  mast: z
    .array(z.string().regex(/^FM-[1-3]\.[1-6]$/, 'must be like FM-1.3.'))
    .max(14)
    .default([]),
  blame: z.enum(['first', 'last']).default('last').describe('Which of its steps is the one that went wrong.'),
  when: stage,
  then: z
    .array(z.union([never, stage]))
    .max(MOST_STAGES)
    .default([]),
  cases: z.array(ruleCase).max(50).default([]).describe('What `misstep test-rules` plays.'),
});
export type Rule = z.output<typeof rule>;
const file = z.strictObject({ rules: z.array(rule).min(1).max(MOST_RULES) });

export interface ReadRules {
  /** Those of which nothing is wrong. */
  readonly rules: readonly Rule[];
  readonly problems: readonly Problem[];
}

/** Never throws. `taken`: ids that exist already. */
export function readRules(name: string, cwd: string, taken: readonly string[]): ReadRules {
  const loaded = loadConfig({ files: [name], sets: [], env: {}, cwd });
  const problems: Problem[] = [...loaded.problems];
  if (problems.some(({ severity }) => severity === 'error')) return { rules: [], problems };
  const read = parseAt(loaded, [], file, problems);
  const ids = new Set<string>();
  for (const [i, one] of (read?.output.rules ?? []).entries()) {
    const wrong = (path: Path, message: string): void => {
      const at = ['rules', i, ...path];
      problems.push(problem('error', loaded.locate(at), at, message));
    };
    if (taken.includes(one.id)) wrong(['id'], `'${one.id}' is a detector of misstep. Choose another name.`);
    if (ids.has(one.id)) wrong(['id'], `'${one.id}' stands twice. Rename one.`);
    ids.add(one.id);
    checkRule(one, wrong);
  }
  const sorted = sortProblems(problems, loaded.files);
  return { rules: sorted.length === 0 ? (read?.output.rules ?? []) : [], problems: sorted };
}

type Wrong = (path: Path, message: string) => void;

function checkRule({ when, then, message, cases }: Rule, wrong: Wrong): void {
  const names = new Set(Object.keys(when.capture ?? {}));
  checkMatcher(when, new Set(), ['when'], wrong);
  if (when.without !== undefined) checkMatcher(when.without, new Set(), ['when', 'without'], wrong);
  if (when.within !== undefined && when.count === 1 && when.without === undefined)
    wrong(['when', 'within'], 'nothing is counted here. Give `count` or `without`, or put `within` into `then`.');
  for (const [i, one] of then.entries()) {
    if ('never' in one) {
      checkMatcher(one.never, names, ['then', i, 'never'], wrong);
      if (i < then.length - 1) wrong(['then', i], '`never` must be the last: nothing comes after what never comes.');
      continue;
    }
    checkMatcher(one, names, ['then', i], wrong);
    if (one.without !== undefined) checkMatcher(one.without, names, ['then', i, 'without'], wrong);
    for (const name of Object.keys(one.capture ?? {})) names.add(name);
  }
  for (const [, slot = ''] of message.matchAll(/\{\{([^}]*)\}\}/g)) {
    if (!names.has(slot) && !SLOTS.includes(slot))
      wrong(['message'], `nothing is captured as '${slot}'. There are: ${[...names, ...SLOTS].join(', ')}.`);
  }
  for (const [i, one] of cases.entries()) for (const text of checkCase(one)) wrong(['cases', i], text);
}

/** What every message may name. */
const SLOTS: readonly string[] = ['tool', 'agent', 'count'];

function checkMatcher(spec: MatcherSpec, captured: ReadonlySet<string>, path: Path, wrong: Wrong): void {
  const types = typesOf(captured);
  const tried = (text: string, at: Path, type: 'bool' | 'any'): void => {
    try {
      compile(text, types, type);
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      wrong(at, said.endsWith('?') ? said : `${said}.`);
    }
  };
  if (spec.if !== undefined) tried(spec.if, [...path, 'if'], 'bool');
  for (const [name, text] of Object.entries(spec.capture ?? {})) {
    if (SLOTS.includes(name)) wrong([...path, 'capture', name], `'${name}' is what every message may name. Choose another name.`);
    tried(text, [...path, 'capture', name], 'any');
  }
  const keys = ['kind', 'tool', 'agent', 'model', 'name', 'outcome', 'if'] as const;
  if (keys.every((key) => spec[key] === undefined)) wrong(path, `every step would match. Give one of ${keys.join(', ')}.`);
}

const runTypes: Types = {
  steps: 'double',
  tools: 'double',
  errors: 'double',
  input_tokens: 'double',
  output_tokens: 'double',
  cost: 'double',
  seconds: 'double',
};

/** What an expression may name, after these names were captured. */
export function typesOf(captured: ReadonlySet<string>): Types {
  const own = Object.fromEntries([...captured].map((name) => [name, 'dyn']));
  return { step: stepTypes, run: runTypes, ...(captured.size === 0 ? {} : { captured: own }) };
}

export type Bound = { readonly steps: number } | { readonly ms: number };

/** `5 steps`, `1 step`, `30s`; `undefined` if it is neither. */
export function boundOf(text: string): Bound | undefined {
  const [, steps] = /^([1-9]\d{0,5}) steps?$/.exec(text) ?? [];
  if (steps !== undefined) return { steps: Number(steps) };
  const ms = parseDuration(text);
  return ms === undefined || ms <= 0 ? undefined : { ms };
}
