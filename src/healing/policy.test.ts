import { describe, expect, test } from 'vitest';
import { type Attempt, defaultPolicy, needsApproval, type Policy, refusedBy } from './policy.ts';
import { checkTransition, isFinal, mayBecome, type Status, statuses } from './states.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;

describe('states', () => {
  const ways: Record<Status, readonly Status[]> = {
    pending: ['in_progress', 'rejected'],
    in_progress: ['applied', 'staged', 'failed'],
    staged: ['applied', 'rolled_back', 'rejected'],
    applied: ['rolled_back'],
    failed: [],
    rolled_back: [],
    rejected: [],
  };
  test.each(statuses.flatMap((from) => statuses.map((to) => [from, to] as const)))('%s to %s', (from, to) => {
    const open = ways[from].includes(to);
    expect(mayBecome(from, to)).toBe(open);
    if (open) checkTransition(from, to);
    else expect(() => checkTransition(from, to)).toThrow(ways[from].length === 0 ? 'it is final' : 'it may become');
  });
  test('final ones', () => expect(statuses.filter(isFinal)).toEqual(['failed', 'rolled_back', 'rejected']));
});

describe('who has to say yes', () => {
  const all: Policy = { ...defaultPolicy, auto_apply: 'medium', min_confidence: 80 };
  test.each<[string, Policy, { risk: 'safe' | 'medium' | 'dangerous'; confidence: number }, boolean, string | undefined]>([
    ['nothing by itself, as it comes', defaultPolicy, { risk: 'safe', confidence: 1 }, true, 'by itself'],
    ['safe and sure', all, { risk: 'safe', confidence: 0.8 }, true, undefined],
    ['at the risk that is allowed', all, { risk: 'medium', confidence: 0.9 }, true, undefined],
    ['beyond it', all, { risk: 'dangerous', confidence: 0.9 }, true, 'dangerous'],
    ['79.5 % is shown as 80', all, { risk: 'safe', confidence: 0.795 }, true, undefined],
    ['not sure enough', all, { risk: 'safe', confidence: 0.79 }, true, 'confidence is 79'],
    ['not verified', all, { risk: 'safe', confidence: 0.9 }, false, 'replay'],
    [
      'not verified, where that is allowed',
      { ...all, require_verification: false },
      { risk: 'safe', confidence: 0.9 },
      false,
      undefined,
    ],
  ])('%s', (_, policy, fix, verified, reason) => {
    const said = needsApproval(policy, fix, verified);
    if (reason === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(reason);
  });
});

describe('limits', () => {
  const attempt = (minutes: number, more: Partial<Attempt> = {}): Attempt => ({
    healing: 'h',
    at_ms: NOW - minutes * MINUTE,
    agent: null,
    workflow: null,
    ok: true,
    ...more,
  });
  const target = { agent: 'a', workflow: 'w' };
  test.each<[string, Attempt[], Partial<Policy>, string | undefined, number | null]>([
    ['nothing yet', [], {}, undefined, null],
    ['four within the hour', [10, 20, 30, 40].map((m) => attempt(m)), {}, undefined, null],
    ['five within the hour', [10, 20, 30, 40, 50].map((m) => attempt(m)), {}, 'max_per_hour', 600],
    ['the fifth is an hour old', [10, 20, 30, 40, 60].map((m) => attempt(m)), {}, undefined, null],
    ['the same workflow', [attempt(30, { workflow: 'w' })], {}, 'max_per_workflow_per_hour', 1_800],
    ['another workflow', [attempt(30, { workflow: 'v' })], {}, undefined, null],
    ['the same agent once', [attempt(30, { agent: 'a' })], {}, undefined, null],
    ['the same agent twice', [attempt(30, { agent: 'a' }), attempt(20, { agent: 'a' })], {}, 'max_per_agent_per_hour', 1_800],
    ['the same agent four minutes ago', [attempt(4, { agent: 'a' })], {}, 'cooldown_seconds', 60],
    ['the same agent five minutes ago', [attempt(5, { agent: 'a' })], {}, undefined, null],
    ['two failures', [attempt(80, { ok: false }), attempt(70, { ok: false })], {}, undefined, null],
    ['three failures', [90, 80, 70].map((m) => attempt(m, { ok: false })), {}, 'stop_after_failures', null],
    ['three failures and a success', [attempt(65), ...[90, 80, 70].map((m) => attempt(m, { ok: false }))], {}, undefined, null],
    [
      'three failures, one still open',
      [attempt(65, { ok: null }), ...[90, 80, 70].map((m) => attempt(m, { ok: false }))],
      {},
      'stop_after_failures',
      null,
    ],
    [
      'three failures, looked at',
      [90, 80, 70].map((m) => attempt(m, { ok: false })),
      { resumed_ms: NOW - 66 * MINUTE },
      undefined,
      null,
    ],
    ['none at all', [], { max_per_hour: 0 }, 'max_per_hour', 3_600],
  ])('%s', (_, attempts, policy, limit, retryAfter) => {
    const refusal = refusedBy({ ...defaultPolicy, ...policy }, attempts, target, NOW);
    expect(refusal?.limit).toBe(limit);
    if (limit !== undefined) expect(refusal?.retryAfter).toBe(retryAfter);
  });
  test('a target without a name is like no other', () => {
    const attempts = [attempt(30), attempt(31)];
    expect(refusedBy(defaultPolicy, attempts, { agent: null, workflow: null }, NOW)).toBeUndefined();
  });
});
