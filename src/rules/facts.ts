/** What rules may ask of a step, by the names that they use. Computed when it is asked, and bounded. */
import type { Fact, Message, Step } from '../step/step.ts';
import { Lazy, type Types, type Value } from './cel.ts';

/** Characters of one text; the budget of expressions is made for it. */
const MOST_CHARACTERS = 16_384;
/** JSON beyond it stays text. */
const MOST_JSON = 65_536;
const MOST_LISTED = 200;

/** The types of `step`, for the check of expressions. `dyn` is whatever the tool or the framework gave. */
export const stepTypes: Types = {
  kind: 'string',
  name: 'string',
  service: 'string',
  agent: 'string',
  model: 'string',
  provider: 'string',
  outcome: 'string',
  error: 'string',
  error_type: 'string',
  ms: 'double',
  tool: 'string',
  server: 'string',
  args: 'dyn',
  result: 'dyn',
  prompt: 'string',
  text: 'string',
  reasoning: 'string',
  system: 'string',
  query: 'string',
  documents: 'list',
  calls: 'list',
  finish: 'list<string>',
  input_tokens: 'double',
  output_tokens: 'double',
  cost: 'double',
  handoff_from: 'string',
  handoff_to: 'string',
  state: 'dyn',
  state_before: 'dyn',
  limits: 'map',
  extra: 'map',
};

/** Those that need a fact which not every instrumentation writes. */
export const factOf: Readonly<Partial<Record<string, Fact>>> = {
  agent: 'agent.name',
  model: 'model',
  tool: 'tool.name',
  args: 'tool.arguments',
  result: 'tool.result',
  prompt: 'messages.input',
  text: 'messages.output',
  reasoning: 'messages.output',
  calls: 'messages.output',
  system: 'system',
  documents: 'documents',
  input_tokens: 'tokens',
  output_tokens: 'tokens',
  cost: 'cost',
  handoff_from: 'handoff',
  handoff_to: 'handoff',
  state: 'state',
  state_before: 'state',
  limits: 'limits',
};

/** Those that are text of people and models: a rule that reads one is of tier 3. */
export const textual: ReadonlySet<string> = new Set(['prompt', 'text', 'reasoning', 'system', 'query', 'documents']);
/** Those that are states: tier 2. */
export const stateful: ReadonlySet<string> = new Set(['state', 'state_before']);

type Getters = { readonly [name: string]: (step: Step) => unknown };

const getters: Getters = {
  kind: (step) => step.kind,
  name: (step) => step.name,
  service: (step) => step.service,
  agent: (step) => step.agent,
  model: (step) => step.responseModel ?? step.requestModel,
  provider: (step) => step.provider,
  outcome: (step) => step.outcome,
  error: (step) => cut(step.error?.message),
  error_type: (step) => step.error?.type,
  ms: (step) => step.endMs - step.startMs,
  tool: (step) => step.tool?.name,
  server: (step) => step.tool?.server,
  args: (step) => json(step.tool?.arguments),
  result: (step) => json(step.tool?.result),
  prompt: (step) => cut(step.input.at(-1)?.text),
  text: (step) => cut(joined(step.output, 'text')),
  reasoning: (step) => cut(joined(step.output, 'reasoning')),
  system: (step) => cut(step.system),
  query: (step) => cut(step.query),
  documents: (step) =>
    step.documents.slice(0, MOST_LISTED).map(({ id, content, score }) => members({ id, content: cut(content), score })),
  calls: (step) =>
    step.output
      .flatMap(({ toolCalls }) => toolCalls)
      .slice(0, MOST_LISTED)
      .map(({ name, arguments: args }) => members({ tool: name, args: json(args) })),
  finish: (step) => step.finishReasons,
  input_tokens: (step) => step.tokens?.input,
  output_tokens: (step) => step.tokens?.output,
  cost: (step) => step.cost,
  handoff_from: (step) => step.handoff?.from,
  handoff_to: (step) => step.handoff?.to,
  state: (step) => step.stateAfter,
  state_before: (step) => step.stateBefore,
  limits: (step) => step.limits,
  extra: (step) => step.extra,
};

/** A step as expressions see it: `step.args`. Valid while the step is. */
export class Facts extends Lazy {
  private readonly step: Step;
  private readonly known = new Map<string, unknown>();

  constructor(step: Step) {
    super();
    this.step = step;
  }

  member(name: string): unknown {
    if (!this.known.has(name)) this.known.set(name, Object.hasOwn(getters, name) ? getters[name]?.(this.step) : undefined);
    return this.known.get(name);
  }
}

function joined(messages: readonly Message[], what: 'text' | 'reasoning'): string | undefined {
  const texts = messages.flatMap((message) => message[what] ?? []).filter((text) => text !== '');
  return texts.length === 0 ? undefined : texts.join('\n');
}

function cut(text: string | undefined): string | undefined {
  return text === undefined || text.length <= MOST_CHARACTERS ? text : text.slice(0, MOST_CHARACTERS);
}

/** Without members that are not there. */
function members(record: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function json(text: string | undefined): Value | undefined {
  if (text === undefined) return undefined;
  if (text.length <= MOST_JSON && /^\s*[[{"\d\-tfn]/.test(text)) {
    try {
      return JSON.parse(text) as Value;
    } catch {
      // It only began so.
    }
  }
  return cut(text);
}
