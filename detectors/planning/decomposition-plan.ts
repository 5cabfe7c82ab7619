/** decomposition, signs of a poor plan: fewer steps than the task lists, parts of a set only, deeds before what they depend on, steps that say nothing, talk. */
import { type Comparison, pick } from '../../src/text/judge.ts';

export const planSigns = ['parts_only', 'deed_first', 'deed_unchecked', 'steps_short', 'thin', 'talk', 'steps'] as const;

const LIMIT = 4_096;
const MAX_STEPS = 64;

const deeds = words(
  'update create delete send call grant ban charge escalate modify notify transfer deduct issue cancel remove assign approve award execute submit',
);
const checks = words(
  'query search find check verify validate lookup retrieve look get fetch gather research read review calculate confirm load extract',
);
const talk = words('discuss research compare present schedule meet meeting plan think consider brainstorm evaluate write');
const asked = words('check verify verifying validate checking ensure confirm availability review eligibility');

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(' '));
}

/** A task and its plan as the fitted head sees them. */
export const comparePlan: Comparison = pick(
  ['covered', 'pairs', 'items_covered', 'length_ratio', 'numbers_lost', 'numbers_new'],
  planSigns,
  (task, plan) => {
    const steps = stepsOf(plan.slice(0, LIMIT).toLowerCase());
    const lower = task.slice(0, LIMIT).toLowerCase();
    const listed = itemsOf(lower);
    const first = steps.map((step) => step.split(/[^a-z]+/).find((word) => word !== '') ?? '');
    const deed = first.findIndex((word) => deeds.has(word));
    const after = first.findLastIndex((word, i) => i > deed && checks.has(word));
    const checked = first.slice(0, Math.max(0, deed)).some((word) => checks.has(word));
    const demanded = lower.split(/[^a-z]+/).some((word) => asked.has(word));
    const flag = (value: boolean): number => (value ? 1 : 0);
    const brief = steps.filter((step) => step.split(/\s+/).length <= 3).length;
    return [
      flag(partial(plan.slice(0, LIMIT).toLowerCase())),
      flag(deed >= 0 && after > deed && !checked),
      flag(deed >= 0 && !checked && demanded),
      flag(listed > steps.length && !plan.includes('all ')),
      steps.length === 0 || listed >= 3 ? 0 : flag(steps.length <= 3) * 0.5 + (0.5 * brief) / steps.length,
      steps.length === 0 ? 0 : first.filter((word) => talk.has(word)).length / steps.length,
      Math.min(1, steps.length / 10),
    ];
  },
);

/** "Step 1: …", "1. …", "- …" or arrows. */
function stepsOf(plan: string): string[] {
  return plan
    .split(/→|->|(?:^|\s)step \d+:|(?:^|\s)\d{1,2}[.)]\s|\n\s*[-*]\s/)
    .map((step) => step.trim())
    .filter((step) => step !== '')
    .slice(0, MAX_STEPS);
}

/** How many things a task lists after its colon, or as a sentence with commas; 0 if fewer than three. */
function itemsOf(task: string): number {
  const text = task.slice(task.indexOf(':') + 1).replace(/\([^)]*\)/g, '');
  const items = text.split(/,|;/).filter((item) => item.trim() !== '');
  return items.length < 3 ? 0 : items.length;
}

/** "3 of 5", "2/6", "first 2": less than the whole. */
function partial(plan: string): boolean {
  for (const [, part = '', whole = ''] of plan.matchAll(/\b(\d{1,4})\s?(?:of|\/)\s?(\d{1,4})\b/g))
    if (Number(part) < Number(whole)) return true;
  return /\bfirst \d+\b|\bonly \d+\b|\(missing\b/.test(plan);
}
