/** Warnings for what is allowed and seldom meant. */
import type { LoadedConfig } from './load.ts';
import { type Node, nodeAt } from './node.ts';
import { type Path, type Problem, problem } from './problem.ts';
import { LOCAL } from './reach.ts';
import type { Sections, Service } from './section.ts';
import type { ConfigFactory } from './service-config.ts';

export function checkTraps<F extends ConfigFactory>(
  loaded: LoadedConfig,
  sections: Sections<F>,
  service: Service,
  container: boolean,
  problems: Problem[],
): void {
  const warn = (path: Path, message: string, what: 'key' | 'value' = 'value') =>
    problems.push(problem('warning', loaded.locate(path, what), path, message));
  const used = new Set(service.pipelines.flatMap((each) => [...each.receivers, ...each.processors, ...each.exporters]));

  for (const section of Object.values(sections)) {
    const extension = section.name === 'extensions';
    for (const [id, factory] of section.defined) {
      const path = [section.name, id];
      if (extension ? service.started.includes(id) : used.has(id)) {
        if (container)
          for (const at of localEndpoints(nodeAt(loaded.root, path), path, !extension))
            warn(at, localhost(section.name, nodeAt(loaded.root, at)));
      } else if (factory !== undefined && service.pipelines.length > 0) {
        const where = extension ? 'service.extensions' : 'a pipeline';
        warn(path, `defined but not used, so it is not started. Name it in ${where} or remove it.`, 'key');
      }
    }
  }
  for (const { id, processors, exporters } of service.pipelines) {
    const base = ['service', 'pipelines', id];
    const limiter = processors.findIndex((each) => typeOf(sections, each) === 'memory_limiter');
    if (limiter > 0) {
      const before = processors.slice(0, limiter).join(', ');
      warn(
        [...base, 'processors', limiter],
        `memory_limiter comes after ${before}, which work before it can refuse. Put it first.`,
      );
    }
    const batch = processors.findIndex((each) => typeOf(sections, each) === 'batch');
    const durable = exporters.find((each) => isSet(nodeAt(loaded.root, ['exporters', each, 'sending_queue', 'storage'])));
    if (batch >= 0 && durable !== undefined) {
      const what = `batch stands before '${durable}', whose queue is stored; in the Collector what batch holds is lost in a crash`;
      warn([...base, 'processors', batch], `${what}. Write sending_queue.batch there and remove batch here.`);
    }
  }
}

function typeOf<F extends ConfigFactory>(sections: Sections<F>, id: string): string | undefined {
  return sections.processors.defined.get(id)?.type;
}

const isSet = (node: Node | undefined) => node !== undefined && (node.kind !== 'scalar' || node.value !== null);

/** A URL is asked, whoever names it; host and port of a receiver are listened on. */
function localhost(section: string, node: Node | undefined): string {
  const asked = section === 'exporters' || (node?.kind === 'scalar' && String(node.value).includes('://'));
  return asked
    ? 'localhost is this container itself. Name the host or service that is meant, unless it runs in the same pod.'
    : 'localhost is reachable only from this container or pod. Write 0.0.0.0 to be reached from outside.';
}

/** Without `urls` only places to listen: a URL that an extension asks is within this process. */
function localEndpoints(node: Node | undefined, path: Path, urls: boolean): Path[] {
  if (node?.kind === 'list') return node.items.flatMap((item, i) => localEndpoints(item, [...path, i], urls));
  if (node?.kind !== 'map') return [];
  return [...node.entries].flatMap(([key, { value }]) => {
    const at = [...path, key];
    if (value.kind !== 'scalar') return localEndpoints(value, at, urls);
    const found = LOCAL.exec(String(value.value));
    const local = found !== null && (urls || found[1] === undefined);
    return local && (key === 'endpoint' || key.endsWith('_endpoint')) ? [at] : [];
  });
}
