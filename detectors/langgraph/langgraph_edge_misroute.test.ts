import { type StepLike, step } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import langgraphEdgeMisroute from './langgraph_edge_misroute.ts';

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
const edges = (...list: [string, string, string?][]) => ({
  'graph.edges': list.map(([source, target, condition]) => ({ source, target, condition })),
});
const router = (decision: string, inputs: Record<string, unknown> = {}) =>
  node('router', 1, { 'route.decision': decision, 'route.field': 'next_node', 'node.inputs': inputs });

testDetector(
  langgraphEdgeMisroute,
  {
    quiet: [
      { name: 'the decision is followed', steps: [router('math'), node('math', 2), graph(edges(['router', 'math']))] },
      {
        name: 'a condition that holds',
        nearMiss: true,
        steps: [
          node('c', 1, { 'node.outputs': { kind: 'math' } }),
          node('math', 2),
          graph(edges(['c', 'math', "kind == 'math'"])),
        ],
      },
      {
        name: 'a condition of another form',
        steps: [
          node('c', 1, { 'node.outputs': { kind: 'math' } }),
          node('math', 2),
          graph(edges(['c', 'math', 'should_calculate(state)'])),
        ],
      },
      {
        name: 'a target in another spelling',
        nearMiss: true,
        steps: [router('math_tool'), { ...node('n2', 2), name: 'MathTool' }, graph(edges(['router', 'n2', "kind == 'math'"]))],
      },
      {
        name: 'a run that failed with a way open',
        nearMiss: true,
        steps: [
          node('c', 1, { 'node.outputs': { kind: 'math' } }),
          node('math', 2, { 'node.status': 'skipped' }),
          graph(edges(['c', 'math', "kind == 'math'"]), { error: 'recursion limit reached' }),
        ],
      },
      {
        name: 'a chosen node that fails by itself',
        nearMiss: true,
        steps: [
          node('c', 1, { 'node.outputs': { kind: 'math' } }),
          node('math', 2, {}, { error: 'connection refused' }),
          graph(edges(['c', 'math', "kind == 'math'"]), { error: 'connection refused' }),
        ],
      },
      { name: 'the end', steps: [router('__end__'), graph()] },
      {
        name: 'urgent words to an urgent route',
        steps: [router('urgent_desk', { text: 'URGENT: server down' }), node('urgent_desk', 2), graph()],
      },
      {
        name: 'words off',
        options: { contradictions: false },
        steps: [router('low_priority', { urgency: 'high' }), node('low_priority', 2), graph()],
      },
    ],
    fires: [
      {
        name: 'a target that is not there',
        steps: [router('nowhere'), node('math', 2), graph(edges(['router', 'math']))],
        expect: [{ message: 'unknown_target', at: 1, data: { target: 'nowhere' } }],
      },
      {
        name: 'a decision that is not followed',
        steps: [router('math'), node('weather', 2), node('math', 3), graph()],
        expect: [{ message: 'not_followed', at: 1, data: { taken: 'weather' } }],
      },
      {
        name: 'a condition that does not hold',
        steps: [
          node('c', 1, { 'node.outputs': { kind: 'math' } }),
          node('weather', 2),
          graph(edges(['c', 'weather', "kind == 'weather'"])),
        ],
        expect: [{ message: 'condition_false', at: 1 }],
      },
      {
        name: 'no edge for the label',
        steps: [
          node('c', 1, { 'node.outputs': { lang: 'fr' } }),
          node('french', 2, { 'node.status': 'skipped' }),
          graph(edges(['c', 'french', "lang == 'french'"]), { error: 'no next node' }),
        ],
        expect: [{ message: 'no_way', at: 1 }],
      },
      {
        name: 'a chosen node that refuses',
        steps: [
          node('c', 1, { 'node.outputs': { kind: 'math' } }),
          node('weather', 2, {}, { error: 'Cannot process equations' }),
          graph(edges(['c', 'weather', 'choose_tool']), { error: 'Cannot process equations' }),
        ],
        expect: [{ message: 'refused', at: 1, data: { node: 'weather' } }],
      },
      {
        name: 'a label to the contrary',
        steps: [
          node('c', 1, {
            'node.type': 'router',
            'node.inputs': { text: 'URGENT: server down' },
            'node.outputs': { priority: 'low' },
          }),
          graph(),
        ],
        expect: [{ message: 'contradiction', at: 1, data: { given: 'urgent', target: 'low' } }],
      },
      {
        name: 'words to the contrary',
        steps: [router('low_priority', { urgency: 'high' }), node('low_priority', 2), graph()],
        expect: [{ message: 'contradiction', at: 1, data: { given: 'high' } }],
      },
    ],
  },
  import.meta.url,
);
