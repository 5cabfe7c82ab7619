/** Warnings for what other machines may read although nobody asked them who they are. */
import type { LoadedConfig } from './load.ts';
import { type MapNode, type Node, nodeAt } from './node.ts';
import { type Path, type Problem, problem } from './problem.ts';
import type { Sections, Service } from './section.ts';

/** A local address, with or without a scheme (the first group). */
export const LOCAL = /^(https?:\/\/)?(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/;

export function checkReach<F>(loaded: LoadedConfig, sections: Sections<F>, service: Service, problems: Problem[]): void {
  const warn = (path: Path, message: string) => problems.push(problem('warning', loaded.locate(path), path, message));
  const used = new Set(service.pipelines.flatMap((each) => [...each.receivers, ...each.exporters]));
  for (const name of ['receivers', 'exporters'] as const) {
    for (const id of sections[name].defined.keys()) {
      if (!used.has(id)) continue;
      const path = [name, id];
      for (const at of inClear(nodeAt(loaded.root, path), path, name === 'receivers')) {
        const todo = name === 'receivers' ? 'Add tls with a certificate' : 'Write https:// or take tls.insecure away';
        warn(at, `the credentials of auth travel unencrypted over the network. ${todo}, unless the way is safe.`);
      }
    }
  }
  const page = ['service', 'telemetry', 'metrics', 'readers', 0, 'pull', 'exporter', 'prometheus', 'host'];
  const host = textOf(nodeAt(loaded.root, page));
  if (host !== undefined && !LOCAL.test(host)) {
    warn(page, `the metrics are served to other machines without authentication, '${host}'. Write localhost unless they may.`);
  }
}

/** Endpoints beside an `auth` that other machines reach, or are, without TLS. */
function inClear(node: Node | undefined, path: Path, server: boolean): Path[] {
  if (node?.kind !== 'map') return [];
  const inner = [...node.entries].flatMap(([key, { value }]) => inClear(value, [...path, key], server));
  if (textOf(nodeAt(node, ['auth', 'authenticator'])) === undefined) return inner;
  const endpoints = [...node.entries].filter(([key]) => key === 'endpoint' || key.endsWith('_endpoint'));
  const clear = endpoints.filter(([, { value }]) => {
    const text = textOf(value);
    return text !== undefined && !LOCAL.test(text) && (server ? nodeAt(node, ['tls'])?.kind !== 'map' : unencrypted(text, node));
  });
  return [...inner, ...clear.map(([key]) => [...path, key])];
}

function unencrypted(endpoint: string, exporter: MapNode): boolean {
  if (/^https?:\/\//.test(endpoint)) return endpoint.startsWith('http://');
  return textOf(nodeAt(exporter, ['tls', 'insecure'])) === 'true';
}

function textOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && node.value !== null ? String(node.value) : undefined;
}
