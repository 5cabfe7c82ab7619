// LangChain.js: the program of examples/langchain-js, through its own instrumentation, into misstep.
import { finish, weatherExample } from '../harness.mjs';

await weatherExample('langchain-js', 'langchain', [
  'langchain@1',
  '@langchain/core@1',
  '@arizeai/openinference-instrumentation-langchain@4',
  'zod@4',
  '@opentelemetry/sdk-trace-node@2',
  '@opentelemetry/exporter-trace-otlp-proto',
]);
finish();
