// Writes examples/demo/recording.json, what `misstep demo` plays. Recording again changes nothing.
import { fileURLToPath } from 'node:url';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { playRun } from './demo-run.mjs';
import { recorder } from './recorder.mjs';

const { provider, write } = recorder('market-brief', '1.0.0');
playRun({
  tracer: provider.getTracer('market-brief-agents', '1.0.0'),
  context: ROOT_CONTEXT,
  startMs: Date.UTC(2026, 0, 15, 9, 0, 0),
});
await write(fileURLToPath(new URL('../../examples/demo/recording.json', import.meta.url)));
