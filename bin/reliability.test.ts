// Promises about the whole sidecar, with real parts: the shipped configuration, OTLP over HTTP, a file as backend.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startSidecar } from './commands/run.ts';
import { configure, sourcesOf } from './configure.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-promises-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}
interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes?: readonly Attribute[];
  readonly events?: readonly { readonly attributes?: readonly Attribute[] }[];
}
interface Request {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly scope?: { readonly name?: string }; readonly spans: readonly Span[] }[];
  }[];
}

const recording = readFileSync(new URL('../examples/demo/recording.json', import.meta.url), 'utf8');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The default configuration with a file instead of the console. */
async function sidecar(name: string, detect: object = {}) {
  const [http, grpc, health] = [await freePort(), await freePort(), await freePort()];
  const file = join(folder, `${name}.jsonl`);
  const overlay = (options: object) =>
    JSON.stringify({
      receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` }, http: { endpoint: `127.0.0.1:${http}` } } } },
      processors: { detect: options },
      exporters: { file: { path: file }, nop: null },
      extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
      service: {
        pipelines: {
          traces: { exporters: ['file', 'detections'] },
          logs: { exporters: ['nop'] },
          metrics: { exporters: ['nop'] },
        },
        telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
      },
    });
  const { service, shutdown } = await startSidecar(overlay(detect));
  return {
    service,
    shutdown,
    async reload(options: object): Promise<void> {
      const sources = sourcesOf({});
      const { spec, errors } = await configure({ ...sources, files: [...sources.files, `yaml:${overlay(options)}`] });
      if (spec === undefined) throw new Error(errors.join('\n'));
      await service.reload(spec);
    },
    async send(body: string): Promise<number> {
      const sent = await fetch(`http://127.0.0.1:${http}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return sent.status;
    },
    /** `<detector> <id>` of every finding that the backend got, in order, on spans and carriers. */
    findings(): string[] {
      const found: string[] = [];
      for (const span of spansOf(file)) {
        for (const { attributes = [] } of span.events ?? []) {
          const of = (key: string) => attributes.find((one) => one.key === key)?.value;
          const id = of('misstep.detection.id')?.stringValue;
          if (id !== undefined) found.push(`${of('gen_ai.evaluation.name')?.stringValue} ${id}`);
        }
      }
      return found;
    },
    spans: () => spansOf(file),
  };
}

function spansOf(file: string): Span[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.flatMap((line) =>
    (JSON.parse(line) as Request).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  );
}

test('claim 4: the same requests twice: each finding comes once, every span twice', async () => {
  const once = await sidecar('once');
  await once.send(recording);
  await once.shutdown();
  const twice = await sidecar('twice');
  expect([await twice.send(recording), await twice.send(recording)]).toEqual([200, 200]);
  await twice.shutdown();
  expect(once.findings().length).toBeGreaterThan(2);
  expect(twice.findings().sort()).toEqual(once.findings().sort());
  const own = (all: readonly Span[]) => all.filter(({ name }) => !name.startsWith('evaluate '));
  expect(own(twice.spans())).toHaveLength(2 * own(once.spans()).length);
});

test('options that change in mid-window hold for windows that open later', async () => {
  const one = await sidecar('mid-window');
  const { resourceSpans } = JSON.parse(recording) as Request;
  const part = (from: number, to: number): string =>
    JSON.stringify({
      resourceSpans: resourceSpans.map((resource) => ({
        ...resource,
        scopeSpans: resource.scopeSpans.map((scope) => ({ ...scope, spans: scope.spans.slice(from, to) })),
      })),
    });
  const reference = await sidecar('reference');
  await reference.send(recording);
  await reference.shutdown();
  await one.send(part(0, 5));
  await one.reload({ detectors: { loop: { enabled: false } } });
  await one.send(part(5, 1_000));
  // The same run under other ids opens after the change.
  await one.send(recording.replaceAll(/("traceId":\s*")(..)/g, '$1ee').replaceAll('demo-session-1', 'demo-session-2'));
  await one.shutdown();
  const loops = (found: readonly string[]) => found.filter((name) => name.startsWith('loop ')).sort();
  expect(loops(reference.findings()).length).toBeGreaterThan(0);
  expect(new Set(loops(one.findings()))).toEqual(new Set(loops(reference.findings())));
});
