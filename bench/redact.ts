// What masking costs: `node dist/bench/redact.js [spans] [rounds]` after a build. CPU of the process per 1,000 agent spans, with the processor and
// without it, of misstep and of a Go Collector (`$BENCH_CACHE/bin/otelcol`, its redaction processor with the same patterns; GOGC 100 and 400).
// Model calls of about 6 KB whose messages are JSON, over OTLP/HTTP, to an exporter that drops them; no body comes twice; 1 span in 50 has a card.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attribute, english, hex, random, requestOf } from './bodies.ts';
import { freePort } from './free-port.ts';

const total = Number(process.argv[2] ?? 20_000);
const rounds = Number(process.argv[3] ?? 3);
const SPANS = 100;
const SENDERS = 4;
/** Of /proc: one tick is 10 ms. */
const TICK_MS = 10;

const patterns = [
  '4[0-9]{12}(?:[0-9]{3})?',
  '5[1-5][0-9]{14}',
  '\\b[0-9]{3}-[0-9]{2}-[0-9]{4}\\b',
  '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}',
  'sk-[A-Za-z0-9_-]{16,}',
];

const message = (role: string, length: number) => ({ role, parts: [{ type: 'text', content: english(length) }] });

function modelCall() {
  const call = { type: 'tool_call', id: hex(8), name: 'search', arguments: { query: english(60), note: 'line one\n"two"' } };
  const input = [message('system', 900), message('user', 400), { role: 'assistant', parts: [call] }, message('tool', 1_900)];
  const card = random() < 0.02 ? ' 4111111111111111' : '';
  const output = [{ role: 'assistant', parts: [{ type: 'text', content: `${english(900)}\n\n${english(200)}${card}` }] }];
  return [
    attribute('gen_ai.operation.name', 'chat'),
    attribute('gen_ai.provider.name', 'openai'),
    attribute('gen_ai.request.model', 'gpt-4o-2024-08-06'),
    attribute('gen_ai.response.id', `chatcmpl-${hex(12)}`),
    attribute('gen_ai.usage.input_tokens', Math.floor(random() * 9000)),
    attribute('gen_ai.usage.output_tokens', Math.floor(random() * 900)),
    attribute('gen_ai.conversation.id', hex(16)),
    attribute('gen_ai.agent.name', 'researcher'),
    attribute('gen_ai.input.messages', JSON.stringify(input)),
    attribute('gen_ai.output.messages', JSON.stringify(output)),
    attribute('server.address', 'api.openai.com'),
    attribute('server.port', 443),
  ];
}

const bodies = Array.from({ length: Math.ceil(total / SPANS) }, () => {
  const traceId = hex(16);
  return requestOf(
    Array.from({ length: SPANS }, () => ({ traceId, name: 'chat gpt-4o', attributes: modelCall() })),
    'openai',
  );
});
const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
process.stdout.write(
  `${bodies.length * SPANS} spans of ${Math.round(bytes / bodies.length / SPANS)} bytes, ${rounds} rounds, the least of them\n`,
);

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'misstep-redact-'));
const otelcol = join(process.env['BENCH_CACHE'] ?? join(homedir(), '.cache/misstep-bench'), 'bin/otelcol');

interface Peer {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly processor: string;
}

const list = JSON.stringify(patterns);
const misstep = [process.execPath, join(root, 'dist/bin/misstep.js'), 'run', '--config'];
const collector = [otelcol, '--config'];
const theirs = `redaction: {allow_all_keys: true, blocked_values: ${list}}`;
const peers: readonly Peer[] = [
  { name: 'misstep', command: misstep, processor: '' },
  { name: 'misstep, redact: the patterns', command: misstep, processor: `redact: {builtin: false, blocked_values: ${list}}` },
  { name: 'misstep, redact: builtin', command: misstep, processor: 'redact: {}' },
  { name: 'misstep, redact: both', command: misstep, processor: `redact: {blocked_values: ${list}}` },
  ...(existsSync(otelcol) ? ['100', '400'] : []).flatMap((gogc) => [
    { name: `Collector, GOGC=${gogc}`, command: collector, env: { GOGC: gogc }, processor: '' },
    { name: `Collector, GOGC=${gogc}, redaction`, command: collector, env: { GOGC: gogc }, processor: theirs },
  ]),
];

async function measure(peer: Peer): Promise<number> {
  const port = await freePort();
  const named = peer.processor === '' ? '' : peer.processor.slice(0, peer.processor.indexOf(':'));
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    `receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}}
processors: {${peer.processor}}
exporters: {nop: {}}
service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [otlp], processors: [${named}], exporters: [nop]}}}
`,
  );
  const [command = '', ...args] = peer.command;
  const child = spawn(command, [...args, config], { env: { ...process.env, ...peer.env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (part) => {
    said = `${said}${part}`.slice(-2_000);
  });
  try {
    await listening(port, child, () => said);
    // The first bodies are for the compilers.
    const warm = Math.ceil(bodies.length / 10);
    await send(port, bodies.slice(0, warm));
    const before = cpuMs(child.pid as number);
    await send(port, bodies.slice(warm));
    return ((cpuMs(child.pid as number) - before) / ((bodies.length - warm) * SPANS)) * 1_000;
  } finally {
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill();
    });
  }
}

async function send(port: number, some: readonly Uint8Array[]): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    for (let body = some[next++]; body; body = some[next++]) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: body as Uint8Array<ArrayBuffer>,
      });
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

async function listening(port: number, child: ChildProcess, said: () => string): Promise<void> {
  const until = Date.now() + 20_000;
  while (Date.now() < until) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${said()}`);
    const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
    }).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on ${port}:\n${said()}`);
}

/** User and system time of a process. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

const least = new Map<string, number>();
try {
  for (let round = 0; round < rounds; round++)
    for (const peer of peers)
      least.set(peer.name, Math.min(least.get(peer.name) ?? Number.POSITIVE_INFINITY, await measure(peer)));
} finally {
  rmSync(folder, { recursive: true });
}
for (const [name, ms] of least)
  process.stdout.write(`  ${name.padEnd(34)} ${ms.toFixed(1).padStart(7)} ms CPU per 1,000 spans\n`);
const of = (name: string): number => least.get(name) ?? Number.NaN;
const ours = of('misstep, redact: the patterns');
const cheaper = Math.min(of('Collector, GOGC=100, redaction'), of('Collector, GOGC=400, redaction'));
if (!existsSync(otelcol)) process.stdout.write(`  no Collector in ${otelcol}\n`);
else {
  const alone = Math.min(
    of('Collector, GOGC=100, redaction') - of('Collector, GOGC=100'),
    of('Collector, GOGC=400, redaction') - of('Collector, GOGC=400'),
  );
  process.stdout.write(`  whole process, same patterns: ${(ours / cheaper).toFixed(3)} of the cheaper Collector\n`);
  process.stdout.write(`  the processor alone (with it less without it): ${((ours - of('misstep')) / alone).toFixed(3)}\n`);
}
