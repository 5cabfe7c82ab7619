// Sends the demo's run with the OpenTelemetry JS SDK. Usage: send.mjs {grpc|http-protobuf|http-json} ENDPOINT {gzip|none}
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { playRun } from './demo-run.mjs';

const [protocol, endpoint, compression] = process.argv.slice(2);
const exporter = {
  grpc: () => new GrpcExporter({ url: `http://${endpoint}`, compression }),
  'http-json': () => new JsonExporter({ url: `http://${endpoint}/v1/traces`, compression }),
  'http-protobuf': () => new ProtobufExporter({ url: `http://${endpoint}/v1/traces`, compression }),
}[protocol]();
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'peer-js' }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
playRun({
  tracer: provider.getTracer('peer'),
  context: ROOT_CONTEXT,
  startMs: Date.now() - 10_000,
  session: `js-${protocol}-${compression}`,
});
await provider.shutdown();
