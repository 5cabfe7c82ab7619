// What the API costs the spans: `node dist/bench/api.js [spans/s] [requests/s] [seconds] [pairs] [shape]` after a build. The built command line with
// `config/platform.yaml` and an OTLP exporter beside the store, between the benchmark's load generator and its sink ($BENCH_CACHE/bin/loadgen);
// phases without and with requests to the API take turns. Prints the acknowledgement's p99 of each phase and the rate that was reached (below the
// one asked for the machine is full, and p99 says how long the queue is), what was delivered, and the rows.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { homedir, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

const [rate = 5_000, perSecond = 200, seconds = 20, pairs = 2] = process.argv.slice(2, 6).map(Number);
const SHAPE = process.argv[6] ?? 'genai';
const loadgen = join(process.env['BENCH_CACHE'] ?? join(homedir(), '.cache/misstep-bench'), 'bin/loadgen');
if (!existsSync(loadgen)) throw new Error(`${loadgen} is not built: run compare.py of the benchmark once, it builds it.`);
const program = fileURLToPath(new URL('../bin/misstep.js', import.meta.url));
const shipped = fileURLToPath(new URL('../../config/platform.yaml', import.meta.url));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const directory = mkdtempSync(join(tmpdir(), 'misstep-bench-api-'));
const [grpc, http, webhook, health, api, metrics, sinkHttp, sinkGrpc, control] = (await Promise.all(
  Array.from({ length: 9 }, freePort),
)) as [number, number, number, number, number, number, number, number, number];
const config = join(directory, 'platform.yaml');
writeFileSync(
  config,
  readFileSync(shipped, 'utf8')
    .replace('127.0.0.1:4317', `127.0.0.1:${grpc}`)
    .replace('127.0.0.1:4318', `127.0.0.1:${http}`)
    .replaceAll('127.0.0.1:4320', `127.0.0.1:${webhook}`)
    .replace('127.0.0.1:13133', `127.0.0.1:${health}`)
    .replace(
      'endpoint: 127.0.0.1:8000',
      `endpoint: 127.0.0.1:${api}\n    requests_per_minute: 1000000\n    tenant_requests_per_minute: 1000000`,
    )
    .replace(/^exporters:$/m, `exporters:\n  otlp_http:\n    endpoint: http://127.0.0.1:${sinkHttp}\n    compression: none`)
    .replace('exporters: [store, detections]', 'exporters: [store, detections, otlp_http]')
    // The load generator sends one session for all that it sends.
    .concat(
      `  telemetry: {logs: {level: error}, metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]}}\n`,
    ),
);

const children: ChildProcess[] = [];
function started(command: string, args: readonly string[], out: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['ignore', out, 'inherit'],
    env: { ...process.env, MISSTEP_DATA: join(directory, 'data') },
  });
  children.push(child);
  return child;
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 });
function get(port: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = '';
      response.on('data', (some) => {
        body += some;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}
const text = (port: number, path: string) => get(port, path).then(({ body }) => body);

function sum(page: string, name: string): number {
  return [...page.matchAll(new RegExp(`^${name}(?:_total)?(?:{[^}]*})? (\\S+)$`, 'gm'))].reduce(
    (all, one) => all + Number(one[1]),
    0,
  );
}

const loaded = (
  spans: number,
): Promise<{ readonly acked: number; readonly p50_ms: number; readonly p99_ms: number; readonly refused: number }> => {
  const args = [
    'load',
    '-addr',
    `127.0.0.1:${http}`,
    '-shape',
    SHAPE,
    '-rate',
    `${rate}`,
    '-spans',
    `${spans}`,
    '-max',
    `${seconds * 3}`,
  ];
  const child = started(loadgen, args, 'pipe');
  let said = '';
  child.stdout?.on('data', (some) => {
    said += some;
  });
  return new Promise((resolve) => child.on('close', () => resolve(JSON.parse(said.trim().split('\n').at(-1) ?? '{}'))));
};

const PATHS = ['/traces?per_page=20', '/detections?per_page=20', '/traces?per_page=20&status=completed', '/health', '/trace'];
/** Requests at a fixed rate, whether those before were answered or not. */
async function ask(until: () => boolean): Promise<{ readonly ms: number[]; readonly wrong: number }> {
  const ms: number[] = [];
  let wrong = 0;
  let trace: string | undefined;
  const waiting = new Set<Promise<void>>();
  const began = performance.now();
  for (let n = 0; !until(); n++) {
    const due = began + (n * 1_000) / perSecond;
    if (due > performance.now()) await pause(due - performance.now());
    const asked = PATHS[n % PATHS.length] as string;
    const path = asked === '/trace' ? (trace === undefined ? '/health' : `/traces/${trace}/states`) : asked;
    const from = performance.now();
    const one = get(api, `/api/v1${path}`)
      .then(({ status, body }) => {
        ms.push(performance.now() - from);
        if (status !== 200) wrong++;
        else if (path.startsWith('/traces?'))
          trace = (JSON.parse(body) as { traces: { id: string }[] }).traces.at(-1)?.id ?? trace;
      })
      .catch(() => {
        wrong++;
      })
      .finally(() => waiting.delete(one));
    waiting.add(one);
  }
  await Promise.all(waiting);
  return { ms, wrong };
}
const quantile = (values: number[], q: number): number =>
  values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN;

started(loadgen, [
  'sink',
  '-http',
  `127.0.0.1:${sinkHttp}`,
  '-grpc',
  `127.0.0.1:${sinkGrpc}`,
  '-ctl',
  `127.0.0.1:${control}`,
  '-max',
  '1200',
]);
const sidecar = started(process.execPath, [program, 'run', '--config', config]);
for (let tries = 0; ; tries++) {
  if (await text(api, '/api/v1/health').catch(() => undefined)) break;
  if (tries > 300) throw new Error('misstep does not start.');
  await pause(100);
}
console.log(`${rate} spans/s (${SHAPE}) for ${seconds} s a phase; load of the machine before: ${loadavg()[0]?.toFixed(1)}`);
const { acked: warm } = await loaded(rate * 3);
let acked = 0;
for (let phase = 0; phase < pairs * 2; phase++) {
  const withApi = phase % 2 === 1;
  let over = false;
  const asking = withApi ? ask(() => over) : undefined;
  const from = performance.now();
  const load = await loaded(rate * seconds);
  const reached = load.acked / ((performance.now() - from) / 1_000);
  over = true;
  acked += load.acked;
  const answers = await asking;
  const shown =
    answers === undefined
      ? ''
      : `; ${answers.ms.length} API requests, p50 ${quantile(answers.ms, 0.5).toFixed(1)} ms, p99 ${quantile(answers.ms, 0.99).toFixed(1)} ms, ${answers.wrong} not answered with 200`;
  console.log(
    `${withApi ? `with ${perSecond} requests/s` : 'without requests'}: ${reached.toFixed(0)} spans/s reached, p50 ${load.p50_ms.toFixed(2)} ms, p99 ${load.p99_ms.toFixed(2)} ms, ${load.acked} spans acknowledged, ${load.refused} requests refused${shown}`,
  );
}
// All that was acknowledged is delivered and written, or counted as not kept.
let page = '';
const name = 'otelcol_exporter_queue_size';
for (let tries = 0; tries < 240; tries++) {
  page = await text(metrics, '/metrics');
  if (sum(page, name) === 0) break;
  await pause(500);
}
await pause(2_000);
page = await text(metrics, '/metrics');
const delivered = (JSON.parse(await text(control, '/stats')) as { readonly spans: number }).spans;
const stored = [...page.matchAll(/^otelcol_exporter_sent_spans(?:_total)?{[^}]*exporter="store"[^}]*} (\S+)$/gm)].reduce(
  (all, one) => all + Number(one[1]),
  0,
);
const accepted = sum(page, 'otelcol_receiver_accepted_spans');
const notKept = sum(page, 'misstep_store_not_kept_spans');
const failed = sum(page, 'otelcol_exporter_enqueue_failed_spans') + sum(page, 'otelcol_exporter_send_failed_spans');
console.log(
  `${acked} spans acknowledged in the phases , ${warm} in the warm-up; ${accepted} accepted by the receiver, ${delivered} delivered to the backend, ${stored} written to the database, ${notKept} not kept by the store, ${failed} failed; load of the machine after: ${loadavg()[0]?.toFixed(1)}`,
);
const gone = new Promise((resolve) => sidecar.once('exit', resolve));
sidecar.kill('SIGTERM');
await gone;
for (const child of children) child.kill();
agent.destroy();
rmSync(directory, { recursive: true, force: true });
