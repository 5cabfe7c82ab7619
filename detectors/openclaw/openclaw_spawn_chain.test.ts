import { handoff, type StepLike } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import openclawSpawnChain from './openclaw_spawn_chain.ts';

const spawn = (from: string, to: string, extra: Record<string, unknown> = {}, limits: Record<string, number> = {}): StepLike => ({
  ...handoff(from, to),
  extra: { 'event.type': 'session.spawn', ...extra },
  limits,
});

testDetector(
  openclawSpawnChain,
  {
    quiet: [
      { name: 'one level', steps: [spawn('lead', 'a'), spawn('lead', 'b')] },
      { name: 'two levels', nearMiss: true, steps: [spawn('lead', 'a'), spawn('a', 'b')] },
      {
        name: 'four children',
        nearMiss: true,
        steps: [spawn('lead', 'a'), spawn('lead', 'b'), spawn('lead', 'c'), spawn('lead', 'd')],
      },
      { name: 'a message is no spawn', steps: [{ ...handoff('a', 'a'), extra: { 'event.type': 'session.send' } }] },
      {
        name: 'a limit of the session',
        steps: [spawn('lead', 'a'), spawn('a', 'b'), spawn('b', 'c', {}, { max_spawn_depth: 5 })],
      },
    ],
    fires: [
      {
        name: 'a circle',
        steps: [spawn('a', 'b'), spawn('b', 'a')],
        expect: [{ message: 'circle', at: 2, data: { agent: 'a' } }],
      },
      {
        name: 'three levels',
        steps: [spawn('lead', 'a'), spawn('a', 'b'), spawn('b', 'c')],
        expect: [{ message: 'too_deep', at: 3, data: { depth: 3 } }],
      },
      {
        name: 'one level by option',
        options: { max_depth: 1 },
        steps: [spawn('lead', 'a'), spawn('a', 'b')],
        expect: [{ message: 'too_deep' }],
      },
      {
        name: 'ten at once',
        steps: [spawn('lead', 'a', { 'spawn.count': 10 })],
        expect: [{ message: 'too_many', at: 1, data: { count: 10 } }],
      },
      {
        name: 'one by option',
        options: { max_children: 1 },
        steps: [spawn('lead', 'a'), spawn('lead', 'b')],
        expect: [{ message: 'too_many' }],
      },
    ],
  },
  import.meta.url,
);
