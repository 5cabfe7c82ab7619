/** Runs of nodes as spans. */
import { firstMember, member } from '../../../src/dialects/json.ts';
import { dict, errorOf, firstNumber, firstWord, number, word, writeJson } from '../payload.ts';
import type { Ending, Run, Span, SpanError } from '../run.ts';
import type { NodeRun } from './data.ts';
import type { GraphNode } from './graph.ts';
import { content, Effort, type Items, inputsOf, outputsOf, readItems, sourcesOf } from './items.ts';

export function addRuns(
  run: Run,
  runs: readonly NodeRun[],
  nodes: ReadonlyMap<string, GraphNode>,
  session: string | undefined,
): void {
  const effort = new Effort();
  const tasks = new Map(runs.map((one) => [`${one.nth} ${one.node}`, one.task]));
  runs.forEach((one, order) => {
    const { node, nth, task } = one;
    const known = nodes.get(node);
    const startMs = number(member(task, 'startTime'));
    const items = readItems(member(task, 'data'), effort);
    const sources = sourcesOf(task);
    const span = run.add({
      name: node,
      id: `${node}#${nth}`,
      startMs,
      endMs: startMs === undefined ? undefined : startMs + Math.max(0, number(member(task, 'executionTime')) ?? 0),
      error: taskError(task),
      ending: taskEnding(task, items),
    });
    if (span === undefined) return;
    const { shown, count } = inputsOf(task, sources, (source) => tasks.get(`${source.run} ${source.node}`));
    const results = items.shown.map(content);
    if (items.errors === undefined) span.note('misstep.node.items.errors');
    span
      .text('gen_ai.conversation.id', session)
      .text('misstep.node.id', node)
      .text('misstep.node.name', node)
      .text('misstep.node.type', known?.type)
      .text('misstep.node.status', word(member(task, 'executionStatus')))
      .count('misstep.node.order', order)
      .count('misstep.node.run', nth)
      .json('misstep.node.source', nonEmpty(sources))
      .json('misstep.node.settings', known?.settings)
      .json('misstep.node.inputs', nonEmpty(shown))
      .json('misstep.node.outputs', outputsOf(member(task, 'data')))
      .json('misstep.node.hints', nonEmpty(member(task, 'hints')))
      .json('misstep.node.tasks', firstMember(member(task, 'metadata'), ['subExecution', 'subRun', 'parentExecution']), 4096)
      .count('misstep.node.items.input', count)
      .count('misstep.node.items.output', items.count)
      .count('misstep.node.items.errors', items.errors)
      .count('misstep.node.output_bytes', items.size)
      .number('misstep.limit.timeout_ms', firstNumber(member(known?.parameters, 'options'), ['timeout']))
      .number('misstep.limit.max_tries', firstNumber(known?.settings, ['maxTries']))
      .number('misstep.limit.wait_ms', firstNumber(known?.settings, ['waitBetweenTries']))
      .number('misstep.limit.max_iterations', firstNumber(member(known?.parameters, 'options'), ['maxIterations']));
    kindOf(span, node, known, shown, results);
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

/** With onError a node that failed succeeds: each item that it puts out is an error. A node that waits has not ended. */
function taskEnding(task: unknown, items: Items): Ending | undefined {
  const status = word(member(task, 'executionStatus'));
  if (status === 'waiting' || status === 'running' || status === 'new') return { outcome: 'unknown', source: 'executionStatus' };
  const coped = items.count > 0 && items.errors === items.count && status !== 'error' && status !== 'crashed';
  return coped ? { outcome: 'handled_error', source: 'json.error' } : undefined;
}

function kindOf(
  span: Span,
  name: string,
  known: GraphNode | undefined,
  inputs: readonly unknown[],
  result: readonly unknown[],
): void {
  const type = known?.type ?? '';
  const short = type.slice(type.lastIndexOf('.') + 1);
  const chain = type.startsWith('@n8n/n8n-nodes-langchain');
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

function nonEmpty(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}
