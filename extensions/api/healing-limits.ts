/** The policy of a tenant and its list of attempts, as documents. A place among the attempts is taken by a write that names the version it read. */
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import type { TenantRecords } from '../../src/component/records.ts';
import { risks } from '../../src/healing/fix.ts';
import { type Attempt, defaultPolicy, MOST_ATTEMPTS, type Policy, type Refusal, refusedBy } from '../../src/healing/policy.ts';
import { Problem } from './problem.ts';

/** Whoever loses a round waits up to so many ms: of twenty at once each gets its turn within some rounds. */
const TRIES = 50;
const PAUSE_MS = 10;

const policy = z.object({
  auto_apply: z.enum(['none', ...risks]),
  min_confidence: z.number(),
  require_verification: z.boolean(),
  max_per_hour: z.number(),
  max_per_agent_per_hour: z.number(),
  max_per_workflow_per_hour: z.number(),
  cooldown_seconds: z.number(),
  stop_after_failures: z.number(),
  resumed_ms: z.number(),
});
const attempts = z.array(
  z.object({
    healing: z.string(),
    at_ms: z.number(),
    agent: z.string().nullable(),
    workflow: z.string().nullable(),
    ok: z.boolean().nullable(),
  }),
);

/** Version 0: nobody has set it yet. */
export async function policyOf(mine: TenantRecords): Promise<{ readonly policy: Policy; readonly version: number }> {
  const row = await mine.document('healing-policy', 'policy');
  return row === undefined ? { policy: defaultPolicy, version: 0 } : { policy: policy.parse(row.body), version: row.version };
}

export async function setPolicy(mine: TenantRecords, next: Policy, version: number): Promise<number> {
  const row = await mine.put('healing-policy', 'policy', next, version);
  if (row === undefined) throw new Problem(409, 'changed', 'The policy was changed at the same time. Read it again.');
  return row.version;
}

export interface Target {
  readonly agent: string | null;
  readonly workflow: string | null;
}

/** What would stop a change of this target now. */
export async function limitFor(mine: TenantRecords, rules: Policy, target: Target, nowMs: number): Promise<Refusal | undefined> {
  return refusedBy(rules, (await list(mine)).attempts, target, nowMs);
}

/** Takes a place, or throws 429 with the limit. Of several at once as many get one as there are. */
export async function reserve(mine: TenantRecords, rules: Policy, target: Target, healing: string, nowMs: number): Promise<void> {
  await change(mine, (before) => {
    const refusal = refusedBy(rules, before, target, nowMs);
    if (refusal !== undefined)
      throw new Problem(429, 'healing-limit', refusal.message, {
        headers: refusal.retryAfter === null ? {} : { 'retry-after': String(refusal.retryAfter) },
      });
    return [...before, { healing, at_ms: nowMs, ...target, ok: null }];
  });
}

/** How the newest attempt of a healing ended; `undefined`: it was none, and its place is free again. */
export async function settle(mine: TenantRecords, healing: string, ok: boolean | undefined): Promise<void> {
  await change(mine, (before) => {
    const at = before.findLastIndex((one) => one.healing === healing);
    return before.flatMap((one, i) => (i !== at ? [one] : ok === undefined ? [] : [{ ...one, ok }]));
  });
}

async function list(mine: TenantRecords): Promise<{ readonly attempts: readonly Attempt[]; readonly version: number }> {
  const row = await mine.document('healing-attempts', 'attempts');
  return { attempts: row === undefined ? [] : attempts.parse(row.body), version: row?.version ?? 0 };
}

async function change(mine: TenantRecords, next: (before: readonly Attempt[]) => readonly Attempt[]): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    const before = await list(mine);
    const after = next(before.attempts);
    // Within the hour none is forgotten: the limits are far below what is kept.
    if ((await mine.put('healing-attempts', 'attempts', after.slice(-MOST_ATTEMPTS), before.version)) !== undefined) return;
    await setTimeout(Math.random() * PAUSE_MS);
  }
  throw new Problem(409, 'changed', 'Too many changes at the same time. Try again.');
}
