/**
 * tool_misuse: a call that the tool's definition does not allow, or a tool that does not exist. A model's call is checked against the
 * definitions of the same model call; where only the agent's span carries them, which ends last, calls wait for them, bounded. Where nobody
 * states definitions, what the same tool took before stands in for them, and the finding says so.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { checkSchema, fitsNothing, type Violation } from '../../src/schema/check.ts';
import type { Step, ToolDefinition } from '../../src/step/step.ts';
import { hashText } from '../../src/text/hash.ts';
import { parseObject } from '../../src/text/json.ts';
import { changes, foldRefusal, type Refusals, refusalOf } from './tool_misuse-refusals.ts';
import { foldUse, type Uses } from './tool_misuse-uses.ts';

/** A call whose tool nobody has defined yet. */
interface Waiting extends SpanRef {
  readonly tool: string;
  readonly args: string;
}

interface State {
  /** Hashes of the names of all defined tools. */
  tools: number[] | null;
  /** Hashes of calls that were checked where the model asked for them: their tool spans are not checked again. */
  checked: string[];
  waiting: Waiting[];
  uses: Uses;
  refusals: Refusals;
}

const options = {
  closed: {
    type: 'boolean',
    text: 'Report arguments that the definition does not list, also where it does not forbid others.',
    default: true,
    source: 'A tool ignores or refuses what it does not know; JSON Schema would let it pass (BFCL counts it as wrong).',
  },
  min_uses: {
    type: 'integer',
    text: 'Calls with the same argument names before a call that lacks one of them, and fails, is reported without a definition.',
    default: 4,
    min: 2,
    max: 100,
    source: 'Judgement: four calls show a habit; the failure is what makes the difference a mistake.',
  },
  min_refusals: {
    type: 'integer',
    text: 'Refused calls that were to change something, in one run, before they are reported.',
    default: 2,
    min: 1,
    max: 50,
    source:
      'Of 90 passing runs of tau retail and airline eight have one such refusal and none has two; of 87 failing ones twelve have two.',
  },
} as const;

// Where the call was written: on TRAIL 27 of 44 such model calls are marked as formatting errors, none as tool-related.
const trail = ['Formatting Errors'] as const;

const messages = {
  unknown_tool: {
    text: "Tool '{{tool}}' was called, but no tool of that name is defined ({{known}} are).",
    tier: 1,
    severity: 'high',
    impact: 'The call cannot succeed; the agent works without its result or makes one up.',
    action:
      'Compare the name with the definitions; answer such calls with the list of tools, and pin the model or its prompt if names drift.',
    taxonomy: { mast: ['FM-2.6'], trail: ['Tool Selection Errors', 'Tool-related'], owasp: ['ASI02'], modes: ['F4'] },
  },
  schema_violation: {
    text: "Tool '{{tool}}' was called with wrong arguments: {{path}} should be {{expected}}, is {{seen}}.",
    tier: 1,
    severity: 'medium',
    impact: 'The tool refuses the call, or does something else than was meant.',
    action:
      'Return the violation to the model as the result of the call, use strict tool calling where the provider has it, and make the definition say what it takes.',
    taxonomy: { mast: ['FM-2.6'], trail, owasp: ['ASI02'], modes: ['F4'] },
  },
  malformed_arguments: {
    text: "Arguments of tool '{{tool}}' are no JSON.",
    tier: 1,
    severity: 'medium',
    impact: 'The call fails before the tool sees it.',
    action: 'Check whether the output was cut by its length limit; else return the parse error to the model.',
    taxonomy: { mast: ['FM-2.6'], trail: ['Formatting Errors'], owasp: ['ASI02'], modes: ['F12'] },
  },
  unlike_before: {
    text: "Tool '{{tool}}' failed when it was called without '{{path}}', which all {{count}} calls before had (no definition was seen).",
    tier: 2,
    severity: 'low',
    impact: 'The call failed, probably for its arguments.',
    action: 'Send tool definitions with the model call, so that arguments can be checked; then correct the call.',
    taxonomy: { mast: ['FM-2.6'], trail: ['Tool-related'], owasp: ['ASI02'], modes: ['F4'] },
  },
  refused: {
    text: "Tool '{{tool}}' refused a change, one of {{count}} refused in this run.",
    tier: 2,
    severity: 'medium',
    impact:
      'The agent acts on a state that it has not read, or tries to get around a rule; what it told the user does not happen.',
    action:
      'Let the agent read the record and the rule before it promises a change, and hand over to a person after the second refusal.',
    taxonomy: { mast: ['FM-2.6'], trail: ['Tool-related'], owasp: ['ASI02'], modes: ['F4'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_TOOLS = 256;
const MAX_CHECKED = 32;
const MAX_WAITING = 12;
/** Characters of arguments that wait; longer ones are checked by name only. */
const MAX_ARGS = 1_024;

export default defineDetector({
  meta: {
    id: 'tool_misuse',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 2,
    needs: ['tool.name'],
    summary: 'Finds calls of tools that do not exist or with arguments that their definitions do not allow.',
    docs: {
      what: 'Every call a model asks for, against the tool definitions of that model call: name, required and unknown arguments, types, enumerations, bounds. Without definitions, a failing call that lacks an argument which all calls of that tool had before. Changes of records (orders, bookings, payments) that the tools refuse more than once in a run.',
      why: 'A wrong call costs a turn at best; at worst the tool runs with defaults that nobody chose, or the model invents the result.',
      fix: 'Give the violation back to the model, use strict tool calling, keep names and schemas short and unambiguous.',
      limits:
        'Patterns and formats are not checked. Definitions that a proxy rewrites, or that are cut in the trace, look like misuse. Without definitions only failing calls are judged. Tools that change records are known by the first word of their names (update_booking); one refusal is how agents learn of a rule and is not reported.',
      sources: ['https://json-schema.org/draft/2020-12/json-schema-validation', 'https://gorilla.cs.berkeley.edu/leaderboard'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup) return state;
    if (step.kind === 'llm' && step.has('messages.output')) return fromModel(state, step, ctx);
    if (step.kind === 'agent' && step.has('tool.definitions')) return settle(state, step, ctx);
    return step.kind === 'tool' && step.tool !== undefined ? fromTool(state, step, ctx) : state;
  },
});

function fresh(state: State | undefined): State {
  return state ?? { tools: null, checked: [], waiting: [], uses: [], refusals: { asked: null, refused: [] } };
}

/** Calls in a model's output, with the definitions it was given. */
function fromModel(former: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const definitions = step.has('tool.definitions') ? step.toolDefinitions : [];
  const asks = step.output.some(({ toolCalls }) => toolCalls.some(({ name }) => changes(name)));
  if (definitions.length === 0 && !asks) return former;
  const state = fresh(former);
  if (asks) state.refusals.asked = { traceId: step.traceId, spanId: step.spanId };
  if (definitions.length === 0) return state;
  state.tools = definitions.slice(0, MAX_TOOLS).map(({ name }) => nameHash(name));
  for (const message of step.output)
    for (const call of message.toolCalls) {
      state.checked.push(callHash(call.name, call.arguments));
      check(step, call.name, call.arguments, definitions, ctx);
    }
  if (state.checked.length > MAX_CHECKED) state.checked = state.checked.slice(-MAX_CHECKED);
  return state;
}

/** The agent's span brings the definitions at its end. */
function settle(former: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const definitions = step.toolDefinitions;
  if (definitions.length === 0) return former;
  const state = fresh(former);
  for (const { tool, args, ...at } of state.waiting) check(at, tool, args === '' ? undefined : args, definitions, ctx);
  return { ...state, tools: definitions.slice(0, MAX_TOOLS).map(({ name }) => nameHash(name)), waiting: [] };
}

function fromTool(former: State | undefined, step: Step, ctx: Ctx): State {
  const state = fresh(former);
  const { name, arguments: args } = step.tool as { name: string; arguments: string | undefined };
  if (ctx.wants('refused')) refusals(state, step, ctx);
  if (state.checked.length > 0 && state.checked.includes(callHash(name, args))) return state;
  if (isLabel(step.name, name)) return state;
  if (state.tools !== null) {
    if (!state.tools.includes(nameHash(name))) unknown(step, name, state.tools.length, ctx);
    return state;
  }
  const { traceId, spanId } = step;
  state.waiting.push({ tool: name, args: args !== undefined && args.length <= MAX_ARGS ? args : '', traceId, spanId });
  if (state.waiting.length > MAX_WAITING) state.waiting.shift();
  const failed = step.outcome === 'error' || step.outcome === 'handled_error';
  const lacking = foldUse(state.uses, name, args, failed, ctx.options.min_uses);
  if (lacking !== undefined) {
    const { path, count } = lacking;
    ctx.report('unlike_before', { at: step, key: `${name}:${path}`, score: 0.5, data: { tool: name, path, count } });
  }
  return state;
}

/** The first refusal is known as one of several when the second comes. */
function refusals(state: State, step: Step, ctx: Ctx): void {
  const refused = refusalOf(step);
  if (refused === undefined) return;
  const all = foldRefusal(state.refusals, refused, step);
  if (all.length < ctx.options.min_refusals) return;
  for (const { tool, at, by } of all)
    ctx.report('refused', { at, key: by.spanId, evidence: [by], score: 0.62, data: { tool, count: all.length } });
}

function check(at: SpanRef, name: string, args: string | undefined, definitions: readonly ToolDefinition[], ctx: Ctx): void {
  const definition = definitions.find((one) => one.name === name);
  if (definition === undefined) unknown(at, name, definitions.length, ctx);
  if (definition?.parameters === undefined || fitsNothing(definition.parameters)) return;
  const text = args?.trim() ?? '';
  const value = text === '' ? {} : parseObject(text);
  const key = `${at.spanId}:${callHash(name, args)}`;
  if (value === undefined) {
    // Text that is no object may be a dialect's rendering of one argument; only what begins as JSON was meant as JSON.
    if (text.startsWith('{') && text.length < 65_536)
      ctx.report('malformed_arguments', { at, key, score: 0.8, data: { tool: name } });
    return;
  }
  const { violations } = checkSchema(definition.parameters, value, { closed: ctx.options.closed });
  const worst = violations.reduce<Violation | undefined>((a, b) => (a && weight(a) >= weight(b) ? a : b), undefined);
  if (worst === undefined) return;
  ctx.report('schema_violation', {
    at,
    key,
    score: weight(worst),
    data: {
      tool: name,
      path: worst.path === '' ? 'the arguments' : `'${worst.path}'`,
      expected: worst.expected,
      seen: worst.seen,
      kind: worst.kind,
      violations: violations.length,
    },
  });
}

/** How surely a violation is a mistake: servers often coerce, and bounds and variants are stated loosely. */
function weight({ kind }: Violation): number {
  return kind === 'required' || kind === 'type' ? 0.95 : kind === 'unknown' ? 0.9 : kind === 'enum' ? 0.85 : 0.7;
}

function unknown(at: SpanRef, name: string, known: number, ctx: Ctx): void {
  ctx.report('unknown_tool', { at, key: `${at.spanId}:${name}`, score: 0.9, data: { tool: name, known } });
}

/** A tool without a stated name has that of its span. What no model API takes as a name was never called: it labels an event or a handoff. */
function isLabel(spanName: string, name: string): boolean {
  return name === spanName && !/^[\w-]{1,128}$/.test(name);
}

function callHash(name: string, args: string | undefined): string {
  return hashText(`${name} ${args ?? ''}`);
}

function nameHash(name: string): number {
  return Number.parseInt(hashText(name).slice(-8), 16);
}
