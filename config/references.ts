/** Keys that name an extension: it must be started, else what names it would not be. */
import type { LoadedConfig } from './load.ts';
import { nodeAt } from './node.ts';
import { type Path, type Problem, problem } from './problem.ts';
import type { Sections, Service } from './section.ts';
import type { ConfigFactory } from './service-config.ts';

/** Where under a component an extension is named; the same for every component that has the key. */
const PLACES: readonly Path[] = [
  ['sending_queue', 'storage'],
  ['storage'],
  ['auth', 'authenticator'],
  ['protocols', 'grpc', 'auth', 'authenticator'],
  ['protocols', 'http', 'auth', 'authenticator'],
];

export function checkReferences<F extends ConfigFactory>(
  loaded: LoadedConfig,
  sections: Sections<F>,
  service: Service,
  problems: Problem[],
): void {
  const used = new Set(service.pipelines.flatMap((each) => [...each.receivers, ...each.processors, ...each.exporters]));
  for (const section of Object.values(sections)) {
    if (section.name === 'extensions') continue;
    for (const [id] of section.defined) {
      if (!used.has(id)) continue;
      for (const place of PLACES) {
        const path = [section.name, id, ...place];
        const node = nodeAt(loaded.root, path);
        if (node?.kind !== 'scalar' || node.value === null) continue;
        const named = String(node.value);
        if (service.started.includes(named)) continue;
        const todo = sections.extensions.defined.has(named)
          ? `Add it to service.extensions.`
          : `Define it under extensions and add it to service.extensions.`;
        problems.push(problem('error', node.at, path, `references extension '${named}' which is not started. ${todo}`));
      }
    }
  }
}
