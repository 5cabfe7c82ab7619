// Other people's clients and payloads: the OpenTelemetry SDK under the reference's path, and every labelled webhook body beside the repository.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it, test } from 'vitest';
import { type Rig, rig } from './rig.ts';
import { routes } from './routes.ts';
import { stepsOf } from './testing.ts';

const open: Rig[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(): Promise<Rig> {
  const made = await rig();
  open.push(made);
  return made;
}

test.each(['/api/v1/traces/ingest', '/api/v1/v1/traces', '/api/public/otel/v1/traces'])(
  "the SDK's exporter on %s",
  async (path) => {
    const on = await start();
    const exporter = new OTLPTraceExporter({ url: `http://${on.address()}${path}`, headers: { 'X-Pisama-API-Key': 'k' } });
    const results: unknown[] = [];
    const provider = new BasicTracerProvider({
      spanProcessors: [
        new SimpleSpanProcessor({
          export(spans, done) {
            exporter.export(spans, (result) => {
              results.push(result);
              done(result);
            });
          },
          shutdown: () => exporter.shutdown(),
        }),
      ],
    });
    provider.getTracer('t').startSpan('one').end();
    await provider.forceFlush();
    await provider.shutdown();
    expect(results).toEqual([{ code: 0 }]);
    expect(on.got.map(({ items }) => items)).toEqual([1]);
  },
);

const shared = resolve(import.meta.dirname, '../../../shared/eval');
const there = existsSync(join(shared, 'dev'));

const sets = [
  ['golden/dify', '/api/v1/dify/webhook'],
  ['golden/langgraph', '/api/v1/langgraph/webhook'],
  ['golden/openclaw', '/api/v1/openclaw/webhook'],
  ['golden/n8n', '/api/v1/n8n/webhook'],
  ['n8n/n8n', '/api/v1/n8n/webhook'],
  ['shell_risk_openclaw/openclaw', '/api/v1/openclaw/webhook'],
] as const;

describe.runIf(there || process.env['CI'] !== undefined)('the labelled sets', () => {
  it.each(sets)(
    'every body of %s is answered with its trace and its states, and known when it comes again',
    async (file, path) => {
      const on = await start();
      const route = routes.get(path);
      const lines = gunzipSync(readFileSync(join(shared, 'dev', `${file}.jsonl.gz`)))
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '');
      for (const line of lines) {
        const steps = stepsOf(route?.kind === 'adapter' ? route.adapter.convert(JSON.parse(line), 0) : []);
        const { status, json } = await on.send(path, line);
        expect([status, json['trace_id'], json['states_created']]).toEqual([200, steps[0]?.traceId, steps.length - 1]);
      }
      const { headers } = await on.send(path, lines[0]);
      expect(headers['idempotency-replayed']).toBe('true');
      expect(on.registry.read('misstep_receiver_refused_requests')).toEqual([]);
    },
  );
});
