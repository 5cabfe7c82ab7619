import { expect, test } from 'vitest';
import { before, type Definition, definitionOf, misdrawnName } from './workflow-definition.ts';

test.each<[string, unknown, Partial<Definition>]>([
  ['edges as a list', { nodes: ['a', 'b'], edges: [{ source: 'a', target: 'b' }] }, { nodes: ['a', 'b'], edges: [['a', 'b']] }],
  [
    'connections by source',
    { nodes: [{ id: 'a' }, { id: 'b' }], connections: { a: ['b'] } },
    { edges: [['a', 'b']], oneSided: [] },
  ],
  ['one member down', { workflow: { nodes: ['a'], edges: [] } }, { nodes: ['a'], edges: [] }],
  ['only one of two cases leads on', { nodes: ['a', 'b'], connections: { a: { true: ['b'] } } }, { oneSided: ['a'] }],
  ['both lead on', { nodes: ['a', 'b'], connections: { a: { true: ['b'], false: ['b'] } } }, { oneSided: [] }],
  ['what a node reads', { nodes: [{ id: 'b', prompt: 'Say {{#a.text#}}' }], edges: [] }, { reads: [['b', 'a']] }],
  ['edges that are none', { nodes: ['a'], edges: [null, 1, { source: 'a' }] }, { edges: [] }],
])('%s', (_, json, known) => {
  expect(definitionOf(json)).toMatchObject(known);
});

test.each([[null], ['text'], [{ nodes: 1, edges: [] }], [{ nodes: [] }]])('%j is no definition', (json) => {
  expect(definitionOf(json)).toBeUndefined();
});

test('what can run before a node, circles included', () => {
  expect(
    [
      ...before('c', [
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'a'],
        ['x', 'y'],
      ]),
    ].sort(),
  ).toEqual(['a', 'b', 'c']);
});

test('an error about the drawing names a node; one about a service does not', () => {
  const definition = definitionOf({ nodes: ['fetch_data', 'ab'], edges: [] }) as Definition;
  expect(misdrawnName('Node fetch_data is not connected', definition)).toBe('fetch_data');
  expect(misdrawnName('fetch_data answered 503', definition)).toBeUndefined();
  expect(misdrawnName('ab is not connected', definition)).toBeUndefined();
});
