// `misstep mcp` as it is built: clients of both eras on its stdin and stdout, asking a running API or a database. Skipped before a build.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Keys } from '../../extensions/api/auth.ts';
import { databaseFactory } from '../../extensions/database/database.ts';
import type { DatabaseExtension } from '../../src/component/records.ts';
import { testHost } from '../../src/component/testing.ts';
import { type Platform, startPlatform } from '../api/testing.ts';
import { embeddingFile } from '../shipped.ts';
import { CANARY, connect, type Era, eras, expectHarmless, hostile, hostileTrace, ingestHostile } from '../testing/mcp.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));
/** Processes on a machine that does much else. */
const PATIENCE_MS = 90_000;
const hex = (n: number) => n.toString(16).padStart(32, '0');
const folder = mkdtempSync(join(tmpdir(), 'misstep-mcp-'));

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
  await ingestHostile(platform);
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true });
});

const calls: readonly (readonly [name: string, args: Record<string, unknown>, quotes: boolean])[] = [
  ['list_detections', {}, true],
  ['get_detection', { id: hex(1) }, true],
  ['explain_detection', { id: hex(2) }, true],
  ['validate_detection', { id: hex(3), false_positive: false }, false],
  ['list_traces', {}, true],
  ['get_trace', { trace_id: hex(5) }, true],
  ['analyze_trace', { trace: hostileTrace(hostile[3] as string) }, true],
  [
    'analyze_conversation',
    {
      conversation: [
        { role: 'user', content: 'Hello.' },
        { role: 'assistant', content: 'Hello.' },
      ],
    },
    false,
  ],
  ['list_agents', {}, true],
  ['get_cost', {}, true],
  ['detector_status', {}, false],
  ['get_thresholds', {}, false],
];

describe.skipIf(!existsSync(built))('clients', { timeout: PATIENCE_MS }, () => {
  const open = (era: Era, args: readonly string[], env: Record<string, string> = {}) =>
    connect(era, { args: [built, 'mcp', ...args], env: { ...env, PATH: process.env['PATH'] ?? '' } });

  test.each(eras)('claim 29: %s lists and calls every tool over stdio', async (era) => {
    const client = await open(era, ['--url', platform.url]);
    expect((await client.tools()).map(({ name }) => name).sort()).toEqual(calls.map(([name]) => name).sort());
    for (const [name, args, quotes] of calls) {
      expect([name, expectHarmless(await client.call(name, args))]).toEqual([name, quotes]);
    }
    await expect(client.call('drop_tables')).rejects.toMatchObject({ code: -32602 });
    expect(await client.call('get_trace', { trace_id: 'x' })).toMatchObject({ isError: true });
    await client.close();
  });

  test('--read-only leaves the judgement out', async () => {
    const client = await open('sdk 2, 2026', ['--read-only', '--url', platform.url]);
    expect((await client.tools()).map(({ name }) => name)).not.toContain('validate_detection');
    await client.close();
  });

  test('nobody answers, or somebody else does: the tool says so, and the next call is taken', async () => {
    const nobody = await open('sdk 2, 2025', ['--url', 'http://127.0.0.1:9']);
    const { isError, text } = await nobody.call('list_traces');
    expect([isError, text]).toEqual([true, expect.stringContaining("does not answer. Start 'misstep run")]);
    expect((await nobody.call('analyze_trace', { trace: hostileTrace('ls') })).structured.steps).toBe(6);
    await nobody.close();
    const wrong = await open('sdk 2, 2025', ['--url', platform.url], { MISSTEP_API_KEY: 'msk_wrong' });
    expect(await wrong.call('list_traces')).toMatchObject({
      isError: true,
      text: 'The key or token is unknown, revoked or over.',
    });
    await wrong.close();
  });

  test('claim 24: --config opens the database beside a misstep that runs; a key is one tenant', async () => {
    const directory = join(folder, 'data');
    const databases = databaseFactory(embeddingFile, new URL('../../extensions/database/testing/worker.mjs', import.meta.url));
    const database = databases.create('database', databases.options.parse({ directory })) as DatabaseExtension;
    await database.start(testHost());
    const keys = await Keys.open(database.records, Date.now);
    const [one, two] = [await keys.tenant('one'), await keys.tenant('two')];
    await ingestHostile({ ...platform, ingest: async (spans, tenant) => platformIngest(database, spans, tenant) }, one.id);
    const file = join(folder, 'platform.yaml');
    writeFileSync(
      file,
      `receivers: {otlp: {protocols: {http: {endpoint: 127.0.0.1:0}}}}
exporters: {store: }
extensions: {database: {directory: ${directory}}, api: }
service: {extensions: [database, api], pipelines: {traces: {receivers: [otlp], exporters: [store]}}}
`,
    );
    const args = ['--config', file];
    const owner = await open('sdk 2, 2026', args, { MISSTEP_API_KEY: one.key.key });
    for (const [name, given, quotes] of calls.filter(([one]) => !one.startsWith('analyze'))) {
      expect([name, expectHarmless(await owner.call(name, given))]).toEqual([name, quotes]);
    }
    await owner.close();
    for (const env of [{ MISSTEP_API_KEY: two.key.key }, {}] as const) {
      const other = await open('sdk 2, 2026', args, env as Record<string, string>);
      expect((await other.call('list_traces')).structured.traces).toEqual([]);
      const { isError, text } = await other.call('get_trace', { trace_id: hex(1) });
      expect([isError, text.includes(CANARY)]).toEqual([true, false]);
      await other.close();
    }
    const { status, stdout, stderr } = spawnSync('node', [built, 'mcp', ...args], {
      encoding: 'utf8',
      env: { ...process.env, MISSTEP_API_KEY: 'msk_wrong' },
    });
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringContaining('the key is unknown to this database')]);
    await database.shutdown(new AbortController().signal);
  });
});

async function platformIngest(database: DatabaseExtension, spans: Parameters<Platform['ingest']>[0], tenant = 'default') {
  const { request } = await import('../../extensions/database/testing/suite.ts');
  await database.records.ingest(tenant, [request(spans)]);
}

describe.skipIf(!existsSync(built))('the wire', { timeout: PATIENCE_MS }, () => {
  /** A process that is spoken to line by line. */
  function started(): { say(line: string): void; heard(): Promise<unknown>; end(): Promise<number | null> } {
    const child = spawn('node', [built, 'mcp', '--url', platform.url], { stdio: ['pipe', 'pipe', 'ignore'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return {
      say: (line) => child.stdin.write(`${line}\n`),
      // Whatever is on stdout must be a message.
      heard: async () => JSON.parse((await lines.next()).value as string),
      end: () =>
        new Promise((resolve) => {
          child.once('exit', resolve);
          child.stdin.end();
        }),
    };
  }
  const hello = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
  });
  const call = (id: number, name: string, args: object) =>
    JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });

  test('what is no message is passed over, and the next is answered; the end of stdin ends it', async () => {
    const { say, heard, end } = started();
    for (const line of ['no json', '{"jsonrpc":"2.0"', '{}', '[1]', '\u0000', '{"jsonrpc":"1.0","id":9,"method":"x"}']) say(line);
    say(hello);
    let answer = (await heard()) as { id?: unknown };
    while (answer.id !== 1) answer = (await heard()) as { id?: unknown };
    expect(answer).toMatchObject({ id: 1, result: { serverInfo: { name: 'misstep' }, protocolVersion: '2025-11-25' } });
    say('{"jsonrpc":"2.0","id":2,"method":"no/such"}');
    expect(await heard()).toMatchObject({ id: 2, error: { code: -32601 } });
    expect(await end()).toBe(0);
  });

  test('a call that is cancelled is not answered, and its analysis ends', async () => {
    const { say, heard, end } = started();
    say(hello);
    await heard();
    say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    const [span] = (hostileTrace('ls') as { resourceSpans: object[] }).resourceSpans;
    const large = { resourceSpans: Array.from({ length: 800 }, () => span) };
    for (const id of [2, 3]) say(call(id, 'analyze_trace', { trace: large }));
    for (const id of [2, 3])
      say(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } }));
    say('{"jsonrpc":"2.0","id":4,"method":"ping"}');
    expect(await heard()).toMatchObject({ id: 4, result: {} });
    // One runs at a time: were those of before still there, this would wait for them.
    for (let id = 5; ; id++) {
      say(call(id, 'analyze_trace', { trace: hostileTrace('ls') }));
      const answer = (await heard()) as { id: number; result: { isError?: boolean } };
      expect(answer.id).toBe(id);
      if (answer.result.isError !== true) break;
    }
    expect(await end()).toBe(0);
  });

  test.each([0, 1])(
    'the end of stdin: what was asked is answered first, what was cancelled is not waited for (%i)',
    (cancelled) => {
      const [span] = (hostileTrace('ls') as { resourceSpans: object[] }).resourceSpans;
      const large = { resourceSpans: Array.from({ length: 100 }, () => span) };
      const lines = [
        hello,
        '{"jsonrpc":"2.0","method":"notifications/initialized"}',
        call(2, 'analyze_trace', { trace: large }),
        call(3, 'list_traces', {}),
        ...(cancelled === 1 ? ['{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}'] : []),
      ];
      // The last line has its end, and nothing follows.
      const input = `${lines.join('\n')}\n`;
      // Nobody answers at that address, which is an answer too: a process that waits for this one could not ask it.
      const args = [built, 'mcp', '--url', 'http://127.0.0.1:9'];
      const { status, stdout } = spawnSync('node', args, { input, encoding: 'utf8' });
      const answers = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: number; result?: object });
      expect(answers.map(({ id }) => id).sort()).toEqual(cancelled === 1 ? [1, 3] : [1, 2, 3]);
      expect(answers.every(({ result }) => result !== undefined)).toBe(true);
      expect(status).toBe(0);
    },
  );

  test('a message without an end is not waited for', () => {
    const input = 'x'.repeat(9 * 1024 * 1024);
    const { status, stdout, stderr } = spawnSync('node', [built, 'mcp', '--url', platform.url], { input, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringContaining('longer than 8388608 bytes')]);
  });

  test.each([
    [['--url', 'file:///etc/passwd'], 'Not a URL of http or https'],
    [['--url', 'http://127.0.0.1:8000', '--config', 'x.yaml'], 'not both'],
    [['--set', 'extensions.api.signup=true'], 'name one with --config'],
    [['--config', 'yaml:{nope: 1}'], 'nope'],
  ])('%j: exit code 2', (args, said) => {
    const { status, stdout, stderr } = spawnSync('node', [built, 'mcp', ...args], { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(said)]);
  });

  test('a configuration without an API: what to do', () => {
    const { status, stderr } = spawnSync(
      'node',
      [built, 'mcp', '--set', 'processors.detect.emit_above=0.5', '--config', 'config/default.yaml'],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([1, expect.stringContaining("no extension 'api'")]);
  });
});
