/** Runs of nodes as spans. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import {
  dict,
  errorOf,
  firstNumber,
  firstWord,
  identifier,
  jsonSize,
  list,
  members,
  number,
  word,
  writeJson,
} from '../payload.ts';
import type { Run, Span, SpanError } from '../run.ts';
import type { NodeRun } from './data.ts';
import type { GraphNode } from './graph.ts';

/** 128 MiB: twice what a queue can carry. */
const maxSize = 128 * 1024 * 1024;
/** Items of one run that are looked through for errors. */
const maxItems = 100_000;

export function addRuns(
  run: Run,
  runs: readonly NodeRun[],
  nodes: ReadonlyMap<string, GraphNode>,
  session: string | undefined,
): void {
  const tasks = new Map(runs.map((one) => [`${one.nth} ${one.node}`, one.task]));
  runs.forEach((one, order) => {
    const { node, nth, task } = one;
    const known = nodes.get(node);
    const startMs = number(member(task, 'startTime'));
    const items = itemsOf(member(task, 'data'));
    const failed = items.filter((item) => itemError(item) !== undefined);
    const span = run.add({
      name: node,
      id: `${node}#${nth}`,
      startMs: startMs !== undefined && startMs > 0 ? startMs : undefined,
      endMs: startMs === undefined ? undefined : startMs + Math.max(0, number(member(task, 'executionTime')) ?? 0),
      error: taskError(task),
    });
    if (span === undefined) return;
    const inputs = inputsOf(task, tasks);
    span
      .text('gen_ai.conversation.id', session)
      .text('misstep.node.id', node)
      .text('misstep.node.name', node)
      .text('misstep.node.type', known?.type)
      .text('misstep.node.status', word(member(task, 'executionStatus')))
      .count('misstep.node.order', order)
      .count('misstep.node.run', nth)
      .json('misstep.node.source', sources(task))
      .json('misstep.node.settings', known?.settings)
      .json('misstep.node.inputs', inputs.length === 0 ? undefined : inputs)
      .json('misstep.node.outputs', outputsOf(member(task, 'data')))
      .json('misstep.node.hints', nonEmpty(member(task, 'hints')))
      .json('misstep.node.tasks', firstMember(member(task, 'metadata'), ['subExecution', 'subRun', 'parentExecution']), 4096)
      .count('misstep.node.items.input', inputs.length)
      .count('misstep.node.items.output', items.length)
      .count('misstep.node.items.errors', failed.length)
      .count('misstep.node.output_bytes', jsonSize(member(task, 'data'), maxSize))
      .number('misstep.limit.timeout_ms', firstNumber(member(known?.parameters, 'options'), ['timeout']))
      .number('misstep.limit.max_tries', firstNumber(known?.settings, ['maxTries']))
      .number('misstep.limit.wait_ms', firstNumber(known?.settings, ['waitBetweenTries']))
      .number('misstep.limit.max_iterations', firstNumber(member(known?.parameters, 'options'), ['maxIterations']));
    kindOf(span, node, known, inputs, items);
    const usage = member(member(task, 'metadata'), 'tokenUsage');
    span
      .count('gen_ai.usage.input_tokens', firstNumber(usage, ['inputTokens', 'promptTokens']))
      .count('gen_ai.usage.output_tokens', firstNumber(usage, ['outputTokens', 'completionTokens']));
  });
}

/** The error of a task or item, from n8n's error objects. */
function n8nError(given: unknown): SpanError | undefined {
  const error = errorOf(given);
  if (error === undefined) return undefined;
  const { message } = error;
  const detail = word(member(dict(given), 'description'));
  return { type: error.type, message: detail === undefined || detail === message ? message : `${message}: ${detail}` };
}

function taskError(task: unknown): SpanError | undefined {
  const error = n8nError(firstMember(task, ['error', 'redactedError']));
  const status = word(member(task, 'executionStatus'));
  if (status === 'canceled') return { type: 'cancelled', message: error?.message ?? 'canceled' };
  return error ?? (status === 'error' || status === 'crashed' ? { type: undefined, message: status } : undefined);
}

function kindOf(
  span: Span,
  name: string,
  known: GraphNode | undefined,
  inputs: readonly unknown[],
  items: readonly unknown[],
): void {
  const type = known?.type ?? '';
  const short = type.slice(type.lastIndexOf('.') + 1);
  const chain = type.startsWith('@n8n/n8n-nodes-langchain');
  const result = items.map((item) => member(item, 'json') ?? item);
  if (chain && short.startsWith('agent')) {
    span.text('gen_ai.operation.name', 'invoke_agent').text('gen_ai.agent.name', name);
    conversation(span, inputs, result);
  } else if (short.startsWith('embeddings')) span.text('gen_ai.operation.name', 'embeddings');
  else if (short.startsWith('memory')) span.text('gen_ai.operation.name', 'search_memory');
  else if (short.startsWith('vectorStore') || short.startsWith('retriever')) {
    span
      .text('gen_ai.operation.name', 'retrieval')
      .text('gen_ai.retrieval.query.text', firstWord(inputs[0], ['query', 'prompt', 'chatInput']));
    span.json('gen_ai.retrieval.documents', documentsOf(result));
  } else if (
    /^(lmChat|lm[A-Z]|chainLlm|openAi|anthropic|googleGemini|ollama|mistral|textClassifier|sentimentAnalysis|informationExtractor|chainSummarization|chainRetrievalQa)/.test(
      short,
    )
  ) {
    span.text('gen_ai.operation.name', 'chat').text('gen_ai.request.model', modelOf(known?.parameters));
    conversation(span, inputs, result);
  } else if (
    short.startsWith('tool') ||
    short.endsWith('Tool') ||
    short === 'httpRequest' ||
    ((known?.credentials.length ?? 0) > 0 && !short.endsWith('Trigger'))
  ) {
    span
      .text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .json('gen_ai.tool.call.arguments', inputs.length === 1 ? inputs[0] : inputs.length === 0 ? undefined : inputs)
      .json('gen_ai.tool.call.result', result.length === 1 ? result[0] : result.length === 0 ? undefined : result);
  } else span.text('openinference.span.kind', 'CHAIN');
}

function conversation(span: Span, inputs: readonly unknown[], result: readonly unknown[]): void {
  const asked =
    firstWord(inputs[0], ['chatInput', 'input', 'prompt', 'text', 'query', 'message']) ??
    (inputs.length === 0 ? undefined : writeJson(inputs[0], 32_768).text);
  const answer =
    firstWord(result[0], ['output', 'text', 'response', 'content']) ??
    (result.length === 0 ? undefined : writeJson(result[0], 32_768).text);
  span
    .messages('gen_ai.input.messages', [{ role: 'user', text: asked }])
    .messages('gen_ai.output.messages', [{ role: 'assistant', text: answer }]);
}

function modelOf(parameters: unknown): string | undefined {
  const model = firstMember(parameters, ['model', 'modelId', 'modelName']);
  return word(model) ?? firstWord(model, ['value', 'cachedResultName']);
}

function documentsOf(result: readonly unknown[]): unknown {
  const found = result.slice(0, 1000).map((one) => {
    const document = firstMember(one, ['document']) ?? one;
    return {
      content: firstWord(document, ['pageContent', 'content', 'text']),
      score: firstNumber(one, ['score']),
      metadata: member(document, 'metadata'),
    };
  });
  return found.some(({ content }) => content !== undefined) ? found : undefined;
}

/** Items of every connection and branch. */
function itemsOf(data: unknown): readonly unknown[] {
  const items: unknown[] = [];
  for (const [, branches] of members(data))
    for (const branch of list(branches)) for (const item of list(branch)) if (items.length < maxItems) items.push(item);
  return items;
}

function itemError(item: unknown): unknown {
  return firstMember(item, ['error']) ?? firstMember(member(item, 'json'), ['error']);
}

/** As given, without the content of files. */
function outputsOf(data: unknown): unknown {
  const types = members(data);
  if (types.length === 0) return undefined;
  return Object.fromEntries(
    types.map(([type, branches]) => [type, list(branches).map((branch) => list(branch).slice(0, 1000).map(withoutFiles))]),
  );
}

function withoutFiles(item: unknown): unknown {
  const binary = member(item, 'binary');
  if (!isObject(binary)) return item;
  const files = Object.fromEntries(
    members(binary).map(([key, file]) => [
      key,
      { mimeType: member(file, 'mimeType'), fileName: member(file, 'fileName'), fileSize: member(file, 'fileSize') },
    ]),
  );
  return { ...dict(item), binary: files };
}

/** Items that went in: stated, or those that the source put out. */
function inputsOf(task: unknown, tasks: ReadonlyMap<string, unknown>): readonly unknown[] {
  const stated = itemsOf(member(task, 'inputOverride'));
  if (stated.length > 0) return stated.map((item) => member(item, 'json') ?? item);
  return list(member(task, 'source'))
    .slice(0, 20)
    .flatMap((source) => {
      const from = tasks.get(`${number(member(source, 'previousNodeRun')) ?? 0} ${String(member(source, 'previousNode'))}`);
      const branch = list(member(member(from, 'data'), 'main'))[number(member(source, 'previousNodeOutput')) ?? 0];
      return list(branch)
        .slice(0, 10_000)
        .map((item) => member(item, 'json') ?? item);
    });
}

function sources(task: unknown): unknown {
  const found = list(member(task, 'source'))
    .slice(0, 100)
    .flatMap((source) => {
      const node = identifier(member(source, 'previousNode'));
      return node === undefined
        ? []
        : [
            {
              node,
              branch: number(member(source, 'previousNodeOutput')) ?? 0,
              run: number(member(source, 'previousNodeRun')) ?? 0,
            },
          ];
    });
  return found.length === 0 ? undefined : found;
}

function nonEmpty(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}
