// A tracer provider with seeded ids, and what it recorded as one OTLP/JSON request, as the SDK's own serializer writes it.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

/** `seed` is also the service's name. Spans are written in the order in which they ended. */
export function recorder(seed, version) {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': seed, ...(version && { 'service.version': version }) }),
    idGenerator: seededIds(seed),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const write = async (path) => {
    await provider.forceFlush();
    const request = JSON.parse(new TextDecoder().decode(JsonTraceSerializer.serializeRequest(exporter.getFinishedSpans())));
    writeFileSync(path, `${JSON.stringify(request, null, 1)}\n`);
  };
  return { provider, write };
}

function seededIds(seed) {
  let n = 0;
  const id = (bytes) =>
    createHash('sha256')
      .update(`${seed} ${n++}`)
      .digest('hex')
      .slice(0, 2 * bytes);
  return { generateTraceId: () => id(16), generateSpanId: () => id(8) };
}
