/**
 * Random kill -9 of two consumers and of a real broker under load (claim 19):
 *
 *     npm run build --silent && node dist/scripts/faults/kafka.js [kills, 10] [seed, 1]
 *
 * Runs are sent a span a request through misstep into Kafka; two consumers read, look at and forward them. After the last kill all is left
 * alone until every span has come. Exit 1 if one has not, or if a run has other findings, by id, than the first. Needs scripts/peers/kafka/install.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { absentKafka, hasKafka, startKafka } from '../peers/kafka.ts';
import { demoRun, file, freePorts, post, standingOf, startBackend, until } from '../peers/kit.ts';

const [kills = 10, seed = 1] = process.argv.slice(2).map(Number);
if (!hasKafka()) throw new Error(absentKafka);
let state = seed >>> 0;
/** An LCG: kills at the same places for the same seed. */
const random = (below: number) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const broker = await startKafka();
await broker.createTopic('spans', 4);
const backend = await startBackend();
const [port] = (await freePorts(1)) as [number];
const tail = (pipelines: string) => `
service: { telemetry: { metrics: { level: none } }, pipelines: { traces: ${pipelines} } }
`;
const ingest = file(
  'misstep.yaml',
  `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
  kafka: { brokers: [${broker.address}], timeout: 2s, retry_on_failure: { initial_interval: 200ms, max_interval: 500ms }, traces: { topic: spans } }
${tail('{ receivers: [otlp], exporters: [kafka] }')}`,
);
const consume = file(
  'misstep.yaml',
  `
receivers:
  kafka:
    { brokers: [${broker.address}], timeout: 2s, traces: { topic: spans }, initial_offset: earliest, session_timeout: 2s, heartbeat_interval: 300ms, rebalance_timeout: 5s, autocommit: { interval: 100ms } }
processors: { detect: {} }
exporters: { otlp_http: { endpoint: "${backend.url}", sending_queue: { enabled: false } } }
${tail('{ receivers: [kafka], processors: [detect], exporters: [otlp_http] }')}`,
);
const begin = (config: string) =>
  spawn(process.execPath, [fileURLToPath(new URL('../../bin/misstep.js', import.meta.url)), 'run', '--config', config], {
    stdio: 'ignore',
  });
const end = async (child: ChildProcess) => {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await gone;
};

const sender = begin(ingest);
const consumers = [begin(consume), begin(consume)];
const runs = Array.from({ length: kills * 2 }, (_, i) => demoRun(1_000 + i));
const requests = runs.flatMap((run) => run.perSpan);
const at = new Set<number>();
while (at.size < kills) at.add(random(requests.length));
const killed = { consumer: 0, broker: 0 };
await until('the sender', () =>
  fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  ),
);
for (const [i, request] of requests.entries()) {
  await post(port, request);
  if (!at.has(i)) continue;
  const victim = random(3);
  if (victim === 2) {
    killed.broker++;
    await broker.kill();
    await broker.restart();
  } else {
    killed.consumer++;
    await end(consumers[victim] as ChildProcess);
    consumers[victim] = begin(consume);
  }
}
const own = () => backend.spans.filter((span) => span.scope !== 'misstep');
const distinct = () => new Set(own().map((span) => span.traceId + span.spanId)).size;
const ids = (traceId: string) => standingOf(backend.spans.filter((span) => span.traceId === traceId)).size;
const wanted = ids.bind(undefined, runs[0]?.traceId ?? '');
await until('all spans', () => distinct() === requests.length, 120_000).catch(() => {});
await until('the same findings', () => wanted() > 0 && runs.every((run) => ids(run.traceId) === wanted()), 60_000).catch(
  () => {},
);
const other = runs.filter((run) => ids(run.traceId) !== wanted()).length;
const missing = requests.length - distinct();
console.log(
  `${killed.consumer} kills of a consumer, ${killed.broker} of the broker: ${requests.length} spans, ${missing} missing, ${own().length - distinct()} came again; ` +
    `${runs.length} runs, ${wanted()} findings each, ${other} with another number`,
);
for (const child of [sender, ...consumers]) await end(child);
backend.close();
await broker.stop();
process.exitCode = missing > 0 || other > 0 ? 1 : 0;
