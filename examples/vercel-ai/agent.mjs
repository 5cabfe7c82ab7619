// An agent of the Vercel AI SDK with a scripted model: it calls one tool and answers. No network but misstep.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { generateText, stepCountIs, tool } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';

// Reads OTEL_EXPORTER_OTLP_ENDPOINT; http://localhost:4318 if unset.
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();

const usage = { inputTokens: { total: 20 }, outputTokens: { total: 5 } };
const answers = [
  {
    content: [{ type: 'tool-call', toolCallId: 'call_1', toolName: 'weather', input: '{"city":"Bonn"}' }],
    finishReason: { unified: 'tool-calls' },
  },
  { content: [{ type: 'text', text: 'It rains in Bonn.' }], finishReason: { unified: 'stop' } },
];
const model = new MockLanguageModelV3({ doGenerate: async () => ({ ...answers.shift(), usage, warnings: [] }) });

const { text } = await generateText({
  model,
  prompt: 'What is the weather in Bonn?',
  tools: { weather: tool({ inputSchema: z.object({ city: z.string() }), execute: async () => 'rain' }) },
  stopWhen: stepCountIs(3),
  experimental_telemetry: { isEnabled: true, functionId: 'forecaster' },
});
process.stdout.write(`${text}\n`);
await provider.shutdown();
