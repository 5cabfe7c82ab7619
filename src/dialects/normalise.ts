/** Spans to steps: which spans are an agent's, what kind they are, and their light facts. */
import type { SpanReader, Value } from '../otlp/span.ts';
import type { StepKind, Tokens } from '../step/step.ts';
import { hasMessageEvents } from './events.ts';
import { type Json, member, read } from './json.ts';
import { fieldIndex as at, exclusiveRow, modelMark, rowId, strong } from './keys.ts';
import type { KindValue } from './kinds.ts';
import { bestRow, factsOf, namedKind, type Pass, pass, pick, present, statedKind, vocabulariesOf } from './pass.ts';
import { saysSampled } from './sampling.ts';
import { bit, type LightFacts, type NormalisedSpan as Normalised, SpanStep } from './span.ts';
import { amount, amountIn, finishReasons, label, providerName, toolName, unquoted } from './values.ts';

/** A step with what only the window's bookkeeping may touch. */
export type NormalisedSpan = Normalised;

const rows = {
  traceloopKind: rowId('traceloop.span.kind'),
  recordType: rowId('logfire.span_type'),
  metadata: rowId('metadata'),
};

/** True if the span may be an agent's: its scope says so, or a key that only agents' spans have. Decodes nothing but the scope's name. */
export function isAgentSpan(reader: SpanReader): boolean {
  const scope = factsOf(reader.scopeName());
  if (scope.own) return false;
  if (scope.agent) return true;
  const count = reader.rowCount();
  for (let i = 0; i < count; i++) if (strong[reader.keyAt(i)] === 1) return true;
  return reader.rowCount() > 0 && pass(reader).guards !== 0;
}

/**
 * The step that a span is; `undefined` if it is none: not an agent's, misstep's own, or a record that
 * only announces or accompanies a span (Logfire's pending spans and logs). The step reads from the
 * reader's index until `detach` is called.
 */
export function normalise(reader: SpanReader, tenant: string): NormalisedSpan | undefined {
  const outline = outlineOf(reader);
  if (outline === undefined) return undefined;
  const { seen, name, kind } = outline;
  return new SpanStep(reader, lightFacts(reader, seen, kind, name, tenant, seen.guards));
}

/** The session that a step names itself; `undefined` if the span is no step. For whoever decides only where a span is to be looked at. */
export function sessionOfStep(reader: SpanReader): { readonly sessionId: string | undefined } | undefined {
  if (!isAgentSpan(reader)) return undefined;
  const outline = outlineOf(reader);
  return outline && { sessionId: session(reader, outline.seen.guards, reader.resource()) };
}

interface Outline {
  readonly seen: Pass;
  readonly name: string;
  readonly kind: StepKind;
}

function outlineOf(reader: SpanReader): Outline | undefined {
  const scopeName = reader.scopeName();
  const scope = factsOf(scopeName);
  if (scope.own) return undefined;
  const seen = pass(reader);
  if (!seen.strong && !scope.agent && seen.guards === 0) return undefined;
  const record = present(at.recordType) ? reader.string(rows.recordType) : undefined;
  if (record === 'pending_span' || record === 'log') return undefined;
  const name = reader.name();
  const stated = statedKind(reader, seen.firstKind) ?? structuralKind(reader, seen, scopeName, name);
  // A scope or guard alone is not enough for spans that the scope's own code did not make.
  if (stated === undefined && !seen.strong && !scope.agent) return undefined;
  return { seen, name, kind: stepKind(stated, reader) };
}

function stepKind(kind: KindValue | undefined, reader: SpanReader): StepKind {
  if (kind === 'chain') return reader.parentId() === '' ? 'workflow' : 'task';
  return kind ?? 'other';
}

/** What a span is that does not say: a tool has a tool's name, a call a model and usage, an agent its name. */
function structuralKind(reader: SpanReader, seen: Pass, scope: string, name: string): KindValue | undefined {
  const named = namedKind(scope, name);
  if (named !== undefined) return named;
  if (!seen.strong) return undefined;
  if (present(at.tool)) return 'tool';
  const requested = bestRow(at.requestModel);
  // Names such as `model_name` stand on an agent's run as well: only the conventions' own say that a model was called.
  const model = (requested >= 0 && modelMark[requested] === 1) || present(at.responseModel);
  if (model && (present(at.inputTokens) || seen.call || hasMessageEvents(reader))) return 'llm';
  return present(at.agent) ? 'agent' : undefined;
}

function lightFacts(reader: SpanReader, seen: Pass, kind: StepKind, name: string, tenant: string, guards: number): LightFacts {
  const resource = reader.resource();
  const service = label(resource.get('service.name'));
  const stated = pick(reader, at.agent, guards, label) ?? (kind === 'agent' ? entityAgent(reader, guards) : undefined);
  const given =
    kind === 'tool'
      ? (pick(reader, at.tool, guards, label) ?? entityTool(reader, guards) ?? pick(reader, at.agentsName, guards, label))
      : undefined;
  const tool = kind === 'tool' ? toolFacts(given, name) : undefined;
  const usage = present(at.inputTokens) || present(at.outputTokens) || present(at.usage) ? readTokens(reader, guards) : undefined;
  return {
    tenant,
    kind,
    service,
    dialects: vocabulariesOf(seen.firstKind),
    guards,
    present: presence(reader, kind),
    statedAgent: stated,
    agentHint: agentHint(reader, kind, name, guards),
    spawns: present(at.spawns) ? pick(reader, at.spawns, guards, label) : undefined,
    agentId: pick(reader, at.agentId, guards, label),
    sessionId: session(reader, guards, resource),
    provider: pick(reader, at.provider, guards, providerName),
    requestModel: pick(reader, at.requestModel, guards, unquoted),
    responseModel: pick(reader, at.responseModel, guards, unquoted),
    finishReasons: pick(reader, at.finish, guards, reasons) ?? none,
    tokens: usage?.tokens,
    reportedInput: usage?.reportedInput,
    cost: pick(reader, at.cost, guards, amount) ?? costOf(reader, guards),
    toolName: tool?.name,
    toolServer: tool?.server,
    reportedTool: given,
    callId: kind === 'tool' || present(at.callId) ? pick(reader, at.callId, guards, label) : undefined,
    // ADK adds a span that merges the answers of parallel calls.
    rollup: kind === 'tool' && name.endsWith('(merged)'),
    sampled: saysSampled(reader),
  };
}

const none: readonly string[] = [];
const reasons = (value: Value): readonly string[] | undefined => {
  const found = finishReasons(value);
  return found.length === 0 ? undefined : found;
};

function entityAgent(reader: SpanReader, guards: number): string | undefined {
  return present(at.entity) && reader.string(rows.traceloopKind) === 'agent' ? pick(reader, at.entity, guards, label) : undefined;
}

function entityTool(reader: SpanReader, guards: number): string | undefined {
  return present(at.entity) && reader.string(rows.traceloopKind) === 'tool' ? pick(reader, at.entity, guards, label) : undefined;
}

/** A tool without any name keeps its span's name: better than none, and the same for the same tool. */
function toolFacts(given: string | undefined, spanName: string): { readonly name: string; readonly server: string | undefined } {
  if (given !== undefined) return toolName(given);
  return toolName(spanName.endsWith('.run') ? spanName.slice(0, -4) : spanName);
}

/** Where no agent is named outright: a role, a node of the outer graph, the name in the span's name. */
function agentHint(reader: SpanReader, kind: StepKind, name: string, guards: number): string | undefined {
  if (present(at.nodeCheckpoint)) {
    // `outer:uuid|inner:uuid`: the outer node is the agent, the inner ones are its steps.
    const path = pick(reader, at.nodeCheckpoint, guards, label) ?? '';
    const end = path.indexOf(':');
    if (end > 0 && path.includes('|')) return path.slice(0, end);
  }
  if (kind === 'tool') return undefined;
  if (kind !== 'agent') return present(at.agentHint) && reader.has(roleRow) ? label(reader.value(roleRow)) : undefined;
  const hint = pick(reader, at.agentHint, guards, label) ?? pick(reader, at.agentsName, guards, label);
  if (hint !== undefined) return hint;
  if (name.startsWith('agent_run [') && name.endsWith(']')) return name.slice(11, -1);
  return name.startsWith('invoke_agent ') ? name.slice(13) : undefined;
}

/** A node's name is an agent's only on an agent; a role is one's wherever it stands. */
const roleRow = rowId('agent_role');

/** Session ids that agents state are unique to their program, not beyond: the namespace qualifies them. */
function session(reader: SpanReader, guards: number, resource: ReadonlyMap<string, Value>): string | undefined {
  const id =
    pick(reader, at.session, guards, unquoted) ??
    (present(at.metadata) ? metadataSession(reader) : undefined) ??
    label(resource.get('session.id')) ??
    (guards !== 0 ? label(resource.get('conversation.id')) : undefined);
  if (id === undefined) return undefined;
  const namespace = label(resource.get('service.namespace'));
  return namespace === undefined ? id : `${namespace}/${id}`;
}

function metadataSession(reader: SpanReader): string | undefined {
  const json = reader.string(rows.metadata);
  // Longer metadata holds payload, not facts.
  if (json === undefined || json.length > 16_384 || !(json.includes('"thread_id"') || json.includes('"session_id"')))
    return undefined;
  const parsed = read(json);
  return label((member(parsed, 'session_id') ?? member(parsed, 'thread_id')) as Value);
}

function readTokens(
  reader: SpanReader,
  guards: number,
): { readonly tokens: Tokens; readonly reportedInput: number | undefined } | undefined {
  const details = present(at.usage) ? (pick(reader, at.usage, guards, read) as Json) : undefined;
  const reportedInput =
    pick(reader, at.inputTokens, guards, amount) ?? amountIn(details, ['input', 'input_tokens', 'prompt_tokens']);
  const output =
    pick(reader, at.outputTokens, guards, amount) ?? amountIn(details, ['output', 'output_tokens', 'completion_tokens']);
  if (reportedInput === undefined && output === undefined) return undefined;
  const cacheRead =
    pick(reader, at.cacheRead, guards, amount) ??
    amountIn(details, ['input_cache_read', 'cache_read_input_tokens', 'input_cached_tokens']);
  const cacheWrite =
    pick(reader, at.cacheWrite, guards, amount) ??
    amountIn(details, ['input_cache_write', 'cache_creation_input_tokens', 'input_cache_creation']);
  const reasoning =
    pick(reader, at.reasoningTokens, guards, amount) ?? amountIn(details, ['output_reasoning', 'output_reasoning_tokens']);
  const cached = (cacheRead ?? 0) + (cacheWrite ?? 0);
  const row = present(at.inputTokens) ? bestRow(at.inputTokens) : bestRow(at.usage);
  // A part larger than its whole: the dialect counts cached tokens apart, whatever its convention says.
  const apart = (row >= 0 && exclusiveRow[row] === 1) || (reportedInput !== undefined && cached > reportedInput);
  const input = reportedInput === undefined || !apart ? reportedInput : reportedInput + cached;
  return { tokens: { input, output, cacheRead, cacheWrite, reasoning }, reportedInput };
}

function costOf(reader: SpanReader, guards: number): number | undefined {
  if (!present(at.costDetails)) return undefined;
  return pick(reader, at.costDetails, guards, (value) => {
    const json = read(value);
    return amount(json) ?? amountIn(json, ['total', 'total_cost']);
  });
}

const presences: readonly (readonly [number, number])[] = [
  [at.input, bit.input],
  [at.output, bit.output],
  [at.definitions, bit.definitions],
  [at.documents, bit.documents],
  [at.stateBefore, bit.state],
  [at.stateAfter, bit.state],
  [at.nodeName, bit.graph],
  [at.graphNodes, bit.graph],
  [at.graphEdges, bit.graph],
  [at.workflowDefinition, bit.graph],
  [at.maxTokens, bit.limits],
  [at.maxSteps, bit.limits],
  [at.handoffFrom, bit.handoff],
  [at.handoffTo, bit.handoff],
  [at.metadata, bit.metadata],
  [at.persona, bit.system],
  [at.facts, bit.facts],
];
const ownRow = rowId('misstep.');
const instructions = rowId('gen_ai.system_instructions');
const noConversation = ~(bit.input | bit.output);

function presence(reader: SpanReader, kind: StepKind): number {
  let bits = 0;
  for (const [field, mark] of presences) if (present(field)) bits |= mark;
  if (kind === 'tool') {
    bits &= noConversation;
    if (present(at.toolArguments)) bits |= bit.arguments;
    if (present(at.toolResult)) bits |= bit.result;
  }
  if (present(at.system) && reader.has(instructions)) bits |= bit.system;
  if (present(at.own) && hasLimit(reader)) bits |= bit.limits;
  if (reader.hasEvents()) bits |= bit.events;
  return bits;
}

function hasLimit(reader: SpanReader): boolean {
  let found = false;
  reader.each(ownRow, (rest) => {
    if (rest.startsWith('limit.')) found = true;
  });
  return found;
}
