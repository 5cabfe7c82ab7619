/** Checks a loaded configuration against the factories and reports every problem at once. */
import { existsSync } from 'node:fs';
import { parseAt } from './issues.ts';
import type { LoadedConfig } from './load.ts';
import { type MapNode, nodeAt } from './node.ts';
import { checkPipelines } from './pipelines.ts';
import { didYouMean, orDefine, type Path, type Problem, problem, sortProblems } from './problem.ts';
import { checkReach } from './reach.ts';
import { checkReferences } from './references.ts';
import { parseId, SECTIONS, type Section, type Service } from './section.ts';
import type { ComponentConfig, ComponentKind, ConfigFactory, PipelineConfig, ServiceConfig, Signal } from './service-config.ts';
import { telemetryOf, telemetrySchema } from './telemetry.ts';
import { checkTraps } from './traps.ts';

export interface Validated<F extends ConfigFactory> {
  /** Absent when a problem is an error. */
  readonly config: ServiceConfig<F> | undefined;
  /** Those of loading too; errors and warnings, in the order of the files. */
  readonly problems: readonly Problem[];
}

export interface ValidateOptions {
  /** Whether this runs in a container; asked of the environment and the file system when absent. */
  readonly container?: boolean;
}

export function validateConfig<F extends ConfigFactory>(
  loaded: LoadedConfig,
  factories: readonly F[],
  options: ValidateOptions = {},
): Validated<F> {
  const problems: Problem[] = [...loaded.problems];
  const { root } = loaded;
  const known = [...SECTIONS.map(([key]) => key), 'service'];
  if (root.kind === 'map') {
    for (const [key, { keyAt }] of root.entries) {
      if (known.includes(key)) continue;
      problems.push(problem('error', keyAt, [key], `unknown key, ${key}. ${topLevelAdvice(key, known, factories)}`));
    }
  }
  // A file that could not be read says nothing about what is missing.
  const broken = loaded.problems.some((each) => each.severity === 'error') && root.kind === 'map' && root.entries.size === 0;
  const sections = SECTIONS.map(([section, kind]) => readSection(loaded, section, kind, factories, problems));
  const [receivers, processors, exporters, connectors, extensions] = sections as [
    Section<F>,
    Section<F>,
    Section<F>,
    Section<F>,
    Section<F>,
  ];
  const service = broken ? { pipelines: [], started: [] } : readService(loaded, extensions, problems);
  const telemetry = parseAt(loaded, ['service', 'telemetry'], telemetrySchema, problems);
  const all = { receivers, processors, exporters, connectors, extensions };
  checkPipelines(loaded, all, service, problems);
  if (!broken) checkReferences(loaded, all, service, problems);
  const container = options.container ?? ('KUBERNETES_SERVICE_HOST' in loaded.env || existsSync('/.dockerenv'));
  checkTraps(loaded, all, service, container, problems);
  checkReach(loaded, all, service, problems);

  const sorted = sortProblems(problems, loaded.files);
  if (telemetry === undefined || sorted.some((each) => each.severity === 'error')) return { config: undefined, problems: sorted };
  const config = {
    receivers: receivers.components,
    processors: processors.components,
    exporters: exporters.components,
    connectors: connectors.components,
    extensions: extensions.components,
    ...service,
    telemetry: telemetryOf(telemetry.output),
  };
  return { config: config as unknown as ServiceConfig<F>, problems: sorted };
}

function topLevelAdvice(key: string, known: readonly string[], factories: readonly ConfigFactory[]): string {
  const kind = factories.find((factory) => factory.type === key || factory.aliases?.includes(key))?.kind;
  const section = SECTIONS.find(([, of]) => of === kind)?.[0];
  if (section !== undefined) return `It belongs under '${section}'.`;
  return ['pipelines', 'telemetry'].includes(key) ? `It belongs under 'service'.` : didYouMean(key, known);
}

/** The map at `path`; null is an empty one, anything else a problem. */
function mapAt(loaded: LoadedConfig, path: Path, problems: Problem[]): MapNode | undefined {
  const node = nodeAt(loaded.root, path);
  if (node?.kind === 'map') return node;
  if (node !== undefined && (node.kind === 'list' || node.value !== null)) {
    problems.push(
      problem(
        'error',
        node.at,
        path,
        `not a map, ${node.kind === 'list' ? 'a list' : `'${String(node.value)}'`}. Write keys with values below it.`,
      ),
    );
  }
  return undefined;
}

function readSection<F extends ConfigFactory>(
  loaded: LoadedConfig,
  name: string,
  kind: ComponentKind,
  factories: readonly F[],
  problems: Problem[],
): Section<F> {
  const own = factories.filter((factory) => factory.kind === kind);
  const defined = new Map<string, F | undefined>();
  const components = new Map<string, ComponentConfig<F>>();
  for (const [key, { keyAt }] of mapAt(loaded, [name], problems)?.entries ?? []) {
    const path = [name, key];
    const parsed = parseId(key);
    if ('wrong' in parsed) {
      problems.push(problem('error', keyAt, path, parsed.wrong));
      continue;
    }
    if (defined.has(parsed.id))
      problems.push(problem('error', keyAt, path, `defined twice, ${parsed.id}. Rename or remove one.`));
    const factory = own.find((each) => each.type === parsed.type) ?? own.find((each) => each.aliases?.includes(parsed.type));
    defined.set(parsed.id, factory);
    if (factory === undefined) {
      problems.push(problem('error', keyAt, path, `unknown ${kind}, ${parsed.type}. ${typeAdvice(parsed.type, own, factories)}`));
      continue;
    }
    if (factory.type !== parsed.type) {
      problems.push(problem('warning', keyAt, path, `the type is deprecated, ${parsed.type}. Write ${factory.type}.`));
    }
    const read = parseAt(loaded, path, asMap(factory), problems);
    if (read !== undefined) components.set(parsed.id, { id: parsed.id, type: factory.type, factory, options: read.output });
  }
  return { name, defined, components };
}

/** Nothing written under a component is an empty map. */
function asMap<F extends ConfigFactory>(factory: F): F['options'] {
  return factory.options.prefault({});
}

function typeAdvice(type: string, own: readonly ConfigFactory[], all: readonly ConfigFactory[]): string {
  const elsewhere = all.find((factory) => factory.type === type || factory.aliases?.includes(type));
  if (elsewhere !== undefined) return `It is one of the ${elsewhere.kind}s; move it there.`;
  return didYouMean(
    type,
    own.map((factory) => factory.type),
  );
}

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

function readService<F>(loaded: LoadedConfig, extensions: Section<F>, problems: Problem[]): Service {
  const service = mapAt(loaded, ['service'], problems);
  const known = ['extensions', 'pipelines', 'telemetry'];
  for (const [key, { keyAt }] of service?.entries ?? []) {
    if (!known.includes(key))
      problems.push(problem('error', keyAt, ['service', key], `unknown key, ${key}. ${didYouMean(key, known)}`));
  }
  const started = idList(loaded, ['service', 'extensions'], problems);
  for (const [i, id] of started.entries()) {
    if (extensions.defined.has(id)) continue;
    const path = ['service', 'extensions', i];
    const advice = orDefine(id, [...extensions.defined.keys()], 'extensions');
    problems.push(problem('error', loaded.locate(path), path, `references extension '${id}' which is not configured. ${advice}`));
  }
  const pipelines: PipelineConfig[] = [];
  const section = mapAt(loaded, ['service', 'pipelines'], problems);
  for (const [key, { keyAt }] of section?.entries ?? []) {
    const path = ['service', 'pipelines', key];
    const parsed = parseId(key);
    if ('wrong' in parsed) {
      problems.push(problem('error', keyAt, path, parsed.wrong.replace('component', 'pipeline')));
      continue;
    }
    const signal = SIGNALS.find((each) => each === parsed.type);
    if (signal === undefined) {
      problems.push(problem('error', keyAt, path, `unknown signal, ${parsed.type}. ${didYouMean(parsed.type, SIGNALS)}`));
      continue;
    }
    const parts = ['receivers', 'processors', 'exporters'];
    for (const [inner, entry] of mapAt(loaded, path, problems)?.entries ?? []) {
      if (!parts.includes(inner))
        problems.push(problem('error', entry.keyAt, [...path, inner], `unknown key, ${inner}. ${didYouMean(inner, parts)}`));
    }
    const [receivers = [], processors = [], exporters = []] = parts.map((part) => idList(loaded, [...path, part], problems));
    pipelines.push({ id: parsed.id, signal, receivers, processors, exporters });
  }
  if ((section?.entries.size ?? 0) === 0) {
    const at = loaded.locate(['service', 'pipelines'], 'key');
    problems.push(
      problem(
        'error',
        at,
        ['service', 'pipelines'],
        'service must have at least one pipeline, nothing is written. Add for example traces: {receivers: [otlp], exporters: [debug]}.',
      ),
    );
  }
  return { pipelines, started };
}

function idList(loaded: LoadedConfig, path: Path, problems: Problem[]): string[] {
  const node = nodeAt(loaded.root, path);
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind !== 'list') {
    problems.push(
      problem(
        'error',
        node.at,
        path,
        `not a list, ${node.kind === 'map' ? 'a map' : `'${String(node.value)}'`}. Write it as [a, b] or with a dash before each item.`,
      ),
    );
    return [];
  }
  return node.items.map((item, i) => {
    const parsed =
      item.kind === 'scalar' && item.value !== null
        ? parseId(String(item.value))
        : { wrong: 'not a component id. Write type or type/name.' };
    if ('id' in parsed) return parsed.id;
    problems.push(problem('error', item.at, [...path, i], parsed.wrong));
    return '';
  });
}
