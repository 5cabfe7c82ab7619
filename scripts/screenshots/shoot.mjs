// Pictures of findings in a backend's own pages, for docs/images: the demo's recording goes through the built misstep into a real backend,
// and Chromium looks at the span with the loop.
//
//   node scripts/screenshots/shoot.mjs phoenix   Phoenix of `npm run test:peers -- phoenix`
//   node scripts/screenshots/shoot.mjs jaeger    jaeger in $BENCH_CACHE/bin, if it was built with its user interface
//
// Chromium: $CHROMIUM, default /usr/bin/chromium. playwright-core is installed into $BENCH_CACHE/peers, and kept there.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLAYWRIGHT = 'playwright-core@1.65.1';
/** A page of the documentation should not weigh more. */
const MAX_BYTES = 300_000;
const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = process.env.BENCH_CACHE ?? join(homedir(), '.cache/misstep-bench');
const scratch = mkdtempSync(join(tmpdir(), 'misstep-screenshots-'));
const running = [];

const backends = {
  phoenix: {
    command: join(cache, 'peers/phoenix/venv/bin/python'),
    args: () => ['-m', 'phoenix.server.main', 'serve'],
    env: ({ ui, grpc }) => ({
      PHOENIX_HOST: '127.0.0.1',
      PHOENIX_PORT: String(ui),
      PHOENIX_GRPC_PORT: String(grpc),
      PHOENIX_WORKING_DIR: scratch,
      PHOENIX_TELEMETRY_ENABLED: 'false',
    }),
    exporters: ({ ui }) => `
  otlp_http: {endpoint: "http://127.0.0.1:${ui}"}
  phoenix: {endpoint: "http://127.0.0.1:${ui}", sending_queue: {num_consumers: 1}}`,
    logs: 'phoenix',
    seen: async ({ ui }, { spans }) => {
      const ids = spans.map(({ spanId }) => `span_ids=${spanId}`).join('&');
      const response = await fetch(`http://127.0.0.1:${ui}/v1/projects/default/span_annotations?${ids}`);
      const data = response.status === 200 ? (await response.json()).data : [];
      return data.length >= 3 && data.find((annotation) => annotation.name === 'loop').span_id;
    },
    page: ({ ui }, _played, looped) => `http://127.0.0.1:${ui}/redirects/spans/${looped}`,
    shown: 'text=execute_tool web_search',
    image: 'phoenix-annotation.png',
  },
  jaeger: {
    command: join(cache, 'bin/jaeger'),
    args: ({ ui, grpc, http, query }) => {
      const path = join(scratch, 'jaeger.yaml');
      writeFileSync(
        path,
        `
extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000}}}}
  jaeger_query: {storage: {traces: memory}, http: {endpoint: "127.0.0.1:${ui}"}, grpc: {endpoint: "127.0.0.1:${query}"}}
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
exporters: {jaeger_storage_exporter: {trace_storage: memory}}
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry: {metrics: {level: none}}
`,
      );
      return ['--config', path];
    },
    env: () => ({}),
    exporters: ({ http }) => `
  otlp_http: {endpoint: "http://127.0.0.1:${http}"}
  nop:`,
    logs: 'nop',
    seen: async ({ ui }, { traceId }) => {
      const home = await (await fetch(`http://127.0.0.1:${ui}/`)).text();
      if (home.includes('placeholder for the Jaeger UI'))
        throw new Error(`${backends.jaeger.command} was built without its user interface.`);
      const { data } = await (await fetch(`http://127.0.0.1:${ui}/api/traces/${traceId}`)).json();
      const isLoop = ({ key, value }) => key === 'misstep.detections' && value.includes('loop');
      return data?.[0]?.spans.find(({ tags }) => tags.some(isLoop))?.spanID;
    },
    page: ({ ui }, { traceId }, looped) => `http://127.0.0.1:${ui}/trace/${traceId}?uiFind=${looped}`,
    shown: '.span-name',
    image: 'jaeger-span.png',
  },
};

const [name = ''] = process.argv.slice(2);
const backend = backends[name];
if (backend === undefined) {
  process.stderr.write(`usage: node scripts/screenshots/shoot.mjs ${Object.keys(backends).join('|')}\n`);
  process.exit(2);
}

try {
  await shoot();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const stop of running) await stop();
}

async function shoot() {
  if (!existsSync(backend.command)) throw new Error(`no ${backend.command}; npm run test:peers installs or names it.`);
  const chromium = await browser();
  running.push(() => chromium.close());
  const ports = { ui: await freePort(), grpc: await freePort(), http: await freePort(), query: await freePort() };
  start(backend.command, backend.args(ports), backend.env(ports));
  await until(`${name} to answer`, () => answers(`http://127.0.0.1:${ports.ui}/`), 120_000);
  const misstep = await freePort();
  const config = join(scratch, 'misstep.yaml');
  writeFileSync(
    config,
    `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${misstep}"}}}}
processors: {detect: }
connectors: {detections: }
exporters:${backend.exporters(ports)}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http, detections]}
    logs: {receivers: [detections], exporters: [${backend.logs}]}
  telemetry: {metrics: {level: none}}
`,
  );
  start(process.execPath, [join(root, 'dist/bin/misstep.js'), 'run', '--config', config]);
  await until('misstep to answer', () => answers(`http://127.0.0.1:${misstep}/`), 20_000);
  const played = await play(misstep);
  const looped = await until(`the findings in ${name}`, () => backend.seen(ports, played), 60_000);

  const window = await chromium.newPage({ viewport: { width: 1440, height: 900 } });
  window.setDefaultTimeout(20_000);
  await window.goto(backend.page(ports, played, looped));
  await window.waitForSelector(backend.shown);
  await window.waitForLoadState('networkidle');
  mkdirSync(join(root, 'docs/images'), { recursive: true });
  const path = join(root, 'docs/images', backend.image);
  await window.screenshot({ path });
  const { size } = statSync(path);
  process.stdout.write(`${path} ${size} bytes\n`);
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes; at most ${MAX_BYTES} are wanted.`);
}

/** Sends the recording with times that end now. */
async function play(port) {
  const request = JSON.parse(readFileSync(join(root, 'examples/demo/recording.json'), 'utf8'));
  const { spans } = request.resourceSpans[0].scopeSpans[0];
  let last = 0n;
  for (const { endTimeUnixNano } of spans) if (BigInt(endTimeUnixNano) > last) last = BigInt(endTimeUnixNano);
  const shift = BigInt(Date.now()) * 1_000_000n - last;
  for (const span of spans) {
    span.startTimeUnixNano = String(BigInt(span.startTimeUnixNano) + shift);
    span.endTimeUnixNano = String(BigInt(span.endTimeUnixNano) + shift);
  }
  const headers = { 'content-type': 'application/json' };
  await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers, body: JSON.stringify(request) });
  return { spans, traceId: spans[0].traceId };
}

async function browser() {
  const folder = join(cache, 'peers/playwright');
  if (!existsSync(join(folder, 'node_modules/playwright-core'))) {
    mkdirSync(folder, { recursive: true });
    const install = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', PLAYWRIGHT];
    const { status, stderr } = spawnSync('npm', install, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`npm ${install.join(' ')}: ${stderr}`);
  }
  const { chromium } = createRequire(join(folder, 'x.js'))('playwright-core');
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: ['--headless=new', '--no-sandbox'] });
}

function start(command, args, env = {}) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'ignore' });
  running.push(() => child.kill('SIGTERM'));
}

async function answers(url) {
  try {
    await fetch(url);
    return true;
  } catch {
    return false;
  }
}

/** Asks until there is an answer that is true in Boolean terms, and says it. */
async function until(what, ask, ms) {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`Waited ${ms / 1_000} s for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
