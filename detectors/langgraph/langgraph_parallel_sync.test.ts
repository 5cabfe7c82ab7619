import { type StepLike, step } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import langgraphParallelSync from './langgraph_parallel_sync.ts';

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
const failed = { error: 'timeout' };

testDetector(
  langgraphParallelSync,
  {
    quiet: [
      {
        name: 'a join that was given all',
        nearMiss: true,
        steps: [
          ...['a', 'b', 'c'].map((id) => node(id, 1)),
          node('join', 2, { 'node.inputs': { reviews: ['pass', 'pass', 'fail'] } }),
          graph({ 'graph.edges': ['a', 'b', 'c'].map((source) => ({ source, target: 'join' })) }),
        ],
      },
      { name: 'branches that join', steps: [node('a', 0), node('b', 1), node('c', 1), node('d', 2), graph()] },
      {
        name: 'a branch that was skipped',
        nearMiss: true,
        steps: [node('b', 1), node('c', 1, { 'node.status': 'skipped' }), graph()],
      },
      {
        name: 'outputs of one name that are no channel',
        nearMiss: true,
        steps: [node('b', 1, { 'state.delta': { result: 1 } }), node('c', 1, { 'state.delta': { result: 2 } }), graph()],
      },
      { name: 'a failure without branches', steps: [node('b', 1, {}, failed), graph()] },
      { name: 'a higher mark', options: { min_score: 0.99 }, steps: [node('b', 1), node('c', 1, {}, failed), graph()] },
    ],
    fires: [
      {
        name: 'a join that was given less than its branches',
        steps: [
          ...['a', 'b', 'c'].map((id) => node(id, 1)),
          node('join', 2, { 'node.inputs': { reviews: ['pass', 'pass'] } }),
          graph({ 'graph.edges': ['a', 'b', 'c'].map((source) => ({ source, target: 'join' })) }),
        ],
        expect: [{ message: 'join_short', data: { got: 2, branches: 3 } }],
      },
      {
        name: 'a branch is lost',
        steps: [node('b', 1), node('c', 1, {}, failed), graph()],
        expect: [{ message: 'branch_lost', at: 2 }],
      },
      {
        name: 'the join fails',
        steps: [node('b', 1), node('c', 1), node('d', 2, {}, failed), graph()],
        expect: [{ message: 'join_failed', at: 3 }],
      },
      {
        name: 'two write one channel',
        steps: [
          node('b', 1, { 'state.delta': { result: 1 } }),
          node('c', 1, { 'state.delta': { result: 2 } }),
          graph({ 'state.history': [{ superstep: 1, state: { result: 2 } }] }),
        ],
        expect: [{ message: 'write_conflict', at: 2 }],
      },
      {
        name: 'one reads what the other writes',
        steps: [
          node('b', 1, { 'state.delta': { total: 1 } }),
          node('c', 1, { 'node.inputs': { total: 0 }, 'state.delta': { mean: 0 } }),
          graph({ 'state.history': [{ superstep: 1, state: { total: 1 } }] }),
        ],
        expect: [{ message: 'race', at: 2 }],
      },
    ],
  },
  import.meta.url,
);
