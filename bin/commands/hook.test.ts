// The hook command against a real server, one that is slow, one that is not there, and against input that is none.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from './hook.ts';

const servers: http.Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

interface Seen {
  readonly body: string;
  readonly authorization: string | undefined;
}

async function serve(status: number, answer: string, headers: http.OutgoingHttpHeaders = {}, delayed = false) {
  const seen: Seen[] = [];
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    seen.push({ body, authorization: request.headers.authorization });
    if (!delayed) response.writeHead(status, headers).end(answer);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/hooks/claude-code`, seen };
}

const patience = 5_000;
const input = JSON.stringify({
  session_id: 's',
  hook_event_name: 'PreToolUse',
  tool_name: 'Bash',
  tool_input: { command: 'secret-command' },
});
const deny = {
  hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: 'It loops.' },
};

describe('the answer', () => {
  it.each<[string, object, 0 | 2, string]>([
    ['nothing to say', {}, 0, ''],
    ['a word to the user', { systemMessage: 'careful' }, 0, ''],
    ['allow', { hookSpecificOutput: { permissionDecision: 'allow' } }, 0, ''],
    ['ask', { hookSpecificOutput: { permissionDecision: 'ask', permissionDecisionReason: 'x' } }, 0, ''],
    ['deny', deny, 2, 'It loops.\n'],
    ['block', { decision: 'block', reason: 'Not done.' }, 2, 'Not done.\n'],
    ['an end', { continue: false, stopReason: 'Enough.' }, 2, 'Enough.\n'],
    ["Cursor's deny", { permission: 'deny', agent_message: 'No.' }, 2, 'No.\n'],
    ['block without a reason', { decision: 'block' }, 2, 'misstep blocked this.\n'],
    [
      'a reason that drives the terminal',
      { decision: 'block', reason: 'a\u001b[2Jb' },
      2,
      expect.not.stringContaining('\u001b') as unknown as string,
    ],
  ])('%s', async (_, answer, exitCode, stderr) => {
    const { url, seen } = await serve(200, JSON.stringify(answer));
    expect(await ask(input, { url, timeout: patience })).toEqual({ exitCode, stderr, stdout: `${JSON.stringify(answer)}\n` });
    expect(seen).toEqual([{ body: input, authorization: undefined }]);
  });

  it.each([
    ['Claude Code', { hook_event_name: 'Stop', stop_hook_active: true }],
    ['Cursor', { hook_event_name: 'stop', loop_count: 1 }],
  ])('keeps %s from stopping no second time', async (_, stop) => {
    const { url } = await serve(200, JSON.stringify({ decision: 'block', reason: 'Not done.' }));
    expect(
      (await ask(JSON.stringify({ ...stop, stop_hook_active: false, loop_count: 0 }), { url, timeout: patience })).exitCode,
    ).toBe(2);
    expect(await ask(JSON.stringify(stop), { url, timeout: patience })).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('is asked for with the key of the environment', async () => {
    const { url, seen } = await serve(200, '{}');
    await ask(input, { url, timeout: patience, key: 'k' });
    expect(seen[0]!.authorization).toBe('Bearer k');
  });
});

describe('the agent goes on', () => {
  const nothing = { exitCode: 0, stdout: '', stderr: '' };

  it.each<[string, number, string, http.OutgoingHttpHeaders?]>([
    ['an error', 500, JSON.stringify(deny)],
    ['no access', 401, JSON.stringify(deny)],
    ['another place', 307, JSON.stringify(deny), { location: 'http://127.0.0.1:1/' }],
    ['no JSON', 200, 'blocked'],
    ['a list', 200, '[]'],
    ['nothing', 204, ''],
    ['too much', 200, JSON.stringify({ ...deny, filler: 'x'.repeat(300_000) })],
  ])('when the answer is %s', async (_, status, answer, headers) => {
    const { url } = await serve(status, answer, headers);
    expect(await ask(input, { url, timeout: patience })).toEqual(nothing);
  });

  it('when nobody answers in time, and when nobody is there', async () => {
    const slow = await serve(200, JSON.stringify(deny), {}, true);
    expect(await ask(input, { url: slow.url, timeout: 20 })).toEqual(nothing);
    expect(slow.seen.length).toBeLessThanOrEqual(1);
    const closed = await serve(200, '{}');
    await new Promise((done) => servers.pop()?.close(done));
    expect(await ask(input, { url: closed.url, timeout: patience })).toEqual(nothing);
  });

  it.each(['', 'null', '[]', '7', '{', '{"a":1}x', '\u0000', '['.repeat(100_000)])('when the input is %j', async (text) => {
    const { url, seen } = await serve(200, JSON.stringify(deny));
    expect(await ask(text, { url, timeout: patience })).toEqual(nothing);
    expect(seen).toEqual([]);
  });
});

const built = resolve(import.meta.dirname, '../../dist/bin/misstep.js');

describe.skipIf(!existsSync(built))('the command', () => {
  function run(text: string | undefined, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child: ChildProcess = spawn(process.execPath, [built, 'hook', ...args], { env: { ...process.env, ...env } });
    const out = { stdout: '', stderr: '' };
    child.stdout?.on('data', (part) => {
      out.stdout += String(part);
    });
    child.stderr?.on('data', (part) => {
      out.stderr += String(part);
    });
    // What is not read is no error of the test.
    child.stdin?.on('error', () => {});
    if (text !== undefined) child.stdin?.end(text);
    return new Promise<{ code: number | null; stdout: string; stderr: string }>((done) =>
      child.on('close', (code) => done({ code, ...out })),
    );
  }

  it('hands on and back', async () => {
    const { url, seen } = await serve(200, JSON.stringify(deny));
    const said = await run(input, ['--timeout', '5000'], { MISSTEP_URL: url });
    expect(said).toEqual({ code: 2, stdout: `${JSON.stringify(deny)}\n`, stderr: 'It loops.\n' });
    expect(seen.length).toBe(1);
  });

  it.each<[string, string | undefined]>([
    ['nobody is there', input],
    ['the input is too long', 'x'.repeat(9 * 1024 * 1024)],
    ['the input does not end', undefined],
  ])('says nothing and blocks nothing when %s', async (_, text) => {
    expect(await run(text, ['--url', 'http://127.0.0.1:1/'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
