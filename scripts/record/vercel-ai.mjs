// The Vercel AI SDK with its own telemetry over a scripted model. Argument: OUT.

import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { generateText, stepCountIs, tool } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';
import { recorder } from './recorder.mjs';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const { provider, write } = recorder('record-vercel-ai');

const usage = (input, output) => ({
  inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: output, text: output, reasoning: 0 },
});
const script = [
  {
    content: [{ type: 'tool-call', toolCallId: 'call_weather_1', toolName: 'get_weather', input: '{"city":"Oslo"}' }],
    finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
    usage: usage(80, 17),
    warnings: [],
  },
  {
    content: [{ type: 'text', text: 'It is -3 °C in Oslo.' }],
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: usage(120, 12),
    warnings: [],
  },
];
let turn = 0;
const model = new MockLanguageModelV3({
  modelId: 'gpt-4.1-mini',
  provider: 'openai.chat',
  doGenerate: async () => script[turn++],
});

await generateText({
  model,
  system: 'You answer questions about the weather.',
  prompt: 'What is the weather in Oslo?',
  tools: {
    get_weather: tool({
      description: 'Weather of a city, now.',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => ({ city, celsius: -3 }),
    }),
  },
  stopWhen: stepCountIs(4),
  experimental_telemetry: { isEnabled: true, functionId: 'weather-run', tracer: provider.getTracer('ai') },
});
await write(process.argv[2]);
