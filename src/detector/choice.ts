/** The options of windows that open now: those of the configuration, moved by what their tenant has set. */
import type { Step } from '../step/step.ts';
import type { DetectorMeta, OptionSpec } from './detector.ts';
import { configHash } from './finding.ts';
import { type ActiveDetector, type EmitRule, likeDetectors } from './fold.ts';
import type { Choice } from './host.ts';
import { check, emitAboveSpec } from './options.ts';
import type { Override, Overrides, TenantOverrides, Thresholds } from './overrides.ts';
import { movedOptions } from './thresholds.ts';

/**
 * What a step says of its framework, the most telling first: the vocabularies of its attributes, then the words of its instrumentation
 * scope (`openinference.instrumentation.crewai` is crewai).
 */
export function frameworksOf({ dialects, scope }: Pick<Step, 'dialects' | 'scope'>): readonly string[] {
  return [...dialects, ...scope.toLowerCase().split(/[^a-z0-9_]+/)];
}

export class Choices implements Choice {
  private readonly base: readonly ActiveDetector[];
  private overrides: Overrides = new Map();
  /** By tenant and framework; `''` is none. Emptied for a tenant when its overrides change. */
  private readonly lists = new Map<string, Map<string, readonly ActiveDetector[]>>();

  constructor(base: readonly ActiveDetector[]) {
    this.base = base;
  }

  set(overrides: Overrides): void {
    for (const tenant of this.lists.keys()) {
      if (overrides.get(tenant) !== this.overrides.get(tenant)) this.lists.delete(tenant);
    }
    this.overrides = overrides;
  }

  frameworkOf(tenant: string, step: Step): string | undefined {
    const { frameworks } = this.overrides.get(tenant) ?? {};
    if (frameworks === undefined) return undefined;
    return frameworksOf(step).find((name) => Object.hasOwn(frameworks, name));
  }

  detectorsFor(tenant: string, framework: string | undefined): readonly ActiveDetector[] {
    const overrides = this.overrides.get(tenant);
    if (overrides === undefined) return this.base;
    let lists = this.lists.get(tenant);
    if (lists === undefined) {
      lists = new Map();
      this.lists.set(tenant, lists);
    }
    let list = lists.get(framework ?? '');
    if (list === undefined) {
      list = overridden(this.base, overrides, framework).detectors;
      if (list !== this.base) likeDetectors(this.base, list);
      lists.set(framework ?? '', list);
    }
    return list;
  }
}

/** What of these overrides no option takes; it is left out wherever it would count. */
export function overrideProblems(base: readonly ActiveDetector[], overrides: TenantOverrides): readonly string[] {
  const known = new Set(base.map(({ detector }) => detector.meta.id as string));
  const strange = [overrides, ...Object.values(overrides.frameworks)]
    .flatMap(({ detectors }) => Object.keys(detectors))
    .filter((id) => !known.has(id))
    .map((id) => `${id} is no detector that runs.`);
  const frameworks = [undefined, ...Object.keys(overrides.frameworks)];
  return [...new Set([...strange, ...frameworks.flatMap((framework) => overridden(base, overrides, framework).problems)])];
}

/**
 * Thresholds of the framework stand before those of the tenant, and move the options from where `base` has them; options by name stand
 * before what thresholds move, those of the framework before those of the tenant. Returns `base` itself if nothing differs.
 */
export function overridden(
  base: readonly ActiveDetector[],
  { thresholds, detectors, frameworks }: Pick<TenantOverrides, 'thresholds' | 'detectors' | 'frameworks'>,
  framework: string | undefined,
): { readonly detectors: readonly ActiveDetector[]; readonly problems: readonly string[] } {
  const own: Override | undefined =
    framework !== undefined && Object.hasOwn(frameworks, framework) ? frameworks[framework] : undefined;
  const all: Thresholds = { ...thresholds, ...own?.thresholds };
  const problems: string[] = [];
  const list = base.map((active) => {
    const meta = active.detector.meta as DetectorMeta;
    const named = { ...detectors[meta.id], ...own?.detectors[meta.id] };
    return withOptions(active, meta, movedOptions(meta.id, meta.options, active.options, all), named, all, problems);
  });
  return { detectors: list.every((one, i) => one === base[i]) ? base : list, problems };
}

function withOptions(
  active: ActiveDetector,
  meta: DetectorMeta,
  moved: Readonly<Record<string, number>>,
  named: Readonly<Record<string, unknown>>,
  { confidence_scaling: scaling }: Thresholds,
  problems: string[],
): ActiveDetector {
  const { emit_above: above, ...rest } = named;
  const accepted = Object.entries(rest).filter(([option, value]) => accepts(meta, option, meta.options[option], value, problems));
  const options = { ...active.options, ...moved, ...Object.fromEntries(accepted) };
  const emit = emitOf(active.emit, meta, above, scaling, problems);
  const same = Object.keys(options).every((option) => options[option] === active.options[option]);
  if (same && emit === active.emit) return active;
  return {
    ...active,
    ...(same ? {} : { options, configHash: configHash(meta, options) }),
    ...(emit === undefined ? {} : { emit }),
  };
}

function emitOf(
  now: EmitRule | undefined,
  meta: DetectorMeta,
  above: unknown,
  scaling: number | undefined,
  problems: string[],
): EmitRule | undefined {
  const given =
    above !== undefined && accepts(meta, 'emit_above', emitAboveSpec, above, problems) ? (above as number) : undefined;
  if (given === undefined && (scaling === undefined || scaling === 1)) return now;
  return { above: given ?? now?.above, scaling };
}

function accepts(meta: DetectorMeta, option: string, spec: OptionSpec | undefined, value: unknown, problems: string[]): boolean {
  const wrong = spec === undefined ? 'is no option of it' : check(spec, value);
  if (wrong !== undefined) problems.push(`${meta.id}.${option} ${wrong}.`);
  return wrong === undefined;
}
