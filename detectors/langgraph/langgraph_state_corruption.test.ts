import { type StepLike, step } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import langgraphStateCorruption from './langgraph_state_corruption.ts';

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
const snaps = (...states: unknown[]) => graph({ 'state.history': states.map((state, superstep) => ({ superstep, state })) });

testDetector(
  langgraphStateCorruption,
  {
    quiet: [
      { name: 'updates', steps: [snaps({ n: 1, list: ['a'] }, { n: 2, list: ['a', 'b'] })] },
      { name: 'a value arrives', steps: [snaps({ n: null }, { n: 2 })] },
      {
        name: 'a write that stands in the next snapshot',
        nearMiss: true,
        steps: [node('a', 0, { 'state.delta': { n: 2 } }), snaps({ n: 1 }, { n: 2 })],
      },
      {
        name: 'a plan is worked off, one step at a time',
        nearMiss: true,
        steps: [snaps({ plan: ['a', 'b'], done: [] }, { plan: ['b'], done: ['a'] }, { plan: [], done: ['a', 'b'] })],
      },
      { name: 'one message is exchanged', nearMiss: true, steps: [snaps({ messages: ['a'] }, { messages: ['b'] })] },
      { name: 'a higher mark', options: { min_score: 0.99 }, steps: [snaps({ n: 1 }, { n: 'one' })] },
    ],
    fires: [
      {
        name: 'another type',
        steps: [snaps({ n: 1 }, { n: 'one' })],
        expect: [{ message: 'damaged', data: { path: 'n', superstep: 1 } }],
      },
      {
        name: 'a plan is lost',
        steps: [snaps({ plan: ['a', 'b'], done: [] }, { plan: [], done: [] })],
        expect: [{ message: 'damaged', data: { path: 'plan', damage: 'emptied' } }],
      },
      {
        name: 'messages are lost',
        steps: [snaps({ messages: ['a', 'b'] }, { messages: ['c', 'd', 'e'] })],
        expect: [{ message: 'damaged', data: { path: 'messages' } }],
      },
      {
        name: 'a write is lost',
        steps: [node('a', 0, { 'state.delta': { n: 2 } }), snaps({ n: 1 }, { n: 1 })],
        expect: [{ message: 'update_lost', at: 1, data: { path: 'n' } }],
      },
      {
        name: 'an error says so',
        steps: [node('a', 1, { 'state.delta': {} }, { error: 'invalid state: channel n' })],
        expect: [{ message: 'damaged', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
