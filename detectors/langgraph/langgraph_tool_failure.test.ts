import { type StepLike, step, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import langgraphToolFailure from './langgraph_tool_failure.ts';

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
const call = (id: string, superstep: number, more = {}): StepLike => ({
  ...tool(id, {}, more),
  extra: { 'run.format': 'langgraph', 'node.id': id, superstep },
});

testDetector(
  langgraphToolFailure,
  {
    quiet: [
      { name: 'a call that works', steps: [call('search', 1, { result: 'x' }), graph({ 'run.status': 'completed' })] },
      {
        name: 'a retry that works',
        nearMiss: true,
        steps: [
          call('search', 1, { error: 'timeout' }),
          call('search', 2, { result: 'x' }),
          graph({ 'run.status': 'completed' }),
        ],
      },
      { name: 'tools elsewhere', steps: [tool('search', {}, { error: 'timeout' })] },
      {
        name: 'a higher mark',
        options: { min_score: 0.95 },
        steps: [call('search', 1, { error: 'timeout' }), graph({ 'run.status': 'completed' })],
      },
    ],
    fires: [
      {
        name: 'the run ended with it',
        steps: [call('search', 1, { error: 'timeout' }), graph({ 'run.status': 'failed' })],
        expect: [{ message: 'uncaught', at: 1 }],
      },
      {
        name: 'the graph went on',
        steps: [call('search', 1, { error: 'timeout' }), node('answer', 2), graph({ 'run.status': 'completed' })],
        expect: [{ message: 'unrecovered', at: 1 }],
      },
      {
        name: 'retries that fail too',
        steps: [
          call('search', 1, { error: 'timeout' }),
          call('search', 2, { error: 'timeout' }),
          graph({ 'run.status': 'completed' }),
        ],
        expect: [{ message: 'unrecovered', at: 1, data: { count: 2 } }],
      },
    ],
  },
  import.meta.url,
);
