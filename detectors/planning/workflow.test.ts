import { describe, expect, it } from 'vitest';
import { type StepLike, step } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import workflow from './workflow.ts';
import { flawsOf, graphOf } from './workflow-graph.ts';

const drawn = (nodes: readonly string[], edges: readonly unknown[]): StepLike =>
  step('workflow', { name: 'flow', extra: { 'graph.nodes': nodes, 'graph.edges': edges } });
const ran = (node: string): StepLike => step('task', { name: node, extra: { 'graph.node': node } });

testDetector(
  workflow,
  {
    quiet: [
      { name: 'a line', steps: [drawn(['a', 'b', 'c'], ['a->b', 'b->c'])] },
      { name: 'branches that meet', steps: [drawn(['a', 'b', 'c', 'd'], ['a->b', 'a->c', 'b->d', 'c->d'])] },
      { name: 'two ends of one length', nearMiss: true, steps: [drawn(['a', 'b', 'c'], ['a->b', 'a->c'])] },
      { name: 'nodes that are drawn', steps: [ran('a'), ran('b'), drawn(['a', 'b'], [['a', 'b']])] },
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
