// An agent of LangChain.js with a scripted model: it calls one tool and answers. No network but misstep.
import { LangChainInstrumentation } from '@arizeai/openinference-instrumentation-langchain';
import * as callbacks from '@langchain/core/callbacks/manager';
import { AIMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { createAgent } from 'langchain';
import { z } from 'zod';

// Reads OTEL_EXPORTER_OTLP_ENDPOINT; http://localhost:4318 if unset.
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();
new LangChainInstrumentation({ tracerProvider: provider }).manuallyInstrument(callbacks);

const calls = [{ type: 'tool_call', id: 'call_1', name: 'weather', args: { city: 'Bonn' } }];
const answers = [new AIMessage({ content: '', tool_calls: calls }), new AIMessage('It rains in Bonn.')];
class ScriptedModel extends FakeListChatModel {
  bindTools() {
    return this;
  }
  async _generate() {
    const message = answers.shift();
    return { generations: [{ text: message.text, message }] };
  }
}

const weather = tool(async () => 'rain', { name: 'weather', description: 'By city', schema: z.object({ city: z.string() }) });
const agent = createAgent({ name: 'forecaster', model: new ScriptedModel({ responses: [''] }), tools: [weather] });
const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'What is the weather in Bonn?' }] });
process.stdout.write(`${messages.at(-1).text}\n`);
await provider.shutdown();
