import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flawsOf, graphOf } from './workflow-graph.ts';

const flaws = (nodes: unknown, edges: unknown) => {
  const graph = graphOf(nodes, edges);
  return graph && flawsOf(graph).map(({ flaw, nodes }) => `${flaw} ${nodes.join(' ')}`);
};

/** The worst flaw, or none. */
test.each<[string, unknown, unknown, readonly string[] | undefined]>([
  ['a line', ['a', 'b', 'c'], ['a->b', 'b->c'], []],
  ['a fork that meets', ['a', 'b', 'c', 'd'], ['a->b', 'a->c', 'b->d', 'c->d'], []],
  ['no edge', ['a', 'b'], [], undefined],
  ['no lists', 'a', { a: 'b' }, undefined],
  ['an edge to nowhere', ['a', 'b'], ['a->b', 'b->'], ['open_edge b']],
  ['an island of one', ['a', 'b', 'c'], ['a->b'], ['isolated c']],
  ['an island of two', ['a', 'b', 'x', 'y'], ['a->b', 'x->y'], ['unreachable x y']],
  ['a circle without a way out', ['a', 'b', 'c'], ['a->b', 'b->c', 'c->b'], ['cycle b c']],
  ['a circle with one', ['a', 'b', 'c', 'd'], ['a->b', 'b->c', 'c->b', 'c->d'], ['cycle b c']],
  ['a branch that was forgotten', ['a', 'b', 'c', 'd', 'e'], ['a->b', 'a->c', 'a->e', 'b->d', 'c->d'], ['dead_end e']],
])('%s', (_, nodes, edges, said) => {
  expect(flaws(nodes, edges)?.slice(0, 1)).toEqual(said);
});

test('a circle without a way out weighs more', () => {
  const score = (edges: readonly string[]) => flawsOf(graphOf([], edges) as never)[0]?.score;
  expect(score(['a->b', 'b->c', 'c->b'])).toBeGreaterThan(score(['a->b', 'b->c', 'c->b', 'c->d']) as number);
});

test.each([[['a->b']], [[['a', 'b']]], [[{ source: 'a', target: 'b' }]], [[{ from: 'a', to: 'b' }]]])(
  'edges in the form %j',
  (edges) => {
    expect([...(graphOf([{ id: 'a' }, { name: 'b' }], edges)?.next ?? [])]).toEqual([['a', ['b']]]);
  },
);

test('any graph: bounded, every node that is named exists, worst first', () => {
  const name = fc.constantFrom('', 'a', 'b', 'c', 'd', 'e', 'None');
  const edges = fc.array(fc.oneof(fc.tuple(name, name), fc.anything()), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(fc.oneof(name, fc.anything())), edges, (nodes, edges) => {
      const graph = graphOf(nodes, edges);
      if (graph === undefined) return;
      const said = flawsOf(graph);
      for (const { nodes } of said) for (const node of nodes) expect([...graph.nodes, graph.open]).toContain(node);
      const scores = said.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    }),
    { seed: 7, numRuns: 1_000 },
  );
  const line = Array.from({ length: 9_000 }, (_, i) => [`n${i}`, `n${i + 1}`]);
  expect(graphOf([], line)?.nodes.length).toBe(512);
});
