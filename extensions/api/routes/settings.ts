/** Thresholds of the seed and options of every detector. What is set holds for windows that open later (`docs/thresholds.md`). */
import { z } from 'zod';
import { SettingsStore, type TenantSettings, type Versioned } from '../../../src/component/settings.ts';
import { overrideProblems } from '../../../src/detector/choice.ts';
import type { OptionSpec } from '../../../src/detector/detector.ts';
import { activate } from '../../../src/detector/options.ts';
import { neutralThresholds, type ThresholdName, type ThresholdSpec, thresholdTable } from '../../../src/detector/thresholds.ts';
import type { Catalogue } from '../catalogue.ts';
import { notFound, Problem } from '../problem.ts';
import { route, type Services } from '../route.ts';
import { moves, patched, replaced, type ThresholdsBody, wireThresholds } from '../thresholds.ts';
import { iso } from './shared.ts';

const MOST_FRAMEWORKS = 100;
const names = Object.keys(thresholdTable) as ThresholdName[];
const specs = Object.entries(thresholdTable) as [ThresholdName, ThresholdSpec][];

const number = ({ integer, min, max }: ThresholdSpec) => (integer ? z.int() : z.number()).min(min).max(max);
const fields = <T extends z.ZodType>(of: (spec: ThresholdSpec) => T) =>
  Object.fromEntries(specs.map(([name, spec]) => [name, of(spec)])) as Record<ThresholdName, T>;

const patch = z.strictObject(fields((spec) => number(spec).nullish()));
const full = z.object(fields(number));
const framework = z
  .string()
  .regex(/^[a-zA-Z0-9_.-]{1,64}$/, 'must be letters, digits, _ . or -, at most 64.')
  .transform((name) => name.toLowerCase());
const options = z.record(z.string().max(64), z.record(z.string().max(64), z.unknown()).nullable());
const bounded = <T extends z.ZodType>(of: T) =>
  z
    .record(framework, of)
    .refine((record) => Object.keys(record).length <= MOST_FRAMEWORKS, `at most ${MOST_FRAMEWORKS} frameworks.`);

const body = z.strictObject({
  global_thresholds: patch.optional(),
  framework_thresholds: bounded(patch).optional(),
  detectors: options.optional().describe('By detector: options by name, and `emit_above`.'),
  framework_detectors: bounded(options).optional(),
});
const anything = z.record(z.string(), z.record(z.string(), z.unknown()));
const reply = z.object({
  global_thresholds: full,
  framework_thresholds: z.record(z.string(), full),
  detectors: anything,
  framework_detectors: z.record(z.string(), anything),
  is_default: z.boolean(),
  updated_at: z.string().nullable(),
});
const one = z.object({ framework: z.string(), thresholds: full, detectors: anything });
const byFramework = z.object({ framework });
const move = z.object({ detector: z.string(), option: z.string(), from: z.unknown(), to: z.unknown() });

function wire(settings: TenantSettings, updatedMs: number | undefined): z.input<typeof reply> {
  return { ...wireThresholds(settings), updated_at: updatedMs === undefined ? null : iso(updatedMs) } as z.input<typeof reply>;
}

function read({ records, tenant }: Services & { readonly tenant: string }): Promise<Versioned> {
  return new SettingsStore(records).of(tenant);
}

/** As shipped: what the configuration of a running `detect` has set besides is not known here. */
function base(catalogue: Catalogue) {
  return activate(catalogue.detectors, {}).active;
}

function checked(settings: TenantSettings, catalogue: Catalogue): TenantSettings {
  const { global, frameworks } = settings;
  const problems = overrideProblems(base(catalogue), { ...global, frameworks, suppress: [] });
  if (problems.length === 0) return settings;
  const errors = problems.slice(0, 50).map((detail) => ({ pointer: '/detectors', detail }));
  throw new Problem(422, 'not-valid', `${problems.length} of the options are none that a detector takes.`, { errors });
}

type Change = (now: TenantSettings, given: ThresholdsBody) => TenantSettings;

async function change(call: Services & { readonly tenant: string; readonly nowMs: number }, given: ThresholdsBody, how: Change) {
  const { records, tenant, catalogue, nowMs } = call;
  const settings = await new SettingsStore(records).change(tenant, (now) => checked(how(now, given), catalogue));
  return wire(settings, nowMs);
}

const reset: Change = (now) => ({ ...now, global: { thresholds: {}, detectors: {} }, frameworks: {} });

const changing = (method: 'PUT' | 'PATCH', summary: string, how: Change) =>
  route({
    method,
    path: '/settings/thresholds',
    tag: 'settings',
    summary,
    body,
    reply,
    handle: (call) => change(call, call.body, how),
  });

const resetting = (method: 'DELETE' | 'POST', path: string) =>
  route({
    method,
    path,
    tag: 'settings',
    summary: 'Takes all thresholds and options back to their defaults. Suppressions stay.',
    reply,
    handle: (call) => change(call, {}, reset),
  });

function ofFramework({ frameworks, ...rest }: TenantSettings, name: string): z.input<typeof one> {
  const own = Object.hasOwn(frameworks, name) ? frameworks[name] : undefined;
  if (own === undefined) throw notFound('set of thresholds of the framework', name);
  const { framework_thresholds } = wireThresholds({ ...rest, frameworks: { [name]: own } });
  return { framework: name, thresholds: framework_thresholds[name] as z.input<typeof full>, detectors: own.detectors };
}

const option = z.object({ detector: z.string(), option: z.string(), default: z.unknown(), moves: z.string() });

export const settingsRoutes = [
  route({
    method: 'GET',
    path: '/settings/thresholds',
    tag: 'settings',
    summary: 'Thresholds and options as they are in force.',
    reply,
    async handle(call) {
      const { settings, updatedMs } = await read(call);
      return wire(settings, updatedMs);
    },
  }),
  changing('PUT', 'Replaces the parts that are given; fields that a part leaves out have their default.', replaced),
  changing('PATCH', 'Changes the fields that are given; null takes one back to its default.', patched),
  resetting('DELETE', '/settings/thresholds'),
  resetting('POST', '/settings/thresholds/reset'),
  route({
    method: 'GET',
    path: '/settings/thresholds/defaults',
    tag: 'settings',
    summary: 'The default of each threshold, why, and the options it moves.',
    reply: z.object({
      global_thresholds: full,
      thresholds: z.array(
        z.object({
          name: z.enum(names as [ThresholdName, ...ThresholdName[]]),
          default: z.number(),
          min: z.number(),
          max: z.number(),
          reason: z.string(),
          options: z.array(option),
        }),
      ),
    }),
    async handle({ catalogue }) {
      return {
        global_thresholds: neutralThresholds,
        thresholds: specs.map(([name, { neutral, min, max, source, options: table }]) => ({
          name,
          default: neutral,
          min,
          max,
          reason: source,
          options: Object.entries(table).map(([key, how]) => {
            const [detector, id] = key.split('.') as [string, string];
            const spec = (catalogue.detector(detector)?.detector.meta.options as Record<string, OptionSpec> | undefined)?.[id];
            return { detector, option: id, default: spec?.default ?? null, moves: how };
          }),
        })),
      };
    },
  }),
  ...(['GET', 'POST'] as const).map((method) =>
    route({
      method,
      path: '/settings/thresholds/preview',
      tag: 'settings',
      summary:
        method === 'GET'
          ? 'Options of detectors that are moved now, from where they are shipped.'
          : 'Options that would be moved by such a change (as PATCH), and what is wrong with it. Nothing is kept.',
      query: z.object({ framework: framework.optional().describe('As in windows of this framework.') }),
      ...(method === 'POST' ? { body } : {}),
      reply: z.object({ thresholds: full, moved: z.array(move) }),
      async handle({ query, body: given, ...call }) {
        const now = (await read(call)).settings;
        const settings = method === 'POST' ? checked(patched(now, given as ThresholdsBody), call.catalogue) : now;
        const { global_thresholds, framework_thresholds } = wireThresholds(settings);
        const own = query.framework === undefined ? undefined : framework_thresholds[query.framework];
        return {
          thresholds: (own ?? global_thresholds) as z.input<typeof full>,
          moved: moves(base(call.catalogue), settings, query.framework),
        };
      },
    }),
  ),
  route({
    method: 'GET',
    path: '/settings/thresholds/{framework}',
    tag: 'settings',
    summary: 'Thresholds and options of one framework.',
    params: byFramework,
    reply: one,
    async handle(call) {
      return ofFramework((await read(call)).settings, call.params.framework);
    },
  }),
  route({
    method: 'PUT',
    path: '/settings/thresholds/{framework}',
    tag: 'settings',
    summary: 'Sets thresholds and options of one framework, in the place of those it had.',
    params: byFramework,
    body: z.strictObject({ thresholds: patch, detectors: options.default({}) }),
    reply: one,
    async handle({ params: { framework: name }, body: given, records, tenant, catalogue }) {
      const settings = await new SettingsStore(records).change(tenant, (now) => {
        const { [name]: _, ...others } = now.frameworks;
        if (Object.keys(others).length >= MOST_FRAMEWORKS)
          throw new Problem(422, 'not-valid', `There are ${MOST_FRAMEWORKS} frameworks already.`);
        const next = patched(
          { ...now, frameworks: others },
          { framework_thresholds: { [name]: given.thresholds }, framework_detectors: { [name]: given.detectors } },
        );
        return checked(next, catalogue);
      });
      // One that says nothing is none.
      return Object.hasOwn(settings.frameworks, name)
        ? ofFramework(settings, name)
        : { framework: name, thresholds: wireThresholds(settings).global_thresholds, detectors: {} };
    },
  }),
  route({
    method: 'DELETE',
    path: '/settings/thresholds/{framework}',
    tag: 'settings',
    summary: 'Takes those of one framework away.',
    params: byFramework,
    async handle({ params: { framework: name }, records, tenant }) {
      await new SettingsStore(records).change(tenant, (now) => {
        const { [name]: gone, ...frameworks } = now.frameworks;
        if (gone === undefined) throw notFound('set of thresholds of the framework', name);
        return { ...now, frameworks };
      });
      return undefined;
    },
  }),
];
