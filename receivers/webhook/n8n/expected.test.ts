// Workflows that others published, against the counts taken from their JSON: nodes, edges, circles and settings of the graph.
import { describe, expect, it } from 'vitest';
import { expectedOf, sampleNames, samplesExpected, sampleText } from '../samples.ts';
import { stepsOf } from '../testing.ts';
import { n8n } from './n8n.ts';

interface Node {
  readonly name: string;
  readonly type: string;
  readonly disabled?: boolean;
  readonly settings?: Readonly<Record<string, unknown>>;
}

interface Edge {
  readonly source: string;
  readonly target: string;
  readonly type: string;
}

describe.runIf(samplesExpected)('published workflows', () => {
  it.each(sampleNames('n8n-workflows'))('%s', (name) => {
    const expected = expectedOf<{ readonly cycles: readonly Circle[] }>('n8n-workflows', name)!;
    const [root, ...rest] = stepsOf(n8n(JSON.parse(sampleText('n8n-workflows', name))));
    expect(rest).toEqual([]);
    const all = root!.extra['graph.nodes'] as readonly Node[];
    const nodes = all.filter(({ type }) => !type.endsWith('.stickyNote'));
    const edges = root!.extra['graph.edges'] as readonly Edge[];
    const main = edges.filter(({ type }) => type === 'main');
    const names = new Set(all.map((node) => node.name));
    const count = (test: (node: Node) => boolean) => nodes.filter(test).length;
    expect({
      nodes: nodes.length,
      main_edges: main.length,
      ai_edges: edges.length - main.length,
      agent_nodes: count(({ type }) => type === '@n8n/n8n-nodes-langchain.agent'),
      http_nodes: count(({ type }) => type === 'n8n-nodes-base.httpRequest'),
      disabled: count(({ disabled }) => disabled === true),
      on_error: count(({ settings }) => settings?.['onError'] !== undefined || settings?.['continueOnFail'] === true),
      retry: count(({ settings }) => settings?.['retryOnFail'] === true),
      error_workflow: (root!.extra['workflow.settings'] as { errorWorkflow?: string } | undefined)?.errorWorkflow !== undefined,
      dangling_targets: [...new Set(edges.map(({ target }) => target).filter((target) => !names.has(target)))].sort(),
      cycles: inOrder(circles(nodes, main)),
    }).toEqual({ ...expected, cycles: inOrder(expected.cycles) });
  });
});

interface Circle {
  readonly kind: string;
  readonly has_exit: boolean;
  readonly nodes: readonly string[];
}

const inOrder = (circles: readonly Circle[]): readonly Circle[] =>
  [...circles].sort((a, b) => (a.nodes.join() < b.nodes.join() ? -1 : 1));

/** Nodes that reach each other along the control flow. */
function circles(nodes: readonly Node[], edges: readonly Edge[]): readonly Circle[] {
  const next = new Map<string, string[]>();
  for (const { source, target } of edges) next.set(source, [...(next.get(source) ?? []), target]);
  const reach = new Map(nodes.map(({ name }) => [name, reachable(name, next)]));
  const seen = new Set<string>();
  const found: Circle[] = [];
  for (const { name } of nodes) {
    if (seen.has(name) || reach.get(name)?.has(name) !== true) continue;
    const members = [...reach.get(name)!].filter((other) => reach.get(other)?.has(name) === true).sort();
    for (const member of members) seen.add(member);
    const kinds = members.map(
      (member) =>
        nodes
          .find((node) => node.name === member)!
          .type.split('.')
          .at(-1)!,
    );
    found.push({
      kind: kinds.includes('splitInBatches')
        ? 'splitInBatches'
        : kinds.some((kind) => ['if', 'switch', 'filter', 'wait'].includes(kind))
          ? 'gated'
          : 'bare',
      has_exit: edges.some(({ source, target }) => members.includes(source) && !members.includes(target)),
      nodes: members,
    });
  }
  return found;
}

function reachable(from: string, next: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(next.get(from) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    open.push(...(next.get(name) ?? []));
  }
  return found;
}
