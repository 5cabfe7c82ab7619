import { times } from '../../src/detector/testing/builders.ts';
import { edges, flow, node, ran } from '../../src/detector/testing/n8n.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nCycle from './n8n_cycle.ts';

/** A circle of `a` and an If node; `back`: the branches of it that lead back. */
const counting = (leftValue: string, back: readonly number[], more: readonly [string, string][] = []) =>
  flow(
    [
      node('a', 'code'),
      node('count', 'if', { parameters: { conditions: { conditions: [{ leftValue, rightValue: 9 }] } } }),
      node('end', 'stopAndError'),
    ],
    [
      ...edges(['a', 'count'], ...more),
      ...back.map((branch) => ({ source: 'count', target: 'a', type: 'main', branch, index: 0 })),
      { source: 'count', target: 'end', type: 'main', branch: 1, index: 0 },
    ],
  );

testDetector(
  n8nCycle,
  {
    quiet: [
      { name: 'a line', steps: [flow([node('a', 'webhook'), node('b', 'set')], edges(['a', 'b']))] },
      {
        name: 'a loop over batches',
        nearMiss: true,
        steps: [flow([node('a', 'splitInBatches'), node('b', 'set')], edges(['a', 'b'], ['b', 'a']))],
      },
      {
        name: 'a node that is switched off',
        steps: [flow([node('a', 'set'), node('b', 'set', { disabled: true })], edges(['a', 'b'], ['b', 'a']))],
      },
      { name: 'a circle that counts its rounds', nearMiss: true, steps: [counting('={{ $runIndex }}', [0])] },
      { name: '19 runs of a node', nearMiss: true, steps: [...times(19, ran('a')), flow([node('a', 'set')])] },
    ],
    fires: [
      {
        name: 'a circle without an end',
        steps: [flow([node('a', 'set'), node('b', 'code')], edges(['a', 'b'], ['b', 'a']))],
        expect: [{ message: 'endless', at: 1, data: { count: 2 } }],
      },
      {
        name: 'a circle with a condition',
        steps: [flow([node('a', 'if'), node('b', 'set'), node('c', 'set')], edges(['a', 'b'], ['b', 'a'], ['a', 'c']))],
        expect: [{ message: 'unbounded', at: 1 }],
      },
      {
        name: 'a circle that a second output leaves',
        steps: [
          flow(
            [node('a', 'httpRequest'), node('b', 'set'), node('c', 'slack')],
            [...edges(['a', 'b'], ['b', 'a']), { source: 'a', target: 'c', type: 'main', branch: 1, index: 0 }],
          ),
        ],
        expect: [{ message: 'unbounded', at: 1 }],
      },
      {
        name: 'a circle without a branch that all items leave too',
        steps: [flow([node('a', 'set'), node('b', 'code'), node('c', 'set')], edges(['a', 'b'], ['b', 'a'], ['b', 'c']))],
        expect: [{ message: 'endless', at: 1 }],
      },
      {
        name: 'a circle that counts something else',
        steps: [counting('={{ $json.n }}', [0])],
        expect: [{ message: 'unbounded', at: 1 }],
      },
      {
        name: 'a counter both of whose branches lead back',
        steps: [counting('={{ $runIndex }}', [0, 1])],
        expect: [{ message: 'unbounded', at: 1 }],
      },
      {
        name: 'a counter beside a shorter way round',
        steps: [counting('={{ $runIndex }}', [0], [['a', 'a']])],
        expect: [{ message: 'unbounded', at: 1 }],
      },
      {
        name: 'a loop inside a loop',
        steps: [flow([node('a', 'splitInBatches'), node('b', 'splitInBatches')], edges(['a', 'b'], ['b', 'a']))],
        expect: [{ message: 'nested', at: 1 }],
      },
      {
        name: 'many runs of a node',
        steps: [...times(20, ran('a')), flow([node('a', 'set')])],
        expect: [{ message: 'many_runs', at: 20, data: { count: 20 } }],
      },
      {
        name: 'fewer by option',
        options: { max_runs: 3 },
        steps: [...times(3, ran('a')), flow([node('a', 'set')])],
        expect: [{ message: 'many_runs' }],
      },
    ],
  },
  import.meta.url,
);
