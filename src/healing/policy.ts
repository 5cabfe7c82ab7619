/**
 * What may be applied without a person, and how much in how little time. Nothing is applied by itself unless a tenant says so, and limits
 * stand for a person's approvals as well. All of it is arithmetic over a list of what was applied; the list is kept by whoever asks.
 */
import type { Fix, Risk } from './fix.ts';
import { risks } from './fix.ts';

export interface Policy {
  /** Fixes up to this risk begin without an approval; `none`: no fix does. */
  readonly auto_apply: 'none' | Risk;
  /** Only fixes at least this sure, whole percent. */
  readonly min_confidence: number;
  /** A fix whose replay was not passed waits for a person. */
  readonly require_verification: boolean;
  readonly max_per_hour: number;
  readonly max_per_agent_per_hour: number;
  readonly max_per_workflow_per_hour: number;
  /** Seconds between two changes of the same workflow or agent. */
  readonly cooldown_seconds: number;
  /** So many failures in a row stop everything until `resume_at` is later than the last of them. */
  readonly stop_after_failures: number;
  /** When a person last said that it may go on, Unix ms. */
  readonly resumed_ms: number;
}

/** The seed's figures: 5 an hour, 300 s, 3 failures. The two per target are a fifth and two fifths of it: one target does not use all. */
export const defaultPolicy: Policy = {
  auto_apply: 'none',
  min_confidence: 80,
  require_verification: true,
  max_per_hour: 5,
  max_per_agent_per_hour: 2,
  max_per_workflow_per_hour: 1,
  cooldown_seconds: 300,
  stop_after_failures: 3,
  resumed_ms: 0,
};

/** One attempt to apply. `ok` is null until it ended. */
export interface Attempt {
  readonly healing: string;
  readonly at_ms: number;
  readonly agent: string | null;
  readonly workflow: string | null;
  readonly ok: boolean | null;
}

const HOUR_MS = 3_600_000;
/** Attempts that are kept: an hour of the highest limit, and enough for failures in a row. */
export const MOST_ATTEMPTS = 200;

/** Why a person has to say yes, or undefined. `verified`: the replay with the fix was silent. */
export function needsApproval(policy: Policy, fix: Pick<Fix, 'risk' | 'confidence'>, verified: boolean): string | undefined {
  if (policy.auto_apply === 'none') return 'the policy applies nothing by itself';
  if (risks.indexOf(fix.risk) > risks.indexOf(policy.auto_apply))
    return `the fix is ${fix.risk}, the policy applies up to ${policy.auto_apply}`;
  const percent = Math.round(fix.confidence * 100);
  if (percent < policy.min_confidence) return `its confidence is ${percent}, the policy asks for ${policy.min_confidence}`;
  if (policy.require_verification && !verified) return 'no replay has shown that it works';
  return undefined;
}

export interface Refusal {
  readonly limit: string;
  readonly message: string;
  /** Seconds until it would be let through; null where only a person helps. */
  readonly retryAfter: number | null;
}

/** The first limit that stands in the way of changing this target now, or undefined. */
export function refusedBy(
  policy: Policy,
  attempts: readonly Attempt[],
  target: { readonly agent: string | null; readonly workflow: string | null },
  nowMs: number,
): Refusal | undefined {
  const failed = failuresInARow(attempts, policy.resumed_ms);
  if (failed >= policy.stop_after_failures)
    return {
      limit: 'stop_after_failures',
      message: `${failed} changes in a row failed. Look at them, then PUT the policy with resume: true.`,
      retryAfter: null,
    };
  const hour = attempts.filter(({ at_ms }) => at_ms > nowMs - HOUR_MS);
  const same = (key: 'agent' | 'workflow') => hour.filter((one) => target[key] !== null && one[key] === target[key]);
  const counts: readonly (readonly [keyof Policy & string, readonly Attempt[], number])[] = [
    ['max_per_hour', hour, policy.max_per_hour],
    ['max_per_workflow_per_hour', same('workflow'), policy.max_per_workflow_per_hour],
    ['max_per_agent_per_hour', same('agent'), policy.max_per_agent_per_hour],
  ];
  for (const [limit, some, most] of counts) {
    if (some.length < most) continue;
    // Room comes when the oldest of the last `most` is an hour old.
    const oldest = some.map(({ at_ms }) => at_ms).sort((a, b) => b - a)[most - 1] ?? nowMs;
    return {
      limit,
      message: `${limit} is ${most}, and ${some.length} were applied within the hour.`,
      retryAfter: Math.max(1, Math.ceil((oldest + HOUR_MS - nowMs) / 1_000)),
    };
  }
  const last = Math.max(...[...same('workflow'), ...same('agent')].map(({ at_ms }) => at_ms), Number.NEGATIVE_INFINITY);
  const wait = last + policy.cooldown_seconds * 1_000 - nowMs;
  if (wait > 0)
    return {
      limit: 'cooldown_seconds',
      message: `The same target was changed ${Math.round((nowMs - last) / 1_000)} s ago; cooldown_seconds is ${policy.cooldown_seconds}.`,
      retryAfter: Math.ceil(wait / 1_000),
    };
  return undefined;
}

function failuresInARow(attempts: readonly Attempt[], sinceMs: number): number {
  let count = 0;
  for (const { ok } of attempts.filter(({ at_ms }) => at_ms > sinceMs).toSorted((a, b) => b.at_ms - a.at_ms)) {
    if (ok === true) break;
    if (ok === false) count++;
  }
  return count;
}
