import { expect, test } from 'vitest';
import { llm, type StepLike, toSteps, user } from '../../src/detector/testing/builders.ts';
import { textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';
import { type Course, openCourse, steer } from './derailment-course.ts';

const options = { restart_likeness: 0.6, restart_likeness_leader: 0.5, drift_steps: 6 };
const task = 'Compare the harvest of apples, pears, cherries and plums in the northern orchards with last year.';
const opening =
  'We begin with a plan: first we read the records of the orchards, then we compare the harvest of apples, pears, cherries and plums, and last we write the report for the owners.';
const about =
  'The harvest of apples and pears in the northern orchards was compared with cherries and plums of last year, every farmer and each single village row by row.';
const aside =
  'Violins need dry rooms, careful tuning, soft cloth, clean strings, patient hands, good rosin, quiet evenings and warm lamps.';

/** What the last step is said to be, after an opener and the others. */
function last(likes: readonly StepLike[]) {
  const [first, ...rest] = toSteps([llm(opening, { agent: 'planner', input: [user(task)] }), ...likes]);
  const course = openCourse(first as never, outputText(first as never)) as Course;
  return rest.map((step) => steer(course, step, textFacts(outputText(step)), options)).at(-1);
}

const says = (text: string, agent = 'worker') => llm(text, { agent });
const several = (count: number, text: string) => Array.from({ length: count }, () => says(text));

test.each<[string, readonly StepLike[], boolean]>([
  ['the opener again after others spoke', [...several(8, about), says(opening, 'planner')], true],
  ['too soon', [...several(3, about), says(opening, 'planner')], false],
  ['by another agent', [...several(8, about), says(opening)], false],
  ['when nobody else spoke', [...Array(8).fill(says(about, 'planner')), says(opening, 'planner')], false],
  ['something else by the same agent', [...several(8, about), says(`${about} ${aside}`, 'planner')], false],
])('restart: %s', (_, likes, said) => {
  expect(last(likes)?.restart !== undefined).toBe(said);
});

test.each<[string, readonly StepLike[], boolean]>([
  ['six steps on the task', several(6, about), false],
  ['then three aside', [...several(6, about), ...several(3, aside)], true],
  ['one aside and back', [...several(6, about), says(aside), says(about)], false],
  ['too early to tell', [says(about), ...several(2, aside)], false],
])('drift: %s', (_, likes, said) => {
  expect(last(likes)?.drift !== undefined).toBe(said);
});

test('a short message opens nothing', () => {
  const [step] = toSteps([llm('OK, let me begin.', { input: [user(task)] })]);
  expect(openCourse(step as never, 'OK, let me begin.')).toBeNull();
});
