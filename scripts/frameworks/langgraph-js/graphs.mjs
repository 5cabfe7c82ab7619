// Real LangGraph.js graphs with a scripted model, offline: their debug streams to the webhook and as FOLDER/<graph>.json, their OpenInference spans by OTLP.
// Usage: graphs.mjs FOLDER MISSTEP_WEBHOOK, with OTEL_EXPORTER_OTLP_ENDPOINT set.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LangChainInstrumentation } from '@arizeai/openinference-instrumentation-langchain';
import * as callbacks from '@langchain/core/callbacks/manager';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { Annotation, END, MemorySaver, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { z } from 'zod';

const [folder, webhook] = process.argv.slice(2);
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();
new LangChainInstrumentation({ tracerProvider: provider }).manuallyInstrument(callbacks);

class Scripted extends FakeListChatModel {
  constructor(script) {
    super({ responses: [''] });
    this.script = [...script];
  }
  async _generate() {
    const message = this.script.shift();
    return { generations: [{ text: message.text, message }] };
  }
}

const usage_metadata = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
const says = (content, ...tool_calls) =>
  new AIMessage({ content, tool_calls, usage_metadata, response_metadata: { model_name: 'scripted-1' } });
const divides = (id, a, b) => ({ type: 'tool_call', id, name: 'divide', args: { a, b } });

const divide = tool(
  async ({ a, b }) => {
    if (b === 0) throw new Error('division by zero');
    return String(a / b);
  },
  { name: 'divide', description: 'Divides.', schema: z.object({ a: z.number(), b: z.number() }) },
);

function tools() {
  const model = new Scripted([
    says('', divides('t1', 6, 0)),
    says('', divides('t2', 6, 2)),
    says('Only the second has an answer: 3.'),
  ]);
  return new StateGraph(MessagesAnnotation)
    .addNode('model', async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
    .addNode('tools', new ToolNode([divide]))
    .addEdge(START, 'model')
    .addConditionalEdges('model', ({ messages }) => (messages.at(-1).tool_calls.length > 0 ? 'tools' : END), ['tools', END])
    .addEdge('tools', 'model');
}

const Count = Annotation.Root({
  n: Annotation(),
  log: Annotation({ reducer: (before, more) => before.concat(more), default: () => [] }),
});
const does = (name) => (state) => ({ n: state.n + 1, log: [name] });

const endless = () =>
  new StateGraph(Count)
    .addNode('work', ({ n }) => ({ n, log: ['same'] }))
    .addEdge(START, 'work')
    .addConditionalEdges('work', () => 'work', ['work', END]);

function nested() {
  const inner = new StateGraph(Count)
    .addNode('one', does('one'))
    .addNode('two', does('two'))
    .addEdge(START, 'one')
    .addEdge('one', 'two');
  return new StateGraph(Count)
    .addNode('before', does('before'))
    .addNode('inner', inner.compile())
    .addEdge(START, 'before')
    .addEdge('before', 'inner');
}

const broken = () =>
  new StateGraph(Count)
    .addNode('fail', () => {
      throw new TypeError('no such record');
    })
    .addEdge(START, 'fail');

const ask = { messages: [new HumanMessage('What is 6 / 0, and what 6 / 2?')] };
const graphs = {
  tools: [tools, ask],
  // No limit: the default of the library.
  endless: [endless, { n: 0 }],
  limited: [endless, { n: 0 }, { recursionLimit: 12 }],
  nested: [nested, { n: 0 }],
  broken: [broken, { n: 0 }],
};

for (const [name, [build, given, limits]] of Object.entries(graphs)) {
  const graph = build().compile({ checkpointer: new MemorySaver() });
  const config = { configurable: { thread_id: `thread-${name}`, authorization: 'Bearer leak' }, ...limits };
  const steps = [];
  let ended = {};
  try {
    for await (const part of await graph.stream(given, { ...config, streamMode: 'debug', subgraphs: true })) steps.push(part);
  } catch (error) {
    ended = { status: 'error', error: { type: error.name, message: error.message } };
  }
  const body = JSON.stringify({ run_id: `run-${name}`, thread_id: `thread-${name}`, steps, ...ended });
  writeFileSync(join(folder, `${name}.json`), body);
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${webhook}/api/v1/langgraph/webhook`, { method: 'POST', headers, body });
  writeFileSync(join(folder, `${name}.answer.json`), await answer.text());
}
await provider.shutdown();
