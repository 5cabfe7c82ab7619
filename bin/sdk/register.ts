/**
 * `node --import misstep/register app.js`: starts the OpenTelemetry SDK with a `MisstepSpanProcessor` before the program, for programs whose
 * libraries are instrumented and that start no SDK themselves. What is found is said on stderr, one line a finding.
 *
 * - OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES name the program; OTEL_SDK_DISABLED=true does nothing at all.
 * - With OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT the spans go there too, by OTLP/HTTP, and what was found as a span
 *   `evaluate <detector>` below its target.
 * - MISSTEP_FINDINGS: `text` (default), `json` (one detection record a line, as `misstep replay --output jsonl`) or `none`.
 *
 * A program that starts an SDK of its own adds the processor there instead: the API takes the first provider and refuses the second.
 */
import { context, TraceFlags, type TracerProvider, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { confidenceTier } from '../../src/detector/calibration.ts';
import { detectionRecord, SCOPE_NAME } from '../../src/detector/emit.ts';
import { MisstepSpanProcessor } from '../../src/sdk/processor.ts';
import type { DetectionResult } from '../../src/sdk/result.ts';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { AsyncContextManager } from './async-context.ts';
import './provide.ts';
import { resourceOf } from './resource.ts';

/** A program that ends does not wait longer for what an exporter cannot hand on. */
const END_MS = 2_000;

function start(): void {
  const { env } = process;
  const exporting = Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
  const output = env['MISSTEP_FINDINGS'] ?? 'text';
  if (!['text', 'json', 'none'].includes(output))
    process.stderr.write(
      `misstep/register: MISSTEP_FINDINGS must be text, json or none, got ${printable(output)}. Taken as text.\n`,
    );
  let provider: TracerProvider | undefined;
  const processor = new MisstepSpanProcessor({
    onFinding(result) {
      if (output !== 'none') process.stderr.write(`${output === 'json' ? record(result) : line(result)}\n`);
      if (exporting && provider !== undefined) evaluate(provider, result);
    },
  });
  const processors: SpanProcessor[] = [processor];
  if (exporting) processors.push(new BatchSpanProcessor(new OTLPTraceExporter()));
  const sdk = new BasicTracerProvider({ resource: resourceOf(env), spanProcessors: processors });
  provider = sdk;
  // If there is a provider already, the program has an SDK; then ours is not used, and says so.
  if (!trace.setGlobalTracerProvider(sdk)) {
    process.stderr.write('misstep/register: there is a tracer provider already. Add MisstepSpanProcessor to it instead.\n');
    void sdk.shutdown().catch(() => undefined);
    return;
  }
  context.setGlobalContextManager(new AsyncContextManager().enable());
  endWith(async () => {
    // First what is found at the end of windows, then the export of it.
    await processor.shutdown();
    await sdk.shutdown();
  });
}

/** Runs `end` when the program has nothing left to do, or is told to end by a signal that it does not handle itself. */
function endWith(end: () => Promise<void>): void {
  let ended: Promise<boolean> | undefined;
  /** False if it took too long. */
  const once = (): Promise<boolean> => {
    ended ??= Promise.race([
      end().then(
        () => true,
        () => true,
      ),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), END_MS).unref()),
    ]);
    return ended;
  };
  // The program has nothing left to do; an exporter that tries again is no reason to stay.
  process.once('beforeExit', () => void once().then((inTime) => (inTime ? undefined : process.exit())));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const handler = (): void => {
      process.off(signal, handler);
      // The program's own handler decides; without one the signal ends it, as it would have.
      if (process.listenerCount(signal) > 0) return;
      void once().then(() => process.kill(process.pid, signal));
    };
    process.on(signal, handler);
  }
  // `process.exit()` leaves no time for a promise: what can be said at once is said.
  process.once('exit', () => void once());
}

function line({ finding }: DetectionResult): string {
  const { severity, detector, agent, explanation, confidence, at, action } = finding;
  const sure = `${Math.round(confidence * 100)} % ${confidenceTier(confidence)}`;
  const where = `span ${at.spanId} of trace ${at.traceId}`;
  return printable(
    redact(`misstep ${severity.toUpperCase()} ${detector} (${sure}) ${agent ?? '-'}: ${explanation} ${action} ${where}`),
  );
}

function record({ finding }: DetectionResult): string {
  return JSON.stringify(detectionRecord(finding, 'register'));
}

function evaluate(provider: TracerProvider, { finding }: DetectionResult): void {
  const { at, detector, severity, confidence, explanation, id, revision, evidence } = finding;
  const target = { ...at, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  const span = provider.getTracer(SCOPE_NAME).startSpan(
    `evaluate ${detector}`,
    {
      attributes: {
        'gen_ai.evaluation.name': detector,
        'gen_ai.evaluation.score.value': confidence,
        'gen_ai.evaluation.score.label': 'fail',
        'gen_ai.evaluation.explanation': redact(explanation),
        'misstep.detection.id': id,
        'misstep.detection.revision': revision,
        'misstep.detection.severity': severity,
        'misstep.detection.confidence.tier': confidenceTier(confidence),
        'misstep.detection.target.span_id': at.spanId,
        'misstep.detection.evidence.count': evidence.length,
      },
      links: [{ context: target }],
    },
    trace.setSpanContext(context.active(), target),
  );
  span.end();
}

if (process.env['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true') start();
