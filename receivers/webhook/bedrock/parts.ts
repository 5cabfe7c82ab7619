/** Trace parts as spans: an agent for each chain of callers, below it model calls, tools, knowledge bases, guardrails. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, firstNumber, identifier, list, time, word } from '../payload.ts';
import type { ChatMessage, Ending, Run, Span, SpanError } from '../run.ts';

export interface Part {
  /** `orchestrationTrace` and the like. */
  readonly kind: string;
  readonly body: Dict;
  readonly step: string | undefined;
  readonly request: string | undefined;
  readonly chain: string;
  readonly depth: number;
  readonly agent: string | undefined;
  readonly agentId: string | undefined;
  readonly session: string | undefined;
  readonly atMs: number | undefined;
}

const MAX_JSON = 1_000_000;
const MAX_XML = 65_536;

type Call = NonNullable<ChatMessage['calls']>[number];
const invocationOf: Readonly<Record<string, string>> = {
  ACTION_GROUP: 'actionGroupInvocationInput',
  ACTION_GROUP_CODE_INTERPRETER: 'codeInterpreterInvocationInput',
  AGENT_COLLABORATOR: 'agentCollaboratorInvocationInput',
  KNOWLEDGE_BASE: 'knowledgeBaseLookupInput',
};

export class Agents {
  private readonly run: Run;
  private readonly first: Part | undefined;
  private readonly spans = new Map<string, Span>();
  /** Model calls and invocations whose answer has not come, by chain, step and kind. */
  private readonly open = new Map<string, Span>();
  /** Invocations of collaborators, by their names: the collaborator's agent stands below. */
  private readonly calls = new Map<string, Span>();
  private readonly ended = new Map<Span, number>();

  constructor(run: Run, first: Part | undefined) {
    this.run = run;
    this.first = first;
    run.root
      .text('gen_ai.operation.name', 'invoke_agent')
      .text('gen_ai.agent.name', first?.agent ?? 'agent')
      .text('gen_ai.agent.id', first?.agentId)
      .text('gen_ai.conversation.id', first?.session);
  }

  add(part: Part): void {
    const agent = this.agentOf(part);
    if (agent === undefined) return;
    if (part.atMs !== undefined) this.ended.set(agent, part.atMs);
    if (part.kind === 'guardrailTrace') {
      this.guardrail(part, agent);
      return;
    }
    if (part.kind === 'failureTrace') {
      const { failureReason, failureCode } = part.body;
      const message = word(failureReason) ?? 'The agent failed.';
      this.step(part, agent, 'failure', { error: { type: identifier(failureCode) ?? 'failure', message } })?.text(
        'openinference.span.kind',
        'CHAIN',
      );
      return;
    }
    const { modelInvocationInput: asked, modelInvocationOutput: answered, invocationInput, observation } = part.body;
    if (isObject(asked)) this.asked(part, agent, asked);
    if (isObject(answered)) this.answered(part, agent, answered);
    if (isObject(invocationInput)) this.invoked(part, agent, invocationInput);
    if (isObject(observation)) this.observed(part, agent, observation);
  }

  /** Answers of `retrieve` and `retrieve_and_generate`. */
  addAnswer(event: Dict): void {
    const results = list(event['retrievalResults']);
    const cited = list(event['citations']).flatMap((citation) => list(member(citation, 'retrievedReferences')));
    const found = results.length > 0 ? results : cited;
    if (!('retrievalResults' in event) && !('citations' in event)) return;
    const span = this.run.add({ name: 'retrieval knowledge base' });
    span
      ?.text('gen_ai.operation.name', 'retrieval')
      .text('gen_ai.conversation.id', event['sessionId'])
      .json('gen_ai.retrieval.documents', documentsOf(found));
    const text = word(member(event['output'], 'text'));
    if (text !== undefined) this.run.root.messages('gen_ai.output.messages', [{ role: 'assistant', text }]);
  }

  end(said: string, total: unknown): void {
    if (said !== '') this.run.root.messages('gen_ai.output.messages', [{ role: 'assistant', text: said }]);
    this.run.root.json('misstep.run.total', total);
    for (const [span, endMs] of this.ended) if (span !== this.run.root) span.facts = { ...span.facts, endMs };
  }

  private agentOf(part: Part): Span | undefined {
    const known = this.spans.get(part.chain);
    if (known !== undefined) return known;
    if (this.first === undefined || part.chain === this.first.chain) {
      this.spans.set(part.chain, this.run.root);
      return this.run.root;
    }
    const name = part.agent ?? 'agent';
    const parent = this.calls.get(name) ?? this.spans.get(part.chain.split(' ').slice(0, -1).join(' '));
    const span = this.run.add({ name: `invoke_agent ${name}`, startMs: part.atMs, endMs: part.atMs, parent });
    if (span === undefined) return undefined;
    span
      .text('gen_ai.operation.name', 'invoke_agent')
      .text('gen_ai.agent.name', name)
      .text('gen_ai.agent.id', part.agentId)
      .text('gen_ai.conversation.id', part.session);
    this.spans.set(part.chain, span);
    return span;
  }

  private step(part: Part, agent: Span, name: string, more: Partial<Span['facts']> = {}): Span | undefined {
    const span = this.run.add({ name, startMs: part.atMs, endMs: part.atMs, parent: agent, ...more });
    return span
      ?.text('gen_ai.conversation.id', part.session)
      .text('gen_ai.agent.name', part.agent)
      .text('misstep.node.id', part.step);
  }

  private asked(part: Part, agent: Span, given: Dict): void {
    const model = word(given['foundationModel']);
    const span = this.step(part, agent, `chat ${model ?? ''}`.trim());
    if (span === undefined) return;
    const prompt = parsed(given['text']);
    span
      .text('gen_ai.operation.name', 'chat')
      .text('gen_ai.request.model', model)
      // A filled-in template is the service's own prompt, whatever stands in it: nobody's message.
      .text('gen_ai.system_instructions', prompt === undefined ? word(given['text']) : word(member(prompt, 'system')))
      .text('misstep.node.type', given['type'])
      .messages('gen_ai.input.messages', promptOf(prompt));
    this.open.set(`chat ${part.chain} ${part.step}`, span);
  }

  private answered(part: Part, agent: Span, given: Dict): void {
    const key = `chat ${part.chain} ${part.step}`;
    const span = this.open.get(key) ?? this.step(part, agent, 'chat')?.text('gen_ai.operation.name', 'chat');
    this.open.delete(key);
    if (span === undefined) return;
    const metadata = dict(given['metadata']);
    const valid = member(given['parsedResponse'], 'isValid');
    const ending: Ending | undefined = valid === false ? { outcome: 'blocked', source: 'parsedResponse.isValid' } : undefined;
    span.facts = {
      ...span.facts,
      startMs: time(metadata['startTime']) ?? span.facts.startMs,
      endMs: time(metadata['endTime']) ?? part.atMs,
      ...(ending === undefined ? {} : { ending }),
    };
    const said = word(member(given['rawResponse'], 'content')) ?? word(member(given['parsedResponse'], 'rationale'));
    span
      .count('gen_ai.usage.input_tokens', firstNumber(metadata['usage'], ['inputTokens']))
      .count('gen_ai.usage.output_tokens', firstNumber(metadata['usage'], ['outputTokens']))
      .messages('gen_ai.output.messages', [replyOf(said)]);
  }

  private invoked(part: Part, agent: Span, given: Dict): void {
    const type = word(given['invocationType']) ?? '';
    const input = dict(given[Object.hasOwn(invocationOf, type) ? (invocationOf[type] as string) : '']);
    const span = this.step(part, agent, type);
    if (span === undefined) return;
    this.open.set(`${type} ${part.chain} ${part.step}`, span);
    if (type === 'KNOWLEDGE_BASE') {
      span.facts = { ...span.facts, name: 'retrieval knowledge base' };
      span.text('gen_ai.operation.name', 'retrieval').text('gen_ai.retrieval.query.text', input['text']);
      span.text('gen_ai.data_source.id', input['knowledgeBaseId']);
      return;
    }
    if (type === 'AGENT_COLLABORATOR') {
      const to = word(input['agentCollaboratorName']) ?? 'agent';
      span.facts = { ...span.facts, name: `handoff ${to}` };
      span
        .text('gen_ai.operation.name', 'handoff')
        .text('gen_ai.handoff.from_agent', part.agent)
        .text('gen_ai.handoff.to_agent', to);
      span.messages('gen_ai.input.messages', [{ role: 'user', text: word(member(input['input'], 'text')) }]);
      this.calls.set(to, span);
      return;
    }
    const api = word(input['apiPath']);
    const name =
      type === 'ACTION_GROUP_CODE_INTERPRETER'
        ? 'code_interpreter'
        : (word(input['function']) ??
          (api === undefined ? undefined : `${word(input['verb']) ?? 'get'} ${api}`) ??
          word(input['actionGroupName']) ??
          'tool');
    span.facts = { ...span.facts, name: `execute_tool ${name}` };
    span
      .text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .text('gen_ai.tool.call.id', input['invocationId'])
      .json('gen_ai.tool.call.arguments', argumentsOf(input));
  }

  private observed(part: Part, agent: Span, given: Dict): void {
    const type = word(given['type']) ?? '';
    const final = word(member(given['finalResponse'], 'text'));
    if (type === 'FINISH' || final !== undefined) {
      if (agent !== this.run.root && final !== undefined)
        agent.messages('gen_ai.output.messages', [{ role: 'assistant', text: final }]);
      return;
    }
    const reprompt = dict(given['repromptResponse']);
    const source = word(reprompt['source']) ?? '';
    const from = type === 'REPROMPT' ? source : type;
    const key = [from, from === 'ACTION_GROUP' ? 'ACTION_GROUP_CODE_INTERPRETER' : from]
      .map((kind) => `${kind} ${part.chain} ${part.step}`)
      .find((one) => this.open.has(one));
    const span =
      key === undefined
        ? this.step(part, agent, type.toLowerCase())?.text('openinference.span.kind', 'CHAIN')
        : this.open.get(key);
    if (key !== undefined) this.open.delete(key);
    if (span === undefined) return;
    const code = dict(given['codeInterpreterInvocationOutput']);
    const { error, ending } = type === 'REPROMPT' ? reprompted(reprompt) : ranCode(code);
    span.facts = {
      ...span.facts,
      endMs: part.atMs ?? span.facts.endMs,
      ...(error === undefined ? {} : { error }),
      ...(ending === undefined ? {} : { ending }),
    };
    const looked = list(member(given['knowledgeBaseLookupOutput'], 'retrievedReferences'));
    if (type === 'KNOWLEDGE_BASE') span.json('gen_ai.retrieval.documents', documentsOf(looked));
    const text = word(member(given['actionGroupInvocationOutput'], 'text'));
    if (text !== undefined) span.text('gen_ai.tool.call.result', text);
    else if (Object.keys(code).length > 0)
      span.json('gen_ai.tool.call.result', pick(code, ['executionOutput', 'executionError', 'executionTimeout', 'files']));
    const answer = word(member(member(given['agentCollaboratorInvocationOutput'], 'output'), 'text'));
    if (answer !== undefined) span.messages('gen_ai.output.messages', [{ role: 'assistant', text: answer }]);
  }

  private guardrail(part: Part, agent: Span): void {
    const action = word(part.body['action']);
    const ending: Ending | undefined =
      action === 'INTERVENED' ? { outcome: 'blocked', source: 'guardrailTrace.action' } : undefined;
    const metadata = part.body['metadata'];
    this.step(part, agent, 'guardrail', {
      startMs: time(member(metadata, 'startTime')) ?? part.atMs,
      endMs: time(member(metadata, 'endTime')) ?? part.atMs,
      ...(ending === undefined ? {} : { ending }),
    })
      ?.text('gen_ai.operation.name', 'run_guardrail')
      .text('misstep.node.status', action);
  }
}

interface Failure {
  readonly error?: SpanError;
  readonly ending?: Ending;
}

/** Bedrock asks the model again: its call could not be read, or what it called failed. The agent goes on. */
function reprompted(reprompt: Dict): Failure {
  const source = word(reprompt['source']) ?? '';
  return {
    error: { type: source || 'reprompt', message: word(reprompt['text']) ?? 'The agent was asked again.' },
    ending: { outcome: 'handled_error', source: `repromptResponse.source=${source.slice(0, 40)}` },
  };
}

/** The code interpreter answers in any case: what went wrong is in the answer. */
function ranCode(output: Dict): Failure {
  const said = word(output['executionError']);
  if (output['executionTimeout'] === true)
    return {
      error: { type: 'timeout', message: said ?? 'The code ran too long.' },
      ending: { outcome: 'timeout', source: 'executionTimeout' },
    };
  if (said === undefined) return {};
  return { error: { type: 'execution_error', message: said }, ending: { outcome: 'handled_error', source: 'executionError' } };
}

function parsed(text: unknown): unknown {
  if (typeof text !== 'string' || text.length > MAX_JSON || !/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return repaired(text);
  }
}

/** Bedrock prints a line break in a result as a backslash and a blank, which is no JSON; any other lone backslash stands for itself. */
function repaired(text: string): unknown {
  try {
    return JSON.parse(
      text.replace(/\\(["\\/bfnrt]|u[\da-fA-F]{4})|\\ ?/g, (all, known) =>
        known !== undefined ? all : all.length === 2 ? '\\n' : '\\\\',
      ),
    );
  } catch {
    return undefined;
  }
}

/** What the model said and asked for: its reply as JSON (of Claude, of Converse), or a text with calls as XML. */
function replyOf(said: string | undefined): ChatMessage {
  const reply = parsed(said);
  const content = list(member(reply, 'content') ?? member(member(member(reply, 'output'), 'message'), 'content'));
  if (content.length === 0) return xmlReply(said);
  const texts: string[] = [];
  const calls: Call[] = [];
  for (const part of content) {
    const text = word(member(part, 'text'));
    if (text !== undefined) texts.push(text);
    const use = isObject(member(part, 'toolUse')) ? member(part, 'toolUse') : part;
    const name = word(member(use, 'name'));
    if (name !== undefined)
      calls.push({ id: word(member(use, 'toolUseId') ?? member(use, 'id')), name, arguments: member(use, 'input') });
  }
  return { role: 'assistant', text: texts.length === 0 ? undefined : texts.join('\n'), calls };
}

const MAX_CALLS = 32;

function xmlReply(said: string | undefined): ChatMessage {
  const at = said?.indexOf('<function_calls>') ?? -1;
  if (said === undefined || at < 0) return { role: 'assistant', text: said };
  const calls: Call[] = [];
  for (const one of said
    .slice(at, at + MAX_XML)
    .split('<tool_name>')
    .slice(1, 1 + MAX_CALLS)) {
    const [name = '', rest = ''] = one.split('</tool_name>');
    const [given = ''] = (rest.split('<parameters>')[1] ?? '').split('</parameters>');
    const values = [...given.matchAll(/<(\w{1,64})>([^<]*)<\/\1>/g)].map(([, key = '', value]) => [key, value] as const);
    calls.push({ name: name.trim(), arguments: Object.fromEntries(values.filter(([key]) => key !== '__proto__')) });
  }
  return { role: 'assistant', text: said.slice(0, at).trim() || undefined, calls };
}

/** A result that went back to the model in a user's message: XML for older models, a printed object for newer ones. */
function resultOf(said: string): string | undefined {
  const start = said.trimStart();
  if (start.startsWith('<function_results>')) {
    const found = [...start.slice(0, MAX_XML).matchAll(/<(stdout|stderr|error)>([\s\S]*?)<\/\1>/g)].map(
      ([, , text = '']) => text,
    );
    return found.length === 0 ? said : found.join('\n');
  }
  if (!start.startsWith('[{tool_use_id=') && !start.startsWith('[{toolResult=')) return undefined;
  const from = start.indexOf('text=', start.indexOf('content='));
  const to = start.indexOf(', reasoningText=', from);
  return from > 0 && to > from ? start.slice(from + 'text='.length, to) : said;
}

function promptOf(prompt: unknown): ChatMessage[] {
  const messages = list(member(prompt, 'messages')).map((message) => {
    const content = member(message, 'content');
    const said = Array.isArray(content) ? content.map((part) => word(member(part, 'text')) ?? '').join('\n') : word(content);
    const role = word(member(message, 'role')) ?? 'user';
    const result = role === 'user' && said !== undefined ? resultOf(said) : undefined;
    if (result !== undefined) return { role: 'tool', text: result };
    const plain = /^\[\{text=([\s\S]*?)(?:, type=text)?\}\]$/.exec(said ?? '');
    return { role, text: plain?.[1] ?? said };
  });
  return messages;
}

function argumentsOf(input: Dict): unknown {
  if (input['code'] !== undefined) return pick(input, ['code', 'files']);
  const parameters = list(input['parameters']).map((one) => [word(member(one, 'name')) ?? '', member(one, 'value')] as const);
  const body = Object.values(dict(member(input['requestBody'], 'content'))).flatMap((given) => list(given));
  const sent = body.map((one) => [word(member(one, 'name')) ?? '', member(one, 'value')] as const);
  return Object.fromEntries([...parameters, ...sent].filter(([name]) => name !== '' && name !== '__proto__'));
}

function documentsOf(found: readonly unknown[]): readonly object[] {
  return found.map((one) => ({
    content: word(member(member(one, 'content'), 'text')),
    score: member(one, 'score'),
    id: word(member(member(member(one, 'location'), 's3Location'), 'uri')),
  }));
}

function pick(from: Dict, keys: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined && from[key] !== null).map((key) => [key, from[key]]));
}
