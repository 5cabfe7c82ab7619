/**
 * Bodies of n8n's log streaming `{id, ts, eventName, message, payload}`: each says one thing of an execution, in a request of its
 * own. They carry ids and names, at AI nodes what was said; neither the status nor the time of a node.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, firstNumber, firstWord, identifier, time, word } from '../payload.ts';
import { Run, type Span, type TraceDocument } from '../run.ts';

const format = 'n8n';

export function isEvent(item: unknown): item is Dict {
  return word(member(item, 'eventName')) !== undefined && isObject(member(item, 'payload'));
}

/** Runs of one list of events; further ones are left out. */
const maxRuns = 1000;

/** One document an execution; events that belong to none (audit, queue, runner) give none. */
export function fromEvents(items: readonly unknown[]): TraceDocument[] {
  const executions = new Map<string, Dict[]>();
  for (const item of items) {
    if (!isEvent(item)) continue;
    const id = identifier(firstMember(member(item, 'payload'), ['executionId', 'execution_id']));
    if (id === undefined) continue;
    const known = executions.get(id);
    if (known !== undefined) known.push(item);
    else if (executions.size < maxRuns) executions.set(id, [item]);
  }
  return [...executions].map(([id, events]) => execution(id, events));
}

const endings: Readonly<Record<string, string>> = {
  'n8n.workflow.success': 'success',
  'n8n.workflow.failed': 'error',
  'n8n.workflow.cancelled': 'canceled',
  'n8n.workflow.crashed': 'crashed',
};

function execution(id: string, events: readonly Dict[]): TraceDocument {
  const end = events.find((event) => Object.hasOwn(endings, nameOf(event)));
  const start = events.find((event) => nameOf(event) === 'n8n.workflow.started');
  const all = events.map((event) => member(event, 'payload'));
  const status = end === undefined ? undefined : endings[nameOf(end)];
  const said = end === undefined ? undefined : firstWord(member(end, 'payload'), ['errorMessage']);
  const name = all.map((payload) => word(member(payload, 'workflowName'))).find(Boolean) ?? 'workflow';
  const run = new Run(format, id, {
    name,
    startMs: time(member(start, 'ts')),
    endMs: time(member(end, 'ts')),
    error:
      status === undefined || status === 'success'
        ? undefined
        : { type: status === 'canceled' ? 'cancelled' : undefined, message: said ?? status },
  });
  // The root is told once, by the event that ends the execution: a span cannot be corrected later.
  if (end === undefined) run.withoutRoot();
  run.root
    .text('openinference.span.kind', 'CHAIN')
    .text('gen_ai.workflow.name', name)
    .text('gen_ai.conversation.id', id)
    .text('misstep.run.status', status)
    .json('misstep.run.total', end === undefined ? undefined : { last_node: member(member(end, 'payload'), 'lastNodeExecuted') })
    .text('misstep.workflow.id', all.map((payload) => identifier(member(payload, 'workflowId'))).find(Boolean))
    .text('misstep.workflow.name', name);
  const started = new Map<string, number>();
  for (const event of events) {
    const kind = nameOf(event);
    const payload = member(event, 'payload');
    const node = firstWord(payload, ['nodeName', 'nodeId']);
    const at = time(member(event, 'ts'));
    if (node === undefined || at === undefined) continue;
    if (kind === 'n8n.node.started') started.set(node, at);
    else if (kind === 'n8n.node.finished' || kind.startsWith('n8n.ai.')) {
      const isNode = kind === 'n8n.node.finished';
      const span = run.add({
        name: node,
        id: member(event, 'id'),
        startMs: isNode ? (started.get(node) ?? at) : at,
        endMs: at,
        error: kind.endsWith('.error')
          ? { type: undefined, message: word(member(content(payload), 'error')) ?? kind }
          : undefined,
      });
      if (span === undefined) return run.document('n8n');
      span
        .text('gen_ai.conversation.id', id)
        .text('misstep.event.type', kind)
        .text('misstep.node.id', node)
        .text('misstep.node.name', node)
        .text('misstep.node.type', word(member(payload, 'nodeType')));
      if (isNode) span.text('openinference.span.kind', 'CHAIN');
      else aiEvent(span, kind.slice('n8n.ai.'.length), node, payload);
    }
  }
  return run.document('n8n');
}

function nameOf(event: Dict): string {
  return word(member(event, 'eventName')) ?? '';
}

/** `msg` is JSON in text. */
function content(payload: unknown): Dict {
  const given = firstMember(payload, ['msg', 'message']);
  if (typeof given !== 'string') return dict(given);
  try {
    return dict(JSON.parse(given));
  } catch {
    return { text: given };
  }
}

function aiEvent(span: Span, kind: string, node: string, payload: unknown): void {
  const said = content(payload);
  if (kind.startsWith('tool.')) {
    span
      .text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', firstWord(member(said, 'tool'), ['name']) ?? node)
      .text('gen_ai.tool.call.arguments', textOf(firstMember(said, ['query', 'input'])))
      .text('gen_ai.tool.call.result', textOf(firstMember(said, ['response', 'output'])));
  } else if (kind.startsWith('llm.')) {
    const usage = firstMember(said, ['tokenUsage', 'tokenUsageEstimate']);
    span
      .text('gen_ai.operation.name', 'chat')
      .text('gen_ai.request.model', firstWord(member(said, 'options'), ['model', 'model_name']))
      .messages('gen_ai.input.messages', [{ role: 'user', text: textOf(member(said, 'messages')) }])
      .messages('gen_ai.output.messages', [{ role: 'assistant', text: textOf(member(said, 'response')) }])
      .count('gen_ai.usage.input_tokens', firstNumber(usage, ['promptTokens', 'inputTokens']))
      .count('gen_ai.usage.output_tokens', firstNumber(usage, ['completionTokens', 'outputTokens']));
  } else if (kind.startsWith('memory.')) span.text('gen_ai.operation.name', 'search_memory');
  else if (kind.startsWith('vector.') || kind.startsWith('documents.'))
    span.text('gen_ai.operation.name', 'retrieval').text('gen_ai.retrieval.query.text', firstWord(said, ['query']));
  else span.text('openinference.span.kind', 'CHAIN').json('misstep.event.data', said, 4096);
}

function textOf(value: unknown): string | undefined {
  return word(value) ?? (value === undefined ? undefined : JSON.stringify(value)?.slice(0, 32_768));
}
