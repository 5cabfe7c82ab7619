// Promises about the whole sidecar, with real parts: the shipped configuration, OTLP over HTTP, a file as backend.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { register as registerReplay } from './commands/replay.ts';
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
      await this.reloadText(overlay(options));
    },
    text: overlay,
    /** As a signal does: what has problems leaves the old configuration in force. Throws what they are. */
    async reloadText(text: string): Promise<void> {
      const sources = sourcesOf({});
      const { spec, errors } = await configure({ ...sources, files: [...sources.files, `yaml:${text}`] });
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

test('claim 5: what replay finds in a file is what is found live', async () => {
  const live = await sidecar('live');
  await live.send(recording);
  await live.shutdown();
  const out: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  const program = new Command();
  registerReplay(program);
  const demo = new URL('../examples/demo/recording.json', import.meta.url).pathname;
  const before = process.exitCode;
  await program.parseAsync(['replay', '--output', 'jsonl', demo], { from: 'user' });
  process.exitCode = before;
  spy.mockRestore();
  const records = out
    .join('')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const replayed = records
    .filter(({ kind, confidence }) => kind === 'detection' && Number(confidence) >= 0.6)
    .map(({ detector, id }) => `${detector} ${id}`);
  expect(replayed.length).toBeGreaterThan(2);
  expect(live.findings().sort()).toEqual(replayed.sort());
});

test('claim 15: a configuration that is damaged at random either is in force whole or leaves the old one serving', {
  timeout: 120_000,
}, async () => {
  const one = await sidecar('reloads');
  const good = one.text({});
  let taken = 0;
  let refused = 0;
  let sent = 0;
  const cut = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(12),
    text: fc.string({ maxLength: 6 }),
  });
  const alter = (text: string, { at, length, text: put }: { at: number; length: number; text: string }): string => {
    // Listeners stay where they are, so that the client finds them.
    const from = text.indexOf('"processors"') + Math.floor(at * (text.length - text.indexOf('"processors"')));
    return text.slice(0, from) + put + text.slice(from + length);
  };
  await fc.assert(
    fc.asyncProperty(cut, async (change) => {
      const answers = Promise.all([one.send(recording), one.send(recording)]);
      try {
        await one.reloadText(alter(good, change));
        taken++;
      } catch {
        refused++;
      }
      expect(await answers).toEqual([200, 200]);
      sent += 2;
      await one.reload({});
    }),
    { seed: 5, numRuns: 40 },
  );
  expect(await one.send(recording)).toBe(200);
  await one.shutdown();
  expect(refused).toBeGreaterThan(10);
  expect(taken + refused).toBeGreaterThanOrEqual(40);
  expect(sent).toBeGreaterThanOrEqual(80);
});
