/** Thresholds as the seed's clients read and write them, over what is kept. Pure: routes and the command line share it. */
import type { SettingsOverride, TenantSettings } from '../../src/component/settings.ts';
import { overridden } from '../../src/detector/choice.ts';
import type { ActiveDetector } from '../../src/detector/fold.ts';
import { neutralThresholds, type ThresholdName } from '../../src/detector/thresholds.ts';

type Options = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a request says. Absent parts stay as they are. */
export interface ThresholdsBody {
  readonly global_thresholds?: Patch | undefined;
  readonly framework_thresholds?: Readonly<Record<string, Patch>> | undefined;
  readonly detectors?: Readonly<Record<string, Readonly<Record<string, unknown>> | null>> | undefined;
  readonly framework_detectors?:
    | Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>> | null>>>>
    | undefined;
}
/** Null takes a field back to its default. */
export type Patch = { readonly [K in ThresholdName]?: number | null | undefined };

export interface WireThresholds {
  readonly global_thresholds: Record<ThresholdName, number>;
  readonly framework_thresholds: Record<string, Record<ThresholdName, number>>;
  readonly detectors: Options;
  readonly framework_detectors: Record<string, Options>;
  readonly is_default: boolean;
}

const none: SettingsOverride = { thresholds: {}, detectors: {} };

/** Every field as it is in force: framework before tenant before default. */
export function wireThresholds({ global, frameworks }: TenantSettings): WireThresholds {
  const all = { ...neutralThresholds, ...stated(global.thresholds) };
  const own = Object.entries(frameworks);
  return {
    global_thresholds: all,
    framework_thresholds: Object.fromEntries(own.map(([name, { thresholds }]) => [name, { ...all, ...stated(thresholds) }])),
    detectors: global.detectors,
    framework_detectors: Object.fromEntries(
      own.flatMap(([name, { detectors }]) => (Object.keys(detectors).length > 0 ? [[name, detectors]] : [])),
    ),
    is_default: empty(global) && own.length === 0,
  };
}

/** Each part that is given stands in the place of what was there. */
export function replaced(now: TenantSettings, body: ThresholdsBody): TenantSettings {
  const { global_thresholds, framework_thresholds, detectors, framework_detectors } = body;
  const names = new Set([
    ...Object.keys(now.frameworks),
    ...Object.keys(framework_thresholds ?? {}),
    ...Object.keys(framework_detectors ?? {}),
  ]);
  const frameworks = [...names].map((name): [string, SettingsOverride] => {
    const before = own(now.frameworks, name) ?? none;
    return [
      name,
      {
        thresholds: framework_thresholds === undefined ? before.thresholds : stated(own(framework_thresholds, name) ?? {}),
        detectors: framework_detectors === undefined ? before.detectors : present(own(framework_detectors, name) ?? {}),
      },
    ];
  });
  return {
    ...now,
    global: {
      thresholds: global_thresholds === undefined ? now.global.thresholds : stated(global_thresholds),
      detectors: detectors === undefined ? now.global.detectors : present(detectors),
    },
    frameworks: Object.fromEntries(frameworks.filter(([, one]) => !empty(one))),
  };
}

/** Each field that is given; null takes back. */
export function patched(now: TenantSettings, body: ThresholdsBody): TenantSettings {
  const merge = (
    before: SettingsOverride,
    thresholds: Patch = {},
    detectors: ThresholdsBody['detectors'] = {},
  ): SettingsOverride => ({
    thresholds: stated({ ...before.thresholds, ...thresholds }),
    detectors: present({
      ...before.detectors,
      ...mapped(detectors, (id, options) => merged(own(before.detectors, id), options)),
    }),
  });
  const { global_thresholds, framework_thresholds = {}, detectors, framework_detectors = {} } = body;
  const frameworks = { ...now.frameworks };
  for (const name of new Set([...Object.keys(framework_thresholds), ...Object.keys(framework_detectors)])) {
    frameworks[name] = merge(own(frameworks, name) ?? none, own(framework_thresholds, name), own(framework_detectors, name));
  }
  return {
    ...now,
    global: merge(now.global, global_thresholds, detectors),
    frameworks: Object.fromEntries(Object.entries(frameworks).filter(([, one]) => !empty(one))),
  };
}

export interface MovedOption {
  readonly detector: string;
  readonly option: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** The options that differ from those of `base` in windows of this framework. */
export function moves(base: readonly ActiveDetector[], settings: TenantSettings, framework: string | undefined): MovedOption[] {
  const { global, frameworks } = settings;
  const { detectors } = overridden(base, { ...global, frameworks }, framework);
  return detectors.flatMap((active, i) => {
    const before = base[i] as ActiveDetector;
    const detector: string = active.detector.meta.id;
    const options = Object.keys(active.options)
      .filter((option) => active.options[option] !== before.options[option])
      .map((option) => ({ detector, option, from: before.options[option], to: active.options[option] }));
    const above = active.emit?.above;
    return above === undefined || above === before.emit?.above
      ? options
      : [...options, { detector, option: 'emit_above', from: before.emit?.above ?? null, to: above }];
  });
}

function empty({ thresholds, detectors }: SettingsOverride): boolean {
  return Object.keys(stated(thresholds)).length === 0 && Object.keys(detectors).length === 0;
}

function stated(patch: Patch): Partial<Record<ThresholdName, number>> {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined && value !== null));
}

function merged(
  before: Readonly<Record<string, unknown>> = {},
  options: Readonly<Record<string, unknown>> | null,
): Readonly<Record<string, unknown>> | null {
  return options === null ? null : { ...before, ...options };
}

/** Detectors and options that are null are not set. */
function present(detectors: NonNullable<ThresholdsBody['detectors']>): SettingsOverride['detectors'] {
  const kept = Object.entries(detectors).map(([id, options]): [string, Record<string, unknown>] => [
    id,
    Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== null)),
  ]);
  return Object.fromEntries(kept.filter(([, options]) => Object.keys(options).length > 0));
}

function mapped<T, U>(record: Readonly<Record<string, T>>, of: (key: string, value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(key, value)]));
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
