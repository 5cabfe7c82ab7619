// Vercel AI SDK: the program of examples/vercel-ai, through its own instrumentation, into misstep.
import { finish, weatherExample } from '../harness.mjs';

await weatherExample('vercel-ai', 'vercel-ai', [
  'ai@6',
  'zod@4',
  '@opentelemetry/sdk-trace-node@2',
  '@opentelemetry/exporter-trace-otlp-proto',
]);
finish();
