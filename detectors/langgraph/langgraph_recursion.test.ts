import { type StepLike, step, times } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import langgraphRecursion from './langgraph_recursion.ts';

const node = (id: string, superstep: number, extra: Record<string, unknown> = {}, more: Partial<StepLike> = {}): StepLike => ({
  ...step('task', { name: id }),
  ...more,
  extra: { 'run.format': 'langgraph', 'node.id': id, superstep, ...extra },
});
const graph = (extra: Record<string, unknown> = {}, more: Partial<StepLike> = {}): StepLike => ({
  ...step('workflow', { name: 'graph' }),
  ...more,
  extra: { 'run.format': 'langgraph', ...extra },
});
const limits = { recursion_limit: 25 };

testDetector(
  langgraphRecursion,
  {
    quiet: [
      { name: 'a short run', steps: [node('a', 0), node('b', 1), graph({ 'run.status': 'completed' }, { limits })] },
      { name: '22 of 25', nearMiss: true, steps: [node('a', 22), graph({}, { limits })] },
      {
        name: 'two visits with one output',
        nearMiss: true,
        steps: [...times(2, (i) => node('a', i, { 'node.outputs': { x: 1 } }))],
      },
      { name: 'visits that bring something new', steps: [...times(8, (i) => node('a', i, { 'node.outputs': { x: i } }))] },
      { name: 'a map over items', steps: [...times(8, node('worker', 1, { 'parallel.group': 'map', 'node.outputs': 'ok' }))] },
      { name: 'a higher mark', options: { near_limit: 0.99 }, steps: [node('a', 23), graph({}, { limits })] },
    ],
    fires: [
      {
        name: 'the limit was reached',
        steps: [node('a', 24), graph({ 'run.status': 'recursion_limit' }, { limits })],
        expect: [{ message: 'limit_reached', at: 1, data: { limit: 25 } }],
      },
      { name: 'near the limit', steps: [node('a', 23), graph({}, { limits })], expect: [{ message: 'near_limit', at: 1 }] },
      {
        name: 'the same output three times',
        steps: [...times(3, (i) => node('a', i, { 'node.outputs': { x: 1 } }))],
        expect: [{ message: 'no_progress', at: 3, data: { count: 3 } }],
      },
      {
        name: 'twice by option',
        options: { min_visits: 2 },
        steps: [...times(2, (i) => node('a', i, { 'node.outputs': { x: 1 } }))],
        expect: [{ message: 'no_progress' }],
      },
    ],
  },
  import.meta.url,
);
