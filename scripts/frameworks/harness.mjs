/** What the runs of real frameworks share: where they are kept, checks, and a misstep beside them. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const misstep = join(root, 'dist/bin/misstep.js');

/** Frameworks are installed once, outside of the repository: $FRAMEWORKS_CACHE, else the user's cache. */
export function cache(name) {
  const folder = join(process.env['FRAMEWORKS_CACHE'] ?? join(homedir(), '.cache/misstep-frameworks'), name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

export const scratch = () => mkdtempSync(join(tmpdir(), 'misstep-frameworks-'));

let failures = 0;

/** One line a check. */
export function check(name, seen, wanted) {
  const ok = JSON.stringify(seen) === JSON.stringify(wanted);
  if (!ok) failures++;
  process.stdout.write(
    `  ${ok ? 'ok    ' : 'FAILED'} ${name}${ok ? '' : `: ${JSON.stringify(seen)}, expected ${JSON.stringify(wanted)}`}\n`,
  );
}

export function finish() {
  process.exitCode = failures > 0 ? 1 : 0;
}

/** Runs a command to its end; throws with what it said if it fails. */
export function must(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `exit ${status}`}\n${stdout}\n${stderr}`.slice(-4000));
  return stdout;
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function until(test, what, ms = 60_000) {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 200)))
    if (await test()) return;
  throw new Error(`${what}: not within ${ms / 1000} s`);
}

export const answers = (url) =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );

/** The Python of an environment with the packages of a `requirements.txt`. */
export function python(name, requirements) {
  const venv = join(cache(name), 'venv');
  const found = join(venv, 'bin/python');
  if (!existsSync(found)) must('python3', ['-m', 'venv', venv]);
  must(found, ['-m', 'pip', 'install', '--quiet', '-r', requirements]);
  return found;
}

/** Starts a process; `stop` asks it to end and waits. */
export function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said = (said + bytes).slice(-20_000)));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  // Where a check throws, nothing stays behind: an n8n that is asked to end as it starts goes on.
  process.on('exit', () => child.kill('SIGKILL'));
  return {
    said: () => said,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** A misstep under a configuration as it stands, in a folder of its own. */
export const misstepWith = (config, cwd, env) =>
  start(process.execPath, [misstep, 'run', '--config', config], { cwd, env: { ...process.env, ...env } });

/** A misstep that takes OTLP, webhooks and what else is given, and writes what it got and found to a file; `stop` gives the file's name. */
export async function sidecar(folder, more = { receivers: {}, extensions: {} }) {
  const [http, webhook, health] = [await freePort(), await freePort(), await freePort()];
  const path = join(folder, 'spans.jsonl');
  const config = join(folder, 'misstep.json');
  writeFileSync(
    config,
    JSON.stringify({
      receivers: {
        otlp: { protocols: { http: { endpoint: `127.0.0.1:${http}` } } },
        webhook: { endpoint: `127.0.0.1:${webhook}` },
        ...more.receivers,
      },
      processors: { detect: null },
      exporters: { file: { path } },
      extensions: { health_check: { endpoint: `127.0.0.1:${health}` }, ...more.extensions },
      service: {
        extensions: ['health_check', ...Object.keys(more.extensions)],
        pipelines: {
          traces: { receivers: ['otlp', 'webhook', ...Object.keys(more.receivers)], processors: ['detect'], exporters: ['file'] },
        },
        telemetry: { metrics: { level: 'none' } },
      },
    }),
  );
  const process_ = start(process.execPath, [misstep, 'run', '--config', config]);
  await until(() => answers(`http://127.0.0.1:${health}`), `misstep did not start: ${process_.said()}`);
  return {
    url: `http://127.0.0.1:${http}`,
    webhook: `http://127.0.0.1:${webhook}`,
    file: path,
    health: `http://127.0.0.1:${health}`,
    async stop() {
      await process_.stop();
      return path;
    },
  };
}

const replay = (args) =>
  must(process.execPath, [misstep, 'replay', ...args])
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Steps that misstep makes of a file. */
export const steps = (file, format = 'auto') => replay(['--format', format, '--output', 'steps', file]);

/** Findings of a file. */
export const findings = (file, format = 'auto') =>
  replay(['--format', format, '--output', 'jsonl', file]).filter(({ kind }) => kind !== 'coverage');

/** Spans of a file that misstep wrote, with their attributes as an object. */
export function spansOf(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => JSON.parse(line).resourceSpans ?? [])
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => ({ ...span, scope: scope?.name }))))
    .map((span) => ({
      ...span,
      attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]])),
    }));
}

/** `misstep connect NAME --check` takes what came for the framework's. */
export function connected(name, { health }, scopes = 1) {
  const seen = JSON.parse(must(process.execPath, [misstep, 'connect', name, '--check', '--json', '--url', health]));
  check(`connect ${name} --check: scopes`, seen.came.length, scopes);
}

/** Model calls and tool calls. */
export const callsOf = (found) =>
  tally(
    found
      .filter(({ step, rollup }) => !rollup && (step === 'llm' || step === 'tool'))
      .map(({ step, tool }) => (tool === null ? step : `${step} ${tool}`)),
  );

/** How often each value occurs. */
export function tally(values) {
  const counts = {};
  for (const value of [...values].sort()) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** The program of examples/<name>, which asks for the weather by one tool call, installed once and run into a misstep: what comes of it. */
export async function weatherExample(name, framework, packages) {
  const folder = cache(name);
  if (!existsSync(join(folder, 'node_modules'))) {
    writeFileSync(join(folder, 'package.json'), '{"private": true}');
    must('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: folder });
  }
  copyFileSync(join(root, `examples/${name}/agent.mjs`), join(folder, 'agent.mjs'));
  const misstep = await sidecar(scratch());
  const said = must(process.execPath, ['agent.mjs'], {
    cwd: folder,
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url },
  });
  connected(framework, misstep);
  const seen = steps(await misstep.stop()).filter(({ rollup }) => !rollup);
  const of = (kind) => seen.filter(({ step }) => step === kind);
  check('the program ends', said, 'It rains in Bonn.\n');
  check('two model calls', of('llm').length, 2);
  check(
    'one tool call, by name',
    of('tool').map(({ tool }) => tool),
    ['weather'],
  );
  check('one trace', new Set(seen.map(({ trace_id }) => trace_id)).size, 1);
}
