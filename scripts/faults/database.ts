// The database of `config/platform.yaml` on real processes: misstep is killed (-9) at random while spans come in, and after each kill the
// SQLite file is checked. `node dist/scripts/faults/database.js [kills] [seed]` after a build; 100 kills take about ten minutes. Exit code 1 if
// a file is not intact, if a span that was acknowledged has no row in the end, or if a row that the API had shown is gone.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSqlite } from '../../extensions/database/sqlite.ts';
import { seeded } from '../../src/otlp/testing/encode.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { freePort } from './free-port.ts';

const kills = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? 7);
const SENDERS = 4;
const SPANS = 20;
const random = seeded(seed);
const program = fileURLToPath(new URL('../../bin/misstep.js', import.meta.url));
const shipped = fileURLToPath(new URL('../../../config/platform.yaml', import.meta.url));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const directory = mkdtempSync(join(tmpdir(), 'misstep-database-'));
const data = join(directory, 'data');
const ports = await Promise.all(
  ['4317', '4318', '4320', '13133', '8000', '8888'].map(async (port) => [port, await freePort()] as const),
);
const portOf = new Map(ports);
const config = join(directory, 'platform.yaml');
let text = readFileSync(shipped, 'utf8');
for (const [port, free] of ports) text = text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${free}`);
// The address limit is of no matter here, and the metrics page needs a port of its own.
text = text.replace(/^( {2}api:)$/m, '$1\n    requests_per_minute: 1000000');
text += `  telemetry: {logs: {level: error}, metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${portOf.get('8888')}}}}}]}}\n`;
writeFileSync(config, text);

let child: ChildProcess | undefined;
let complaints = '';
function start(): void {
  child = spawn(process.execPath, [program, 'run', '--config', config], {
    env: { ...process.env, MISSTEP_DATA: data },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-2_000);
  });
}
async function stop(how: NodeJS.Signals): Promise<void> {
  const gone = new Promise((resolve) => child?.once('exit', resolve));
  child?.kill(how);
  await gone;
}

/** One request of `SPANS` spans of one trace. */
function request(sender: number, n: number): { readonly trace: string; readonly body: Uint8Array } {
  const trace = `${sender.toString(16).padStart(8, '0')}${n.toString(16).padStart(24, '0')}`;
  const at = BigInt(Date.now()) * 1_000_000n;
  const spans = Array.from({ length: SPANS }, (_, i) => ({
    traceId: trace,
    spanId: (sender * 2 ** 40 + n * SPANS + i + 1).toString(16).padStart(16, '0'),
    parentId: '',
    name: 'execute_tool ls',
    kind: 1,
    startNs: at + BigInt(i) * 1_000_000n,
    endNs: at + BigInt(i + 1) * 1_000_000n,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'ls',
      // The same again and again: the detectors have something to write too.
      'gen_ai.tool.call.arguments': '{"path":"/"}',
      'gen_ai.tool.call.result': 'a b c',
    },
    events: [],
    links: [],
  }));
  return { trace, body: writeTraces([{ resource: { 'service.name': 'faults' }, scope: { name: 'app', version: '' }, spans }]) };
}

const acknowledged: string[] = [];
let done = false;
async function send(sender: number): Promise<void> {
  for (let n = 1; !done; n++) {
    const { trace, body } = request(sender, n);
    for (let answered = false; !answered && !done; ) {
      const answer = await fetch(`http://127.0.0.1:${portOf.get('4318')}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body,
      }).catch(() => undefined);
      answered = answer?.ok === true;
      if (answered) acknowledged.push(trace);
      await answer?.arrayBuffer().catch(() => undefined);
      await pause(answered ? 10 : 50);
    }
  }
}

/** Traces that the API has shown: committed, so they must stay. */
const shown = new Set<string>();
async function look(): Promise<void> {
  while (!done) {
    const answer = await fetch(`http://127.0.0.1:${portOf.get('8000')}/api/v1/traces?per_page=50`).catch(() => undefined);
    const body = (await answer?.json().catch(() => undefined)) as { traces?: readonly { readonly id: string }[] } | undefined;
    for (const { id } of body?.traces ?? []) shown.add(id);
    await pause(100);
  }
}

/** `ok`, or what is wrong. While nobody has the file open. */
async function integrity(): Promise<string> {
  const driver = openSqlite(join(data, 'misstep.db'));
  const rows = await driver.all('PRAGMA integrity_check');
  await driver.close();
  return rows.map((row) => String(Object.values(row)[0])).join('; ');
}

async function counts(): Promise<ReadonlyMap<string, number>> {
  const driver = openSqlite(join(data, 'misstep.db'));
  const rows = await driver.all('SELECT trace_id, count(*) AS n FROM misstep_steps GROUP BY trace_id');
  await driver.close();
  return new Map(rows.map((row) => [String(row['trace_id']), Number(row['n'])]));
}

async function working(): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    const answer = await fetch(`http://127.0.0.1:${portOf.get('8000')}/api/v1/health`).catch(() => undefined);
    if (answer?.ok) return;
    await pause(50);
  }
  throw new Error(`misstep does not start: ${complaints}`);
}

const began = performance.now();
start();
await working();
const work = [...Array.from({ length: SENDERS }, (_, i) => send(i + 1)), look()];
let broken = 0;
for (let kill = 0; kill < kills; kill++) {
  // From the first moments of a start to well within its work.
  await pause(random() * 2_500);
  await stop('SIGKILL');
  const state = await integrity();
  if (state !== 'ok') {
    broken++;
    console.log(`kill ${kill + 1}: ${state.slice(0, 300)}`);
  }
  start();
  if (random() < 0.8) await working();
}
done = true;
await Promise.all(work);
await working();
// What was acknowledged lies in the queue's storage until it is written.
const missingOf = async (): Promise<readonly string[]> => {
  const there = await counts();
  return acknowledged.filter((trace) => there.get(trace) !== SPANS);
};
let missing: readonly string[] = acknowledged;
for (let tries = 0; missing.length > 0 && tries < 60; tries++) {
  await pause(1_000);
  missing = await missingOf();
}
await stop('SIGTERM');
const there = await counts();
const gone = [...shown].filter((trace) => !there.has(trace));
const last = await integrity();
console.log(
  `${kills} kills in ${Math.round((performance.now() - began) / 1_000)} s: ${broken} files not intact (at the end: ${last}); ` +
    `${acknowledged.length * SPANS} spans acknowledged, ${missing.length * SPANS} of them in requests with a row missing; ` +
    `${shown.size} traces shown by the API, ${gone.length} of them gone`,
);
for (const trace of missing.slice(0, 5)) console.log(`missing: trace ${trace}, ${there.get(trace) ?? 0} of ${SPANS} steps`);
rmSync(directory, { recursive: true, force: true });
process.exitCode = broken + missing.length + gone.length === 0 && last === 'ok' ? 0 : 1;
