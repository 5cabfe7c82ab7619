// misstep on a real Kafka (KRaft, one node): both encodings there and back, what cannot be read, two consumers, and claim 19.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { Consumer, Producer } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absentKafka, type Broker, hasKafka, startKafka } from './kafka.ts';
import {
  absent,
  type Backend,
  demoRun,
  file,
  findingsOf,
  freePorts,
  note,
  peer,
  post,
  type Running,
  root,
  standingOf,
  start,
  startBackend,
  startMisstep,
  until,
} from './kit.ts';

const there = hasKafka();
if (!there) note(absentKafka);
const collector = peer('otelcol-misstep');
if (there && !collector) note(absent('otelcol-misstep'));

describe.skipIf(!there)('Kafka', () => {
  let broker: Broker;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    broker = await startKafka();
  }, 60_000);
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
    await broker?.stop();
  }, 60_000);

  /** OTLP over HTTP to Kafka. */
  async function sender(topic: string, more = ''): Promise<number> {
    const [port] = (await freePorts(1)) as [number];
    const config = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
  kafka:
    brokers: [${broker.address}]
    timeout: 2s
    retry_on_failure: { initial_interval: 200ms, max_interval: 500ms }
    traces: { topic: ${topic}${more} }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [kafka] } }
`;
    const running = await startMisstep(file('misstep.yaml', config), [port]);
    ends.push(() => running.stop());
    return port;
  }

  function readerConfig(topic: string, group: string, backend: Backend, more = '', detect = true): string {
    return file(
      'misstep.yaml',
      `
receivers:
  kafka:
    brokers: [${broker.address}]
    timeout: 2s
    traces: { topic: ${topic}${more} }
    group_id: ${group}
    initial_offset: earliest
    session_timeout: 2s
    heartbeat_interval: 300ms
    rebalance_timeout: 5s
    autocommit: { interval: 100ms }
    dead_letter: ${topic}_dead
processors: { detect: {} }
exporters:
  otlp_http: { endpoint: ${backend.url}, sending_queue: { enabled: false }, retry_on_failure: { initial_interval: 100ms } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [kafka], processors: [${detect ? 'detect' : ''}], exporters: [otlp_http] } }
`,
    );
  }

  async function backendOf(): Promise<Backend> {
    const backend = await startBackend();
    ends.push(() => backend.close());
    return backend;
  }

  test.each(['otlp_proto', 'otlp_json'])(
    '%s there and back, with findings',
    async (encoding) => {
      const topic = `round_${encoding}`;
      await broker.createTopic(topic, 4);
      const backend = await backendOf();
      const running: Running = await startMisstep(readerConfig(topic, topic, backend, `, encoding: ${encoding}`), []);
      ends.push(() => running.stop());
      const run = demoRun(1);
      await post(await sender(topic, `, encoding: ${encoding}`), run.whole);
      await until('the spans', () => backend.spans.filter((span) => span.scope !== 'misstep').length >= run.names.length, 30_000);
      expect(backend.spans.filter((span) => span.scope !== 'misstep').map((span) => span.name)).toEqual(run.names);
      const found = findingsOf(backend.spans, 'loop');
      expect(found.inPlace.length + found.carriers.length).toBeGreaterThan(0);
    },
    60_000,
  );

  test.skipIf(!collector)(
    'a Collector writes what misstep reads, and reads what misstep writes',
    async () => {
      await broker.createTopic('from_collector', 4);
      await broker.createTopic('to_collector', 4);
      const backend = await backendOf();
      const [port] = (await freePorts(1)) as [number];
      const config = `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } }
  kafka: { brokers: [${broker.address}], group_id: collector, initial_offset: earliest, traces: { topics: [to_collector] } }
exporters:
  kafka: { brokers: [${broker.address}], traces: { topic: from_collector }, partition_traces_by_id: true }
  otlp_http: { endpoint: "${backend.url}", compression: none }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces/in: { receivers: [otlp], exporters: [kafka] }
    traces/out: { receivers: [kafka], exporters: [otlp_http] }
`;
      const running = await start(collector as string, ['--config', file('collector.yaml', config)], [port]);
      ends.push(() => running.stop());
      const own = await backendOf();
      const reader = await startMisstep(readerConfig('from_collector', 'from_collector', own), []);
      ends.push(() => reader.stop());
      const [there, back] = [demoRun(3), demoRun(4)];
      await post(port, there.whole);
      await post(await sender('to_collector'), back.whole);
      const cameTo = (to: Backend, traceId: string) =>
        spansOf(to)
          .filter((span) => span.traceId === traceId)
          .map((span) => span.name);
      await until(
        'both',
        () =>
          cameTo(own, there.traceId).length >= there.names.length && cameTo(backend, back.traceId).length >= back.names.length,
        30_000,
      ).catch((error) => {
        throw new Error(`${error.message}\n${running.output().slice(-3_000)}\n${reader.output()}`);
      });
      expect(cameTo(own, there.traceId)).toEqual(there.names);
      expect(cameTo(backend, back.traceId)).toEqual(back.names);
    },
    60_000,
  );

  test('what cannot be read is set aside, what follows is read', async () => {
    await broker.createTopic('damaged', 1);
    await broker.createTopic('damaged_dead', 1);
    const producer = new Producer({ clientId: 'test', bootstrapBrokers: [broker.address] });
    await producer.send({ messages: [{ topic: 'damaged', value: Buffer.from([10, 200, 1]) }], acks: -1 });
    await producer.close();
    const backend = await backendOf();
    const running = await startMisstep(readerConfig('damaged', 'damaged', backend), []);
    ends.push(() => running.stop());
    const run = demoRun(2);
    await post(await sender('damaged'), run.whole);
    await until('the spans', () => spansOf(backend).length >= run.names.length, 30_000);
    expect(spansOf(backend).map((span) => span.name)).toEqual(run.names);
    await until('the log', () => running.output().includes('A message was skipped.'));
    expect(running.output()).toMatch(/A message was skipped.*"topic":"damaged","partition":0,"offset":"0","reason":"malformed"/);
    expect(await messagesOf('damaged_dead', 1)).toEqual([Buffer.from([10, 200, 1])]);
  }, 60_000);

  test('claim 19: kill -9 of a consumer and of the broker loses nothing, findings are not doubled', async () => {
    await broker.createTopic('killed', 4);
    const backend = await backendOf();
    const port = await sender('killed');
    const config = () => readerConfig('killed', 'killed', backend);
    let first = consumer(config());
    const second = consumer(config());
    await until('both to have joined', () => [first, second].every((one) => one.output().includes('are assigned')), 30_000);
    const runs = Array.from({ length: 12 }, (_, i) => demoRun(100 + i));
    for (const [i, run] of runs.entries()) {
      // A span a request: the windows of these runs are open when the consumer that has them is killed.
      for (const [n, request] of run.perSpan.entries()) {
        await post(port, request);
        if (i === 3 && n === run.perSpan.length >> 1) await first.kill();
      }
      if (i === 5) first = consumer(config());
      if (i === 8) await broker.kill();
      if (i === 10) await broker.restart();
    }
    const wanted = runs.flatMap((run) => run.names.map((name, i) => `${run.traceId} ${i} ${name}`)).length;
    const distinct = () => new Set(spansOf(backend).map((span) => `${span.traceId} ${span.spanId}`)).size;
    await until(`${wanted} spans`, () => distinct() >= wanted, 90_000).catch((error) => {
      throw new Error(`${error.message} ${distinct()} came.\n${first.output()}\n${second.output()}`);
    });
    expect(distinct()).toBe(wanted);
    const ids = (traceId: string) => standingOf(backend.spans.filter((span) => span.traceId === traceId));
    const findings = () => ids(runs[0]?.traceId ?? '').size;
    await until('the findings', () => findings() > 0 && runs.every((run) => ids(run.traceId).size === findings()), 60_000).catch(
      () => {},
    );
    // However often a finding is written, it is one: its id says so.
    const [one] = runs;
    for (const run of runs) expect([run.traceId, ids(run.traceId).size]).toEqual([run.traceId, ids(one?.traceId ?? '').size]);
    await first.kill();
    await second.kill();
  }, 240_000);

  /** Of the pipeline, without misstep's own. */
  function spansOf(backend: Backend) {
    return backend.spans.filter((span) => span.scope !== 'misstep');
  }

  async function messagesOf(topic: string, count: number): Promise<Buffer[]> {
    const reader = new Consumer({
      clientId: 'test',
      groupId: `test_${topic}`,
      bootstrapBrokers: [broker.address],
      maxWaitTime: 100,
    });
    const stream = await reader.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    const found: Buffer[] = [];
    for await (const { value } of stream) if (found.push(value) === count) break;
    const left: unknown = reader.close(true);
    await left;
    return found;
  }

  /** misstep as a process that can be killed. */
  function consumer(config: string): { output(): string; kill(): Promise<void> } {
    const child: ChildProcess = spawn(process.execPath, [join(root, 'dist/bin/misstep.js'), 'run', '--config', config]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    const kill = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    };
    ends.push(kill);
    return { output: () => output, kill };
  }
});
