/** What pipelines refer to: that it exists, takes and gives the signal, stands once, and that connectors join them without a circle. */
import type { LoadedConfig } from './load.ts';
import { orDefine, type Path, type Problem, problem } from './problem.ts';
import type { Sections, Service } from './section.ts';
import type { ConfigFactory, PipelineConfig, Signal } from './service-config.ts';

type Role = 'receivers' | 'processors' | 'exporters';
const SINGULAR = { receivers: 'receiver', processors: 'processor', exporters: 'exporter' } as const;

export function checkPipelines<F extends ConfigFactory>(
  loaded: LoadedConfig,
  sections: Sections<F>,
  service: Service,
  problems: Problem[],
): void {
  for (const role of ['receivers', 'exporters'] as const) {
    for (const id of sections.connectors.defined.keys()) {
      if (!sections[role].defined.has(id)) continue;
      const path = ['connectors', id];
      const what = `the id is used twice, ${id} is also one of the ${role}. Rename one, for example ${id}/2.`;
      problems.push(problem('error', loaded.locate(path, 'key'), path, what));
    }
  }
  for (const pipeline of service.pipelines) {
    for (const role of ['receivers', 'processors', 'exporters'] as const) checkRole(loaded, sections, pipeline, role, problems);
  }
  checkConnectors(loaded, sections, service.pipelines, problems);
}

const pathOf = (pipeline: PipelineConfig): Path => ['service', 'pipelines', pipeline.id];

function checkRole<F extends ConfigFactory>(
  loaded: LoadedConfig,
  sections: Sections<F>,
  pipeline: PipelineConfig,
  role: Role,
  problems: Problem[],
): void {
  const path = [...pathOf(pipeline), role];
  const ids = pipeline[role];
  const one = SINGULAR[role];
  if (ids.length === 0 && role !== 'processors') {
    const known = [...sections[role].defined.keys()];
    const advice = known.length === 0 ? `Define one under '${role}' and name it here.` : `Name one of ${known.join(', ')}.`;
    problems.push(
      problem('error', loaded.locate(path, 'key'), path, `must have at least one ${one}, nothing is written. ${advice}`),
    );
  }
  for (const [i, id] of ids.entries()) {
    if (id === '') continue;
    const at = loaded.locate([...path, i]);
    const say = (message: string) => problems.push(problem('error', at, [...path, i], message));
    if (ids.indexOf(id) < i) say(`references ${one} '${id}' multiple times. Remove one.`);
    const isConnector = role !== 'processors' && !sections[role].defined.has(id) && sections.connectors.defined.has(id);
    const section = isConnector ? sections.connectors : sections[role];
    if (!section.defined.has(id)) {
      const known = [...sections[role].defined.keys(), ...(role === 'processors' ? [] : sections.connectors.defined.keys())];
      say(`references ${one} '${id}' which is not configured. ${orDefine(id, known, role)}`);
      continue;
    }
    const factory = section.defined.get(id);
    const signals: readonly Signal[] | undefined = isConnector && role === 'receivers' ? factory?.produces : factory?.signals;
    if (signals === undefined || signals.includes(pipeline.signal)) continue;
    const verb = role === 'receivers' ? 'gives no' : 'takes no';
    say(
      `the ${isConnector ? 'connector' : one} '${id}' ${verb} ${pipeline.signal}, only ${signals.join(', ')}. Remove it from this pipeline.`,
    );
  }
}

/** A connector stands at the end of one pipeline and the start of another; from pipeline to pipeline there is no way back. */
function checkConnectors<F extends ConfigFactory>(
  loaded: LoadedConfig,
  sections: Sections<F>,
  pipelines: readonly PipelineConfig[],
  problems: Problem[],
): void {
  const joins = new Map<string, { into: PipelineConfig; connector: string }[]>();
  for (const id of sections.connectors.defined.keys()) {
    const ends = sections.exporters.defined.has(id) ? [] : pipelines.filter((pipeline) => pipeline.exporters.includes(id));
    const starts = sections.receivers.defined.has(id) ? [] : pipelines.filter((pipeline) => pipeline.receivers.includes(id));
    const [used, lacking, user] =
      ends.length > 0 ? (['exporter', 'receivers', ends[0]] as const) : (['receiver', 'exporters', starts[0]] as const);
    if (user !== undefined && (ends.length === 0 || starts.length === 0)) {
      const role = `${used}s` as const;
      const path = [...pathOf(user), role, user[role].indexOf(id)];
      const what = `the connector '${id}' is used as ${used} but not as ${lacking.slice(0, -1)}. Name it under ${lacking} of another pipeline too.`;
      problems.push(problem('error', loaded.locate(path), path, what));
    }
    for (const end of ends) joins.set(end.id, [...(joins.get(end.id) ?? []), ...starts.map((into) => ({ into, connector: id }))]);
  }
  const done = new Set<string>();
  const visit = (pipeline: PipelineConfig, trail: readonly string[]): void => {
    if (done.has(pipeline.id)) return;
    for (const { into, connector } of joins.get(pipeline.id) ?? []) {
      const before = [...trail, pipeline.id];
      if (!before.includes(into.id)) {
        visit(into, before);
        continue;
      }
      const circle = [...before.slice(before.indexOf(into.id)), into.id].join(' → ');
      const path = [...pathOf(pipeline), 'exporters', pipeline.exporters.indexOf(connector)];
      const what = `the pipelines run in a circle, ${circle}. Remove the connector '${connector}' from one of them.`;
      problems.push(problem('error', loaded.locate(path), path, what));
    }
    done.add(pipeline.id);
  };
  for (const pipeline of pipelines) visit(pipeline, []);
}
