// Decisions of the webhook receiver with the shipped detectors, and `misstep hook` in front of it: a loop is refused, and whatever
// goes wrong the agent goes on.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Answer, Rig } from '../receivers/webhook/rig.ts';
import { rig } from '../receivers/webhook/rig.ts';
import type { Component } from '../src/component/component.ts';
import { clock } from '../src/component/testing.ts';
import { ask } from './commands/hook.ts';
import './components.ts';

const PATH = '/api/v1/hooks/claude-code';
const rigs: Rig[] = [];
afterEach(async () => {
  for (const one of rigs.splice(0)) await one.stop();
});

async function start(decide?: object): Promise<Rig> {
  // However busy the machine is, decisions are made; what is late is tested by itself.
  const on = await rig(decide === undefined ? {} : { decide: { timeout: '20s', ...decide } });
  rigs.push(on);
  return on;
}

const call = (i: number, event: string, more: object = {}) => ({
  session_id: 's',
  hook_event_name: event,
  tool_name: 'Bash',
  tool_input: { command: 'npm test' },
  tool_use_id: `toolu_${i}`,
  ...(event === 'PostToolUse' ? { tool_response: '3 tests failed' } : {}),
  ...more,
});

/** `times` calls; what was answered before the last. */
async function play(on: Rig, times: number, more: object = {}): Promise<Answer> {
  let before: Answer | undefined;
  for (let i = 0; i < times; i++) {
    before = await on.send(PATH, call(i, 'PreToolUse', more));
    await on.send(PATH, call(i, 'PostToolUse', more));
  }
  return before as Answer;
}

const denied = { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny' } };

describe('decide', () => {
  it('refuses the fourth call of a loop, and hands on what was told', async () => {
    const on = await start({});
    expect((await play(on, 4)).json).toMatchObject(denied);
    expect(on.got.length).toBeGreaterThanOrEqual(4);
  });

  it('is off unless configured', async () => {
    expect((await play(await start(), 4)).json).toEqual({});
  });

  it.each([
    ['observe', {}],
    ['warn', { systemMessage: expect.stringContaining('loop') as string }],
  ])('goes as far as level %s', async (level, expected) => {
    expect((await play(await start({ level }), level === 'warn' ? 3 : 4)).json).toEqual(expected);
  });

  it("keeps Cursor's words", async () => {
    const on = await start({});
    let before: Answer | undefined;
    for (let i = 0; i < 4; i++) {
      const one = { conversation_id: 'c', command: 'npm test' };
      before = await on.send(PATH, { ...one, hook_event_name: 'beforeShellExecution', at: i });
      await on.send(PATH, { ...one, hook_event_name: 'afterShellExecution', output: '3 tests failed', duration: i + 1 });
    }
    expect(before?.json).toMatchObject({ permission: 'deny', agent_message: expect.stringContaining('loop') as string });
  });

  it('takes a call that is told twice for one, and an asked one twice', async () => {
    const on = await start({});
    for (let i = 0; i < 6; i++) await on.send(PATH, call(0, 'PostToolUse'));
    expect((await on.send(PATH, call(1, 'PreToolUse'))).json).toEqual({});
    const limited = await start({ max_calls: 1 });
    for (let i = 0; i < 3; i++) expect((await limited.send(PATH, call(0, 'PreToolUse'))).json).toEqual({});
    expect((await limited.send(PATH, call(1, 'PreToolUse'))).json).toMatchObject(denied);
  });

  it('knows a session only for its tenant and client', async () => {
    const on = await start({});
    for (let i = 0; i < 3; i++)
      for (const session_id of ['a', 'b'])
        expect((await play(on, 1, { session_id, tool_use_id: `${session_id}${i}` })).json).not.toMatchObject(denied);
  });

  const until = Date.now() + 3_600_000;
  it.each<[string, object, 'refused' | 'let pass']>([
    ['nothing', {}, 'refused'],
    ['a higher number of repetitions', { thresholds: { min_matches_for_loop: 8 } }, 'let pass'],
    ['a confidence that no finding has', { detectors: { loop: { emit_above: 1 } } }, 'let pass'],
    [
      'a scaling and a confidence',
      { thresholds: { confidence_scaling: 0.5 }, detectors: { loop: { emit_above: 0.6 } } },
      'let pass',
    ],
    ['near miss: a confidence that it has', { detectors: { loop: { emit_above: 0.5 } } }, 'refused'],
    ['a suppression', { suppress: [{ detector: 'loop', until }] }, 'let pass'],
    ['near miss: a suppression that is over', { suppress: [{ detector: 'loop', until: 1 }] }, 'refused'],
    ['near miss: a suppression of another agent', { suppress: [{ detector: 'loop', agent: 'x', until }] }, 'refused'],
  ])('holds what its tenant has set: %s', async (_, set, expected) => {
    const none = { thresholds: {}, detectors: {}, frameworks: {}, suppress: [] };
    const settings = { overrides: new Map<string, object>([['default', { ...none, ...set }]]) };
    const extensions = { settings } as unknown as Record<string, Component>;
    const decide = { timeout: '20s', overrides: 'settings', enabled_detectors: ['loop'] };
    const on = await rig({ decide }, { extensions });
    rigs.push(on);
    const refused = (answer: Answer) => answer.json['hookSpecificOutput'] !== undefined;
    expect(refused(await play(on, 5))).toBe(expected === 'refused');
    // What is set meanwhile holds from the next call on.
    settings.overrides = new Map([['default', { ...none, suppress: [{ detector: 'loop', until }] }]]);
    expect(refused(await on.send(PATH, call(9, 'PreToolUse')))).toBe(false);
  });

  it('an extension that is not there is said at the start', async () => {
    await expect(rig({ decide: { overrides: 'settings' } })).rejects.toThrow("'settings' does not run");
  });

  it('keeps at most 500,000 characters of a session, and nothing of a name without end', async () => {
    const on = await start({ enabled_detectors: ['loop'] });
    await play(on, 3);
    for (let i = 10; i < 26; i++) {
      await on.send(PATH, call(i, 'PostToolUse', { tool_name: 'Read', tool_response: `${i} `.padEnd(32_768, 'x') }));
    }
    // The three calls are forgotten: a fourth is the first.
    expect((await on.send(PATH, call(30, 'PreToolUse'))).json).toEqual({});
    const long = 'n'.repeat(1_001);
    const limited = await start({ max_calls: 1 });
    for (const more of [{ session_id: long }, { tool_use_id: long }, { tool_name: long }]) {
      for (let i = 0; i < 2; i++) expect((await limited.send(PATH, call(i, 'PreToolUse', more))).json).toEqual({});
    }
  });

  it('forgets a session an hour after its last call', async () => {
    let nowMs = 1_790_000_000_000;
    const on = await rig({ decide: { timeout: '20s', max_calls: 1 } }, { clock: { ...clock, now: () => nowMs } });
    rigs.push(on);
    const asked = async (i: number) => (await on.send(PATH, call(i, 'PreToolUse'))).json;
    expect(await asked(0)).toEqual({});
    for (let i = 1; i < 4; i++) {
      nowMs += 3_500_000;
      expect(await asked(i)).toMatchObject(denied);
    }
    nowMs += 3_600_001;
    expect(await asked(4)).toEqual({});
  });

  it('is made though the pipeline stands still or refuses', async () => {
    const on = await start({});
    await play(on, 3);
    let release = () => {};
    on.reply = () => new Promise((resolve) => (release = resolve));
    expect((await on.send(PATH, call(9, 'PreToolUse'))).json).toMatchObject(denied);
    release();
    on.reply = () => Promise.reject(new Error('broken'));
    expect((await on.send(PATH, call(10, 'PreToolUse'))).json).toMatchObject(denied);
  });

  it.each<[string, unknown]>([
    ['an empty object', {}],
    ['a list', [call(0, 'PreToolUse')]],
    ['no session', { ...call(0, 'PreToolUse'), session_id: 7 }],
    ['no tool', { ...call(0, 'PreToolUse'), tool_name: null }],
    ['no id', { ...call(0, 'PreToolUse'), tool_use_id: undefined }],
    ['another event', call(0, 'Notification')],
  ])('of %s is to go on', async (_, body) => {
    const { status, json } = await (await start({})).send(PATH, body);
    if (status === 200) expect(json).toEqual({});
    else expect([status, json['code']]).toEqual([400, 'malformed-payload']);
  });

  it('claim 30: comes too late when the machine is too slow for it: the agent goes on', async () => {
    const on = await start({ timeout: '1ms' });
    const long = 'x '.repeat(15_000);
    for (let i = 0; i < 30; i++) {
      const { json } = await on.send(PATH, call(i, 'PostToolUse', { tool_response: `${long} ${i}` }));
      expect(json).toEqual({});
    }
    expect((await on.send(PATH, call(99, 'PreToolUse', { tool_input: { command: long } }))).json).toEqual({});
    const failed = on.registry.read('misstep_receiver_hook_answers').find(({ labels }) => labels['decision'] === 'failed');
    expect(failed?.value).toBeGreaterThan(0);
  });

  it('refuses settings that are none', async () => {
    await expect(rig({ decide: { block_threshold: 30 } })).rejects.toThrow('above block_threshold');
    await expect(rig({ decide: { excluded_tools: ['('] } })).rejects.toThrow('not a regular expression');
    await expect(rig({ decide: { enabled_detectors: ['lop'] } })).rejects.toThrow('lop');
  });
});

describe('misstep hook in front of it', () => {
  it('blocks with exit code 2 and the reason', async () => {
    const on = await start({});
    await play(on, 3);
    const url = `http://${on.address()}${PATH}`;
    const verdict = await ask(JSON.stringify(call(9, 'PreToolUse')), { url, timeout: 5_000 });
    expect(verdict).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("loop: Tool 'Bash' ran 4 times") as string });
  });

  it.each<[string, (response: http.ServerResponse) => void]>([
    ['hangs', () => undefined],
    ['crashes', (response) => response.destroy()],
    ['lies', (response) => void response.end('{"hookSpecificOutput": {"permissionDecision": "deny"')],
    ['fails', (response) => void response.writeHead(500).end(JSON.stringify(denied))],
  ])('claim 30: lets the agent go on when the endpoint %s', async (_, answer) => {
    const server = http.createServer((_request, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
    const began = performance.now();
    expect(await ask(JSON.stringify(call(0, 'PreToolUse')), { url, timeout: 80 })).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
    expect(performance.now() - began).toBeLessThan(2_000);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('claim 30: lets the agent go on when nobody is there', async () => {
    const url = `http://127.0.0.1:9${PATH}`;
    expect(await ask(JSON.stringify(call(0, 'PreToolUse')), { url, timeout: 80 })).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });
});
