// The bridge with the shipped detectors: what is said before and after a call, and that the agent goes on when detection hangs, throws or lies.
import { describe, expect, it } from 'vitest';
import { AuditLogger } from '../../src/sdk/audit.ts';
import type { Analysis } from '../../src/sdk/orchestrator.ts';
import { answerHook, DetectionBridge as Bridge, type BridgeSettings, PostToolUseHook, PreToolUseHook } from './agent.ts';

/** However busy the machine is, an answer comes in time; what is late is tested by itself. */
class DetectionBridge extends Bridge {
  constructor(settings: BridgeSettings = {}) {
    super({ timeoutMs: 30_000, ...settings });
  }
}

const input = { session_id: 's', tool_name: 'Bash', tool_input: { command: 'npm test' } };

/** `times` equal calls; what the last was answered before and after it. */
async function play(bridge: DetectionBridge, times: number, more: object = {}) {
  let before: object = {};
  let after: object = {};
  for (let i = 0; i < times; i++) {
    const call = { ...input, tool_use_id: `t${i}`, ...more };
    before = await answerHook(bridge, { ...call, hook_event_name: 'PreToolUse' });
    after = await answerHook(bridge, { ...call, hook_event_name: 'PostToolUse', tool_response: '3 tests failed' });
  }
  return { before, after };
}

describe('a loop', () => {
  it('is nothing at two, a warning at three, refused at four', async () => {
    expect((await play(new DetectionBridge(), 2)).before).toEqual({});
    expect((await play(new DetectionBridge(), 3)).before).toEqual({ systemMessage: expect.stringContaining('loop') as string });
    expect((await play(new DetectionBridge(), 4)).before).toEqual({
      systemMessage: expect.stringContaining('misstep: loop') as string,
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'deny',
        permissionDecisionReason: expect.stringMatching(/^loop: Tool 'Bash' ran 4 times/) as string,
      },
    });
  });

  it.each<[string, BridgeSettings, object]>([
    ['asks', { level: 'ask' }, { hookSpecificOutput: expect.objectContaining({ permissionDecision: 'ask' }) as object }],
    ['observes', { level: 'observe' }, {}],
    ['leaves the tool out', { excludedTools: ['Bash'] }, {}],
    ['leaves other tools in', { toolPatterns: ['Read'] }, {}],
    ['has the detector off', { disabledDetectors: ['loop', 'convergence'] }, {}],
    ['has other thresholds', { warningThreshold: 99, blockThreshold: 100 }, {}],
  ])('where the bridge %s', async (_, settings, expected) => {
    const { before } = await play(new DetectionBridge(settings), 4);
    if (Object.keys(expected).length === 0) expect(before).toEqual({});
    else expect(before).toMatchObject(expected);
  });

  it('is one within a single millisecond too', async () => {
    for (let i = 0; i < 30; i++) {
      const { before } = await play(new DetectionBridge({ now: () => 1_790_000_000_000 }), 4);
      expect(before).toHaveProperty('hookSpecificOutput.permissionDecision', 'deny');
    }
  });

  it('is a warning without blocking, and not said twice', async () => {
    const bridge = new DetectionBridge({ enableBlocking: false });
    await play(bridge, 20);
    expect([bridge.counts.warned > 0, bridge.counts.denied]).toEqual([true, 0]);
    expect(bridge.counts.warned).toBeLessThan(5);
  });

  it('does not make another call of the session suspicious', async () => {
    const bridge = new DetectionBridge();
    await play(bridge, 6);
    const other = { ...input, tool_use_id: 'o', tool_input: { command: 'git log' }, hook_event_name: 'PreToolUse' };
    expect(await answerHook(bridge, other)).toEqual({});
  });

  it('of two sessions is none', async () => {
    const bridge = new DetectionBridge();
    for (let i = 0; i < 3; i++)
      for (const session_id of ['a', 'b', 'c', 'd'])
        expect((await play(bridge, 1, { session_id })).before).not.toHaveProperty('hookSpecificOutput');
  });

  it('is told to the model with recovery', async () => {
    const { after } = await play(new DetectionBridge({ enableRecovery: true, level: 'warn' }), 4);
    expect(after).toMatchObject({
      hookSpecificOutput: { hookEventName: 'PostToolUse', additionalContext: expect.stringContaining('ran 4 times') as string },
    });
  });

  it("is refused in Cursor's words too, whose calls have no id before them", async () => {
    expect((await play(new DetectionBridge(), 4, { client: 'cursor', tool_use_id: undefined })).before).toMatchObject({
      permission: 'deny',
      agent_message: expect.stringContaining('loop') as string,
    });
  });

  it('is over with its session', async () => {
    const bridge = new DetectionBridge();
    await play(bridge, 4);
    expect(bridge.openSessions).toBe(1);
    await answerHook(bridge, { session_id: 's', hook_event_name: 'SessionEnd' });
    expect(bridge.openSessions).toBe(0);
    expect((await play(bridge, 1)).before).toEqual({});
  });
});

describe('the agent goes on', () => {
  const deny = { severity: 100, detections: [], shouldBlock: true, blind: new Map(), errors: [] } satisfies Analysis;

  it.each<[string, BridgeSettings['analyze'], 'timeouts' | 'errors']>([
    ['hangs', () => new Promise(() => undefined), 'timeouts'],
    ['rejects', () => Promise.reject(new Error('down')), 'errors'],
    [
      'throws',
      () => {
        throw new Error('bug');
      },
      'errors',
    ],
    ['says nothing', () => undefined as never, 'errors'],
    ['says nonsense', () => ({ ...deny, severity: Number.NaN }), 'errors'],
    ['says more than there is', () => ({ ...deny, severity: 1_000 }), 'errors'],
    ['says no list', () => ({ ...deny, detections: 'all' }) as never, 'errors'],
  ])('when detection %s', async (_, analyze, counted) => {
    const settings = { analyze: analyze as NonNullable<typeof analyze>, timeoutMs: 20 };
    const bridge = new DetectionBridge(settings);
    expect(await play(bridge, 1)).toEqual({ before: {}, after: {} });
    expect(bridge.counts[counted]).toBe(2);
    expect(bridge.enforcement.audit.events('error')).toHaveLength(2);
    const closed = await play(new DetectionBridge({ ...settings, failOpen: false }), 1);
    expect(closed).toMatchObject({ before: { hookSpecificOutput: { permissionDecision: 'deny' } }, after: {} });
  });

  it('when detection was late in this thread', async () => {
    const bridge = new DetectionBridge({
      timeoutMs: 5,
      analyze: () => {
        const end = performance.now() + 10;
        while (performance.now() < end);
        return deny;
      },
    });
    expect((await play(bridge, 1)).before).toEqual({});
    expect(bridge.counts.timeouts).toBe(2);
  });

  it.each([
    ['null', null],
    ['a text', 'PreToolUse'],
    ['a list', []],
    ['no tool', { hook_event_name: 'PreToolUse', tool_use_id: 't' }],
    ['no id', { ...input, hook_event_name: 'PreToolUse' }],
    ['a tool that is no text', { ...input, tool_name: {}, hook_event_name: 'PreToolUse', tool_use_id: 't' }],
    ['an event that nobody knows', { ...input, hook_event_name: 'Later', tool_use_id: 't' }],
    ['an endless name', { ...input, tool_name: 'x'.repeat(10_000), hook_event_name: 'PreToolUse', tool_use_id: 't' }],
  ])('when the input is %s', async (_, wrong) => {
    const bridge = new DetectionBridge();
    expect(await answerHook(bridge, wrong)).toEqual({});
    expect(await new PreToolUseHook({ bridge }).hook(wrong)).toEqual({});
    expect(await new PostToolUseHook({ bridge }).hook(wrong)).toEqual({});
    expect(bridge.counts).toMatchObject({ checked: 0, told: 0, errors: 0 });
  });

  it('when what is asked about cannot be written down', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const bridge = new DetectionBridge();
    expect((await play(bridge, 2, { tool_input: cycle })).before).toEqual({});
    expect(bridge.counts.errors).toBe(0);
  });
});

describe('a budget', () => {
  const hook = (bridge: DetectionBridge, event: string, id: string, more: object = {}) =>
    answerHook(bridge, {
      session_id: 's',
      tool_name: 'Read',
      tool_input: { file_path: id },
      tool_use_id: id,
      hook_event_name: event,
      ...more,
    });

  it('is not overspent by calls at the same time, and what was not made costs nothing', async () => {
    const bridge = new DetectionBridge({ budget: { limits: { calls: 3 } } });
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => hook(bridge, 'PreToolUse', id)));
    expect(answers.map((answer) => 'hookSpecificOutput' in answer)).toEqual([false, false, false, true, true]);
    expect(answers[3]).toMatchObject({
      hookSpecificOutput: { permissionDecision: 'deny', permissionDecisionReason: 'budget: 1 calls asked, 0 left of 3.' },
    });
    await hook(bridge, 'PermissionDenied', 'a');
    expect(await hook(bridge, 'PreToolUse', 'f')).toEqual({});
    await hook(bridge, 'PostToolUse', 'b', { tool_response: 'x' });
    expect(await hook(bridge, 'PreToolUse', 'g')).toMatchObject({ hookSpecificOutput: { permissionDecision: 'deny' } });
  });

  it('is settled at what a call did cost', async () => {
    const bridge = new DetectionBridge({
      budget: {
        limits: { usd: 1 },
        estimate: () => ({ usd: 0.6 }),
        actual: (_tool, _input, response) => ({ usd: (response as { cost: number }).cost }),
      },
    });
    expect(await hook(bridge, 'PreToolUse', 'a')).toEqual({});
    expect(await hook(bridge, 'PreToolUse', 'b')).toHaveProperty('hookSpecificOutput');
    await hook(bridge, 'PostToolUse', 'a', { tool_response: { cost: 0.1 } });
    expect(await hook(bridge, 'PreToolUse', 'b')).toEqual({});
  });

  it('that cannot be counted lets the agent go on', async () => {
    const bridge = new DetectionBridge({ budget: { limits: { usd: 1 }, estimate: () => ({ usd: Number.NaN }) } });
    expect(await hook(bridge, 'PreToolUse', 'a')).toEqual({});
    expect(bridge.counts.errors).toBe(1);
  });
});

it('keeps no more sessions and calls than it should', async () => {
  const bridge = new DetectionBridge({ maxSessions: 3, contextWindow: 4 });
  for (let i = 0; i < 10; i++) for (let k = 0; k < 6; k++) await bridge.after({ sessionId: `s${i}`, tool: `t${k}`, input: k }, k);
  expect(bridge.openSessions).toBe(3);
  expect(bridge.trace('s9')?.spans).toHaveLength(4);
  expect(bridge.trace('s0')).toBeUndefined();
});

it('has what it decided in the audit, without secrets', async () => {
  const audit = new AuditLogger();
  await play(new DetectionBridge({ audit }), 4);
  expect(audit.events('decision').at(-1)).toMatchObject({
    subject: 'Bash',
    data: { action: 'deny', verdict: 'block', detectors: 'loop' },
  });
});

it.each([
  [{ timeoutMs: 0 }, 'timeoutMs'],
  [{ contextWindow: 1.5 }, 'contextWindow'],
  [{ blockThreshold: 101 }, 'block threshold'],
  [{ warningTreshold: 3 }, 'warningTreshold'],
  [{ enabledDetectors: ['lop'] }, 'lop'],
  [{ toolPatterns: ['('] }, 'Invalid regular expression'],
])('refuses %j', (settings, said) => {
  expect(() => new DetectionBridge(settings as BridgeSettings)).toThrow(said);
});
