/** Options of detectors as users set them, checked against the detector's own spec. All problems at once. */
import { didYouMean } from '../../config/problem.ts';
import { type Fit, uncalibrated } from './calibration.ts';
import type { AnyDetector, Messages, OptionSpec, Tier } from './detector.ts';
import { configHash } from './finding.ts';
import { type ActiveDetector, needMask } from './fold.ts';

/** A detector as it is shipped: its code and its fitted numbers. */
export interface ShippedDetector {
  readonly detector: AnyDetector;
  readonly fit?: Fit;
}

export interface OptionProblem {
  /** Path below `detectors`. */
  readonly path: readonly string[];
  /** The last part of the path is a name that nobody knows; else its value is wrong. */
  readonly unknown?: true;
  readonly message: string;
}

/** What the user wrote under `detectors`: id → options, or null for the defaults. */
export type DetectorConfig = Readonly<Record<string, Readonly<Record<string, unknown>> | null>>;

export interface Selection {
  /** Only messages of these tiers, and so only detectors that have one. Default: 1, 2, 3 (all deterministic ones). */
  readonly tiers?: readonly Tier[];
  /** Only these ids. */
  readonly only?: readonly string[];
  readonly detectors?: DetectorConfig;
}

/** What may stand beside a detector's own options. */
const COMMON: readonly string[] = ['enabled', 'emit_above'];

/** Picks and configures. Never throws: what is wrong comes as problems. */
export function activate(
  shipped: readonly ShippedDetector[],
  selection: Selection,
): { readonly active: readonly ActiveDetector[]; readonly problems: readonly OptionProblem[] } {
  const problems: OptionProblem[] = [];
  const config = selection.detectors ?? {};
  const known = new Map(shipped.map((one) => [one.detector.meta.id as string, one]));
  for (const id of Object.keys(config)) {
    if (!known.has(id)) problems.push({ path: [id], unknown: true, message: unknown('detector', id, [...known.keys()]) });
  }
  for (const id of selection.only ?? []) {
    if (!known.has(id)) problems.push({ path: [], unknown: true, message: unknown('detector', id, [...known.keys()]) });
  }
  const tiers = new Set<Tier>(selection.tiers ?? [1, 2, 3]);
  const active: ActiveDetector[] = [];
  for (const { detector, fit } of shipped) {
    const { meta } = detector;
    const own = config[meta.id] ?? {};
    if (own['enabled'] !== undefined && typeof own['enabled'] !== 'boolean') {
      problems.push({ path: [meta.id, 'enabled'], message: `must be true or false, got ${shown(own['enabled'])}.` });
    }
    const options = readOptions(meta.id, meta.options, own, problems);
    const named = selection.only ? selection.only.includes(meta.id) : own['enabled'] !== false;
    const messages = Object.entries(meta.messages as Messages);
    const off = new Set(messages.filter(([, { tier }]) => !tiers.has(tier)).map(([name]) => name));
    if (!named || off.size === messages.length) continue;
    active.push({
      detector,
      options,
      fit: fit ?? uncalibrated,
      configHash: configHash(meta, options),
      needs: needMask(detector),
      off,
      ...emitAbove(own, meta.id, problems),
    });
  }
  return { active, problems };
}

/** Beside `enabled` every detector has `emit_above`: the least confidence of its findings that are handed on. */
export const emitAboveSpec: OptionSpec = {
  type: 'number',
  text: 'Least confidence of its findings that are handed on.',
  default: 0.6,
  min: 0,
  max: 1,
  source: 'That of `detect`.',
};

function emitAbove(
  { emit_above: value }: Readonly<Record<string, unknown>>,
  id: string,
  problems: OptionProblem[],
): Pick<ActiveDetector, 'emit'> {
  if (value === undefined) return {};
  const wrong = check(emitAboveSpec, value);
  if (wrong === undefined) return { emit: { above: value as number } };
  problems.push({ path: [id, 'emit_above'], message: `${wrong}, got ${shown(value)}.` });
  return {};
}

function readOptions(
  id: string,
  specs: Readonly<Record<string, OptionSpec>>,
  own: Readonly<Record<string, unknown>>,
  problems: OptionProblem[],
): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const key of Object.keys(own)) {
    if (!COMMON.includes(key) && !Object.hasOwn(specs, key)) {
      problems.push({ path: [id, key], unknown: true, message: unknown('option', key, [...Object.keys(specs), ...COMMON]) });
    }
  }
  for (const [key, spec] of Object.entries(specs)) {
    const value = own[key];
    const wrong = value === undefined ? undefined : check(spec, value);
    if (wrong) problems.push({ path: [id, key], message: `${wrong}, got ${shown(value)}.` });
    options[key] = value === undefined || wrong ? spec.default : value;
  }
  return options;
}

/** What is wrong with the value, without the value; `undefined` if nothing is. */
export function check(spec: OptionSpec, value: unknown): string | undefined {
  switch (spec.type) {
    case 'integer':
    case 'number': {
      const ok = typeof value === 'number' && Number.isFinite(value) && (spec.type === 'number' || Number.isInteger(value));
      const what = spec.type === 'integer' ? 'a whole number' : 'a number';
      if (!ok || value < spec.min || value > spec.max) return `must be ${what} from ${spec.min} to ${spec.max}`;
      return undefined;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'strings':
      return Array.isArray(value) && value.every((one) => typeof one === 'string') ? undefined : 'must be a list of strings';
    case 'numbers_by_name': {
      const map = typeof value === 'object' && value !== null && !Array.isArray(value);
      return map && Object.values(value).every((one) => typeof one === 'number' && Number.isFinite(one))
        ? undefined
        : 'must be a map from name to number';
    }
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function unknown(what: string, name: string, known: readonly string[]): string {
  return `unknown ${what}, ${name}. ${didYouMean(name, known)}`;
}
