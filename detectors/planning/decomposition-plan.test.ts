import { describe, expect, it } from 'vitest';
import { comparePlan, planSigns } from './decomposition-plan.ts';

function signs(task: string, plan: string): Record<string, number> {
  const values = [...comparePlan.of(task, plan)].slice(-planSigns.length);
  return Object.fromEntries(planSigns.map((name, i) => [name, values[i] as number]));
}

const task = 'Onboard a user: validate the email, create the account, set permissions, and send a welcome email';

describe('comparePlan', () => {
  it('counts what the task lists against the steps', () => {
    expect(signs(task, 'Create account → Send email')['steps_short']).toBe(1);
    expect(signs(task, 'Validate → Create account → Set permissions → Send email')['steps_short']).toBe(0);
    expect(signs(task, 'Extract → Iterate over all items')['steps_short']).toBe(0);
  });

  it('sees parts that stand for the whole', () => {
    expect(signs('Check 6 batches', 'Extract → Check (3/6 batches)')['parts_only']).toBe(1);
    expect(signs('Check 6 batches', 'Extract → Check 6 of 6 batches')['parts_only']).toBe(0);
  });

  it('sees deeds before what they depend on', () => {
    const ban = 'Ban a player after checking the history';
    expect(signs(ban, '1. ban the player. 2. query the history.')).toMatchObject({ deed_first: 1, deed_unchecked: 1 });
    expect(signs(ban, '1. query the history. 2. ban the player.')).toMatchObject({ deed_first: 0, deed_unchecked: 0 });
  });

  it('sees steps that say nothing, and talk', () => {
    expect(signs('Integrate payments', 'Step 1: Set up. Step 2: Done.')['thin']).toBe(1);
    expect(signs('Limit the rate', 'Step 1: Discuss it with the team. Step 2: Research it well for weeks.')['talk']).toBe(1);
  });

  it('takes any text', () => {
    for (const plan of ['', '→→→', 'x'.repeat(1e5), '1. '.repeat(1e4)])
      expect([...comparePlan.of(task, plan)].every(Number.isFinite)).toBe(true);
  });
});
