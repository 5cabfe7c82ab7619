// How long a coding agent waits for a hook: `node dist/bench/hooks.js [calls] [configuration]` after a build. Starts `misstep run` as a process
// (config/platform.yaml unless another is named, data in a temporary folder, ports of its own, `decide` on), then plays sessions of 60 calls over
// one connection, as Claude Code does: PreToolUse, then PostToolUse, 2 KB of new result each. Prints percentiles of the time to
// the whole answer, and how many answers were decisions; beside them those of a process that answers `{}` to anything, asked in turn with it:
// what of the time is the machine's.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prose } from './bodies.ts';
import { freePort } from './free-port.ts';

const SESSION = 60;
const calls = Number(process.argv[2] ?? 3_000);
const root = fileURLToPath(new URL('../..', import.meta.url));
const config = process.argv[3] ?? join(root, 'config/platform.yaml');
const data = mkdtempSync(join(tmpdir(), 'misstep-hooks-'));
const port = await freePort();

const free = '127.0.0.1:0';
const overlay = {
  'receivers.webhook': { endpoint: `127.0.0.1:${port}`, decide: {} },
  'receivers.otlp.protocols.grpc.endpoint': free,
  'receivers.otlp.protocols.http.endpoint': free,
  'extensions.api.endpoint': free,
  'extensions.health_check.endpoint': free,
  'service.telemetry.logs.level': 'warn',
  'service.telemetry.metrics.level': 'none',
};
const set = Object.entries(overlay).flatMap(([path, value]) => [
  '--set',
  `${path}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
]);
const service = spawn('node', [join(root, 'dist/bin/misstep.js'), 'run', '--config', config, ...set], {
  env: { ...process.env, MISSTEP_DATA: data },
  stdio: ['ignore', 'ignore', 'inherit'],
});
const barePort = await freePort();
const bare = spawn('node', [
  '-e',
  `require('http').createServer((q, r) => q.resume().on('end', () => r.end('{}'))).listen(${barePort}, '127.0.0.1')`,
]);
process.once('exit', () => [service, bare].map((one) => one.kill('SIGKILL')));

const agent = new http.Agent({ keepAlive: true });
const times: Record<string, number[]> = { PreToolUse: [], PostToolUse: [], 'bare server': [] };
let decisions = 0;
await listening(port);
await listening(barePort);
for (let i = 0; i < calls; i++) {
  const session = Math.floor(i / SESSION);
  // Every third session goes round in a circle from its 20th call on.
  const stuck = session % 3 === 0 && i % SESSION > 20;
  const call = {
    session_id: `session-${session}`,
    tool_use_id: `toolu_${i}`,
    tool_name: i % 2 === 0 || stuck ? 'Bash' : 'Read',
    tool_input: stuck ? { command: 'npm test' } : { command: prose(120), at: i },
  };
  await post({ ...call, hook_event_name: 'PreToolUse' });
  await post({ ...call, hook_event_name: 'PostToolUse', tool_response: stuck ? 'FAIL' : prose(2_000), duration_ms: 5 });
}
for (const [event, list] of Object.entries(times)) {
  // The first hundred warm up the compiler.
  const sorted = list.slice(100).sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] as number).toFixed(1);
  console.log(
    `${event.padEnd(12)} ${sorted.length} answers, ms: p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  p99.9 ${at(0.999)}  max ${at(1)}`,
  );
}
console.log(`${decisions} of ${calls} calls were refused`);
bare.kill('SIGTERM');
service.kill('SIGTERM');
await new Promise((resolve) => service.once('exit', resolve));
rmSync(data, { recursive: true });

async function post(body: { readonly hook_event_name: string; readonly [member: string]: unknown }): Promise<void> {
  const text = JSON.stringify(body);
  let began = performance.now();
  await send(text, barePort);
  times['bare server']?.push(performance.now() - began);
  began = performance.now();
  const answer = await send(text, port);
  times[body.hook_event_name]?.push(performance.now() - began);
  if (answer.includes('"permissionDecision":"deny"')) decisions++;
}

function send(body: string, to: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = http.request(
      { host: '127.0.0.1', port: to, path: '/api/v1/hooks/claude-code', method: 'POST', agent, headers },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => {
          text += part.toString();
        });
        response.on('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode}: ${text}`)),
        );
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function listening(to: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const reached = await send('{"hook_event_name":"Notification","session_id":"first"}', to).then(
      () => true,
      () => false,
    );
    if (reached) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('misstep run or the server beside it does not listen within 10 s.');
}
