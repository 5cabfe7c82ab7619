/** Steps as the n8n adapter makes them: a drawn workflow, and the run of a node. */
import { type StepLike, step } from './builders.ts';

export function node(name: string, kind: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { name, type: `n8n-nodes-base.${kind}`, ...more };
}

/** Connections from main output 0 to main input 0. */
export function edges(...list: [string, string][]): Record<string, unknown>[] {
  return list.map(([source, target]) => ({ source, target, type: 'main', branch: 0, index: 0 }));
}

export function flow(
  nodes: readonly unknown[],
  links: readonly unknown[] = [],
  extra: Readonly<Record<string, unknown>> = {},
  more: Partial<StepLike> = {},
): StepLike {
  return {
    ...step('workflow', { name: 'flow' }),
    ...more,
    extra: { 'run.format': 'n8n', 'graph.nodes': nodes, 'graph.edges': links, ...extra },
  };
}

export function ran(name: string, extra: Readonly<Record<string, unknown>> = {}, more: Partial<StepLike> = {}): StepLike {
  return {
    ...step('task', { name }),
    ...more,
    extra: { 'run.format': 'n8n', 'node.name': name, ...extra },
  };
}
