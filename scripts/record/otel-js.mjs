// Hand-instrumented with the OpenTelemetry JS SDK in the GenAI conventions: the demo's run, under other ids. Argument: OUT.
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { playRun } from './demo-run.mjs';
import { recorder } from './recorder.mjs';

const { provider, write } = recorder('record-otel-js');
playRun({
  tracer: provider.getTracer('market-brief-agents', '1.0.0'),
  context: ROOT_CONTEXT,
  startMs: Date.UTC(2026, 0, 16, 9, 0, 0),
});
await write(process.argv[2]);
