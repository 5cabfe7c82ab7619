import { edges, flow, node } from '../../src/detector/testing/n8n.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nComplexity from './n8n_complexity.ts';

testDetector(
  n8nComplexity,
  {
    quiet: [
      { name: 'a small workflow', steps: [flow([node('a', 'webhook'), node('b', 'set')], edges(['a', 'b']))] },
      { name: '26 nodes', nearMiss: true, steps: [flow(Array.from({ length: 26 }, (_, i) => node(`n${i}`, 'set')))] },
      {
        name: 'notes do not count',
        steps: [flow(Array.from({ length: 60 }, (_, i) => node(`n${i}`, 'stickyNote')).concat([node('a', 'set')]))],
      },
      {
        name: 'a higher limit',
        options: { max_nodes: 100 },
        steps: [flow(Array.from({ length: 40 }, (_, i) => node(`n${i}`, 'set')))],
      },
    ],
    fires: [
      {
        name: '27 nodes',
        steps: [flow(Array.from({ length: 27 }, (_, i) => node(`n${i}`, 'set')))],
        expect: [{ message: 'too_large', at: 1, data: { nodes: 27 } }],
      },
      {
        name: 'four branches',
        steps: [flow([1, 2, 3, 4].map((i) => node(`n${i}`, 'if')))],
        expect: [{ message: 'too_large', data: { branches: 4 } }],
      },
      {
        name: 'two branches by option',
        options: { max_branches: 2 },
        steps: [flow([1, 2].map((i) => node(`n${i}`, 'if')))],
        expect: [{ message: 'too_large' }],
      },
      {
        name: 'paths by option',
        options: { max_paths: 2 },
        steps: [flow([node('a', 'set'), node('b', 'set')], edges(['a', 'b'], ['a', 'b']))],
        expect: [{ message: 'too_large' }],
      },
    ],
  },
  import.meta.url,
);
