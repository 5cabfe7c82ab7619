/** What a program sets, in one object; unknown keys and wrong values are refused, so that a typo is not a default. */
import { didYouMean } from '../../config/problem.ts';
import type { Tier } from '../detector/detector.ts';
import type { DetectorConfig } from '../detector/options.ts';
import type { HealingOptions } from './healing.ts';
import type { OrchestratorOptions } from './orchestrator.ts';
import { Thresholds } from './scoring.ts';

/** Throws a TypeError that names a key which is not among `known`. */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given))
    if (!known.includes(key)) throw new TypeError(`${what}: unknown key, ${key}. ${didYouMean(key, known)}`);
}

export interface DetectionSettings {
  /** Default 1, 2 and 3: all that calls no model. */
  readonly tiers?: readonly Tier[];
  /** Only these detectors. */
  readonly only?: readonly string[];
  /** Options by id, as in the configuration of the service: `{ loop: { min_repeats: 4 }, cost: { enabled: false } }`. */
  readonly detectors?: DetectorConfig;
  /** 0–100. Default 40. */
  readonly warningThreshold?: number;
  /** 0–100. Default 60. */
  readonly blockThreshold?: number;
}

/** May be given to `new DetectionOrchestrator(…)` as it is. */
export class DetectionConfig implements OrchestratorOptions {
  readonly tiers: readonly Tier[];
  readonly detectors: DetectorConfig;
  readonly thresholds: Thresholds;
  declare readonly only: readonly string[];

  constructor(settings: DetectionSettings = {}) {
    refuseUnknown('detection', settings, ['tiers', 'only', 'detectors', 'warningThreshold', 'blockThreshold']);
    const { tiers = [1, 2, 3], only, detectors = {}, warningThreshold = 40, blockThreshold = 60 } = settings;
    this.tiers = tiers;
    this.detectors = detectors;
    this.thresholds = new Thresholds({ warning: warningThreshold, block: blockThreshold });
    if (only !== undefined) this.only = only;
  }
}

export type HealingSettings = Pick<HealingOptions, 'autoApply' | 'maxFixes'>;

/** May be given to `new HealingEngine(…)` as it is. */
export class HealingConfig implements HealingOptions {
  readonly autoApply: 'safe' | 'never';
  readonly maxFixes: number;

  constructor(settings: HealingSettings = {}) {
    refuseUnknown('healing', settings, ['autoApply', 'maxFixes']);
    const { autoApply = 'safe', maxFixes = 5 } = settings;
    if (autoApply !== 'safe' && autoApply !== 'never')
      throw new TypeError(`healing: autoApply must be safe or never, got ${String(autoApply)}.`);
    if (!Number.isSafeInteger(maxFixes) || maxFixes < 1)
      throw new RangeError(`healing: maxFixes must be a whole number from 1, got ${maxFixes}.`);
    this.autoApply = autoApply;
    this.maxFixes = maxFixes;
  }
}

export class MisstepConfig {
  readonly detection: DetectionConfig;
  readonly healing: HealingConfig;

  constructor(settings: { readonly detection?: DetectionSettings; readonly healing?: HealingSettings } = {}) {
    refuseUnknown('config', settings, ['detection', 'healing']);
    this.detection = new DetectionConfig(settings.detection);
    this.healing = new HealingConfig(settings.healing);
  }
}
