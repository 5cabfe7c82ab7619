import { describe, expect, it } from 'vitest';
import { type StepLike, step, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import workflow from './workflow.ts';
import { flawsOf, graphOf } from './workflow-graph.ts';

const drawn = (nodes: readonly string[], edges: readonly unknown[]): StepLike =>
  step('workflow', { name: 'flow', extra: { 'graph.nodes': nodes, 'graph.edges': edges } });
const defined = (nodes: readonly object[], connections: unknown, error?: string): StepLike =>
  step('workflow', {
    name: 'flow',
    input: [user(JSON.stringify({ workflow: { nodes, connections } }))],
    extra: { 'graph.nodes': nodes.map((node) => (node as { id: string }).id), 'graph.edges': ['a->None'] },
    ...(error === undefined ? {} : { error }),
  });
const reads = (id: string, from: string) => ({ id, inputs: { text: `{{#${from}.answer#}}` } });
const ran = (node: string): StepLike => step('task', { name: node, extra: { 'graph.node': node } });

testDetector(
  workflow,
  {
    quiet: [
      { name: 'a line', steps: [drawn(['a', 'b', 'c'], ['a->b', 'b->c'])] },
      { name: 'branches that meet', steps: [drawn(['a', 'b', 'c', 'd'], ['a->b', 'a->c', 'b->d', 'c->d'])] },
      { name: 'two ends of one length', nearMiss: true, steps: [drawn(['a', 'b', 'c'], ['a->b', 'a->c'])] },
      { name: 'nodes that are drawn', steps: [ran('a'), ran('b'), drawn(['a', 'b'], [['a', 'b']])] },
      { name: 'a way in for errors', nearMiss: true, steps: [drawn(['a', 'b', 'error_handler'], ['a->b', 'error_handler->b'])] },
      {
        name: 'nodes that read from those before and from the run',
        steps: [defined([{ id: 'a' }, reads('b', 'a'), reads('c', 'a'), reads('d', 'sys')], { a: ['b'], b: ['c'], c: ['d'] })],
      },
      {
        name: 'a branch for each case',
        nearMiss: true,
        steps: [defined([{ id: 'a' }, { id: 'b' }, { id: 'c' }], { a: { true: ['b'], false: ['c'] } })],
      },
      {
        name: 'a service that failed',
        nearMiss: true,
        steps: [defined([{ id: 'a' }, { id: 'b' }], { a: ['b'] }, '401 Unauthorized: the key of a is not valid')],
      },
      { name: 'a higher mark', options: { min_score: 0.99 }, steps: [drawn(['a', 'b', 'c'], ['a->b', 'b->a'])] },
    ],
    fires: [
      {
        name: 'an edge that leads nowhere',
        steps: [drawn(['a', 'b', 'c'], ['a->b', 'b->None'])],
        expect: [{ message: 'open_edge', data: { node: 'b' } }],
      },
      {
        name: 'a node that nothing reaches',
        steps: [drawn(['a', 'b', 'x', 'c'], ['a->b', 'b->c', 'x->c'])],
        expect: [{ message: 'unreachable', data: { node: 'x' } }],
      },
      {
        name: 'a node without edges',
        steps: [drawn(['a', 'b', 'x'], [{ source: 'a', target: 'b' }])],
        expect: [{ message: 'isolated', data: { node: 'x' } }],
      },
      {
        name: 'a circle',
        steps: [drawn(['t', 'a', 'b'], ['t->a', 'a->b', 'b->a'])],
        expect: [{ message: 'cycle', data: { count: 2 } }],
      },
      {
        name: 'an edge to a node that is not there',
        steps: [drawn(['a', 'b'], ['a->b', 'b->gone'])],
        expect: [{ message: 'missing_node', data: { node: 'gone' } }],
      },
      {
        name: 'a branch for one case only',
        steps: [defined([{ id: 'a' }, { id: 'b' }], { a: { true: ['b'] } })],
        expect: [{ message: 'one_sided', data: { node: 'a' } }],
      },
      {
        name: 'a node that reads from one that is not there',
        steps: [defined([{ id: 'a' }, reads('b', 'x')], { a: ['b'] })],
        expect: [{ message: 'unresolved', data: { node: 'b', from: 'x' } }],
      },
      {
        name: 'a node that reads from one that runs later',
        steps: [defined([reads('a', 'b'), { id: 'b' }], [{ from: 'a', to: 'b' }])],
        expect: [{ message: 'unresolved', data: { node: 'a', from: 'b' } }],
      },
      {
        name: 'a case that no route takes',
        steps: [
          defined(
            [{ id: 'router', routes: { web: 'b' } }, { id: 'b' }],
            { router: ['b'] },
            "NoRouteError: 'mail' not handled by router",
          ),
        ],
        expect: [{ message: 'misdrawn', data: { node: 'router' } }],
      },
      {
        name: 'a branch that ends alone',
        steps: [drawn(['a', 'b', 'c', 'd', 'x'], ['a->b', 'b->c', 'c->d', 'a->x'])],
        expect: [{ message: 'dead_end', data: { node: 'x' } }],
      },
      {
        name: 'a node that is not drawn',
        steps: [ran('z'), drawn(['a', 'b'], ['a->b'])],
        expect: [{ message: 'undeclared', at: 1 }],
      },
    ],
  },
  import.meta.url,
);

describe('flawsOf', () => {
  it('stands for large graphs', () => {
    const nodes = Array.from({ length: 2_000 }, (_, i) => `n${i}`);
    const graph = graphOf(
      nodes,
      nodes.map((node, i) => [node, `n${(i + 1) % 2_000}`]),
    );
    expect(graph?.nodes.length).toBe(512);
    if (graph) expect(flawsOf(graph).length).toBeGreaterThan(0);
  });
});
