// A real Collector spreads sessions over three sidecars (examples/load-balancing): what they find, and what a killed one costs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  absent,
  type Backend,
  type FlatSpan,
  file,
  freePorts,
  note,
  peer,
  post,
  type Running,
  root,
  start,
  startBackend,
  startMisstep,
  until,
} from './kit.ts';
import { foundIn, type Session, sessions, together } from './sessions.ts';

const otelcol = peer('otelcol-misstep');
if (!otelcol) note(absent('otelcol-misstep'));

const example = join(root, 'examples/load-balancing');
const collectorConfig = join(example, 'collector.yaml');

const stops: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

const original = (spans: readonly FlatSpan[]): FlatSpan[] => spans.filter(({ scope }) => scope !== 'misstep');
const spansOf = (all: readonly Session[]): number => all.length * 6;

interface Sidecars {
  readonly app: number;
  readonly backends: readonly Backend[];
  /** Sidecar `i` is killed; the promise is for its start again. */
  kill(i: number): Promise<() => Promise<void>>;
  spans(): FlatSpan[];
}

/** The Collector on `config` before three sidecars of the example, each with a backend of its own. */
async function startSidecars(config: string): Promise<Sidecars> {
  const [app = 0, appGrpc = 0, ...rest] = await freePorts(8);
  const ports = rest.slice(0, 3);
  const metrics = rest.slice(3);
  const data = mkdtempSync(join(tmpdir(), 'misstep-peer-'));
  const env: Record<string, string> = { APP_HTTP: `127.0.0.1:${app}`, APP_GRPC: `127.0.0.1:${appGrpc}`, MISSTEP_DATA: data };
  ports.forEach((port, i) => {
    env[`MISSTEP_${i + 1}`] = `127.0.0.1:${port}`;
    env[`MISSTEP_METRICS_${i + 1}`] = String(metrics[i]);
  });
  const backends = await Promise.all(ports.map(() => startBackend()));
  const running: Running[] = [];
  const launch = async (i: number): Promise<void> => {
    const backend = (backends[i] as Backend).url.slice('http://'.length);
    running[i] = await startMisstep(join(example, `misstep-${i + 1}.yaml`), [ports[i] as number], {
      ...env,
      BACKEND_HTTP: backend,
    });
  };
  await Promise.all(ports.map((_, i) => launch(i)));
  const collector = await start(otelcol as string, ['--config', config], [app, appGrpc], env);
  stops.push(
    () => collector.stop(),
    () => Promise.all(running.map((one) => one.stop())),
    ...backends.map((one) => () => one.close()),
  );
  return {
    app,
    backends,
    kill: async (i) => {
      await (running[i] as Running).kill();
      return () => launch(i);
    },
    spans: () => backends.flatMap(({ spans }) => spans),
  };
}

/** What one sidecar alone finds. */
async function foundAlone(all: readonly Session[]): Promise<string[]> {
  const backend = await startBackend();
  const [port = 0] = await freePorts(1);
  const config = file(
    'alone.yaml',
    `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}}
processors: {detect: }
exporters: {otlp_http: {endpoint: "${backend.url}"}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http]}}
  telemetry: {metrics: {level: none}}
`,
  );
  const alone = await startMisstep(config, [port]);
  stops.push(
    () => alone.stop(),
    () => backend.close(),
  );
  await send(port, all, 0);
  await send(port, all, 1);
  await until('all spans', () => original(backend.spans).length >= spansOf(all));
  return foundIn(backend.spans, all);
}

/** Trace `t` of every session, in requests of twenty sessions. */
async function send(port: number, all: readonly Session[], t: number): Promise<void> {
  for (let i = 0; i < all.length; i += 20) {
    await post(port, together(all.slice(i, i + 20).map(({ requests }) => requests[t] as object)));
  }
}

describe.runIf(otelcol)('three sidecars behind load_balancing', () => {
  test('the Collector accepts the configuration of the example', () => {
    const { status, stderr } = spawnSync(otelcol as string, ['validate', '--config', collectorConfig], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  test('each session is at one sidecar, and what is found is what one sidecar alone finds', async () => {
    const all = sessions(240, Date.now());
    const { app, backends, spans } = await startSidecars(collectorConfig);
    await send(app, all, 0);
    await send(app, all, 1);
    await until('all spans', () => original(spans()).length >= spansOf(all));
    expect(original(spans())).toHaveLength(spansOf(all));
    const places = new Map<string, Set<number>>();
    backends.forEach((backend, i) => {
      for (const { attributes } of original(backend.spans)) {
        const session = attributes['gen_ai.conversation.id'] as string;
        places.set(session, (places.get(session) ?? new Set()).add(i));
      }
    });
    expect([...places.values()].every(({ size }) => size === 1)).toBe(true);
    expect(places.size).toBe(all.length);
    const share = backends.map((backend) => original(backend.spans).length / spansOf(all));
    note(`load_balancing by session: shares ${share.map((one) => one.toFixed(2)).join(', ')}`);
    for (const one of share) expect(one).toBeGreaterThan(0.15);
    const expected = await foundAlone(all);
    expect(expected.filter((one) => one.endsWith(' loop'))).toHaveLength(60);
    expect(foundIn(spans(), all)).toEqual(expected);
  });

  test('by trace id a session is at several, and its loop is not found', async () => {
    const all = sessions(240, Date.now());
    const text = readFileSync(collectorConfig, 'utf8')
      .replace('routing_key: attributes', 'routing_key: traceID')
      .replace(/ +routing_attributes: .*\n/, '');
    const { app, spans } = await startSidecars(file('by-trace.yaml', text));
    await send(app, all, 0);
    await send(app, all, 1);
    await until('all spans', () => original(spans()).length >= spansOf(all));
    const loops = foundIn(spans(), all).filter((one) => one.endsWith(' loop')).length;
    note(`load_balancing by trace id: ${loops} of 60 loops`);
    // Two traces meet at one of three sidecars once in three times.
    expect(loops).toBeGreaterThan(5);
    expect(loops).toBeLessThan(40);
  });

  test('one is killed under load and comes back: nothing is lost, and the findings are the same', async () => {
    const all = sessions(240, Date.now());
    const { app, kill, spans } = await startSidecars(collectorConfig);
    await send(app, all, 0);
    const sending = send(app, all, 1);
    const again = await kill(0);
    await sending;
    await again();
    const ids = (): Set<string> => new Set(original(spans()).map(({ spanId }) => spanId));
    await until('all spans', () => ids().size >= spansOf(all), 60_000);
    expect(ids().size).toBe(spansOf(all));
    const twice = original(spans()).length - spansOf(all);
    note(`a sidecar killed: 0 of ${spansOf(all)} spans lost, ${twice} twice`);
    // What was on its way into or out of the one that was killed.
    expect(twice).toBeLessThan(spansOf(all) / 3);
    const expected = await foundAlone(all);
    await until('all findings', () => foundIn(spans(), all).length >= expected.length);
    expect(foundIn(spans(), all)).toEqual(expected);
  });
});
