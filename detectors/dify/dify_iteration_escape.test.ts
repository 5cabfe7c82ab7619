import { type StepLike, step, times } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import difyIterationEscape from './dify_iteration_escape.ts';

const node = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'dify', ...extra },
});
const round = (index: number, outputs: unknown = { x: index }) =>
  node(step('task', { name: 'work' }), {
    'node.parent': 'it',
    'iteration.index': index,
    'node.type': 'code',
    'node.outputs': outputs,
  });
const assigns = node(step('task', { name: 'keep' }), { 'node.parent': 'it', 'iteration.index': 0, 'node.type': 'assigner' });
const loop = (extra = {}, limits: Record<string, number> = {}) =>
  node(
    { ...step('task', { name: 'loop' }), limits },
    { 'node.type': 'loop', 'node.id': 'it', 'node.status': 'succeeded', ...extra },
  );

testDetector(
  difyIterationEscape,
  {
    quiet: [
      { name: 'rounds within the limit', steps: [...times(3, (i) => round(i)), loop({}, { max_iterations: 5 })] },
      {
        name: 'as many rounds as allowed',
        nearMiss: true,
        steps: [...times(5, (i) => round(i)), loop({}, { max_iterations: 5 })],
      },
      { name: 'as many rounds as items', steps: [...times(3, (i) => round(i)), loop({ 'iteration.expected': 3 })] },
      { name: 'two rounds with one output', nearMiss: true, steps: [...times(2, (i) => round(i, { same: 1 })), loop()] },
      { name: 'a loop changes its variables', nearMiss: true, steps: [assigns, loop()] },
      {
        name: 'an assignment after the iteration',
        nearMiss: true,
        steps: [round(0), loop({ 'node.type': 'iteration' }), node(step('task', { name: 'keep' }), { 'node.type': 'assigner' })],
      },
      { name: 'rounds elsewhere', steps: [...times(9, step('task', { extra: { 'node.parent': 'it' } }))] },
    ],
    fires: [
      {
        name: 'more rounds than allowed',
        steps: [...times(6, (i) => round(i)), loop({}, { max_iterations: 5 })],
        expect: [{ message: 'over_limit', at: 7, data: { rounds: 6, limit: 5 } }],
      },
      {
        name: 'more rounds by option',
        options: { max_rounds: 5 },
        steps: [...times(6, (i) => round(i)), loop()],
        expect: [{ message: 'over_limit' }],
      },
      {
        name: 'an item writes a variable of the conversation',
        steps: [assigns, loop({ 'node.type': 'iteration' })],
        expect: [{ message: 'writes_outside', at: 1, data: { writer: 'keep' } }],
      },
      {
        name: 'the iteration comes first',
        steps: [loop({ 'node.type': 'iteration' }), assigns],
        expect: [{ message: 'writes_outside', at: 2 }],
      },
      { name: 'stopped', steps: [round(0), loop({ 'node.status': 'stopped' })], expect: [{ message: 'not_exited', at: 2 }] },
      { name: 'a round is missing', steps: [round(0), round(2), loop()], expect: [{ message: 'rounds_off', at: 3 }] },
      {
        name: 'the same output three times',
        steps: [...times(3, (i) => round(i, { same: 1 })), loop()],
        expect: [{ message: 'no_progress', at: 3, data: { count: 3 } }],
      },
      {
        name: 'twice by option',
        options: { min_same: 2 },
        steps: [...times(2, (i) => round(i, { same: 1 })), loop()],
        expect: [{ message: 'no_progress' }],
      },
    ],
  },
  import.meta.url,
);
