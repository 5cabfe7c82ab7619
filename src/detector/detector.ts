/**
 * The detector contract (DESIGN §4). A detector is a synchronous reducer over plain JSON state.
 *
 * Law:
 * - `onStep` folds one step into the state and returns the state to keep. No clock, no I/O, no await,
 *   no class instance, no reference to a step in the state: the host clones, stores and replays it.
 * - State is plain JSON (null, boolean, finite number, string, array, object) and small; the host
 *   counts its size and drops the key when it passes `STATE_LIMIT_BYTES`.
 * - Steps come in event order (end time, then span id) within the lateness bound; a step that comes
 *   out of order makes the host fold again from an older state, so a detector must be a pure function
 *   of (state, step, options).
 * - `report` says a finding. The same (message, key) reported again is the same finding, grown:
 *   its evidence, score and data replace the former ones.
 */
import type { Fact, Step } from '../step/step.ts';

/** Bytes of one state as JSON beyond which the key is dropped and counted. */
export const STATE_LIMIT_BYTES = 64 * 1024;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type Scope = 'trace' | 'session' | 'agent';
export type Severity = 'low' | 'medium' | 'high' | 'critical';
/** 1 structure and hashes, 2 change over time, 3 text, 4 judge, 5 person. */
export type Tier = 1 | 2 | 3 | 4 | 5;
export type Family =
  | 'planning'
  | 'execution'
  | 'coordination'
  | 'verification'
  | 'behavior'
  | 'n8n'
  | 'dify'
  | 'openclaw'
  | 'langgraph'
  | 'rules';

export interface Taxonomy {
  readonly mast?: readonly string[];
  readonly trail?: readonly string[];
  readonly owasp?: readonly string[];
  readonly modes?: readonly string[];
}

/**
 * A fact without which the detector is blind. `settled`: it often comes later than its step. Nothing waits: the step is folded at
 * once and folded again with the fact while it is kept, else `onUpdate` brings it.
 */
export type Need = Fact | { readonly fact: Fact; readonly settled: true };

/** An option a user may set under `detectors: {<id>: {…}}`. */
export type OptionSpec =
  | {
      readonly type: 'integer' | 'number';
      readonly text: string;
      readonly default: number;
      readonly min: number;
      readonly max: number;
      readonly source: string;
    }
  | { readonly type: 'boolean'; readonly text: string; readonly default: boolean; readonly source: string }
  | { readonly type: 'strings'; readonly text: string; readonly default: readonly string[]; readonly source: string }
  | {
      readonly type: 'numbers_by_name';
      readonly text: string;
      readonly default: Readonly<Record<string, number>>;
      readonly source: string;
    };

export type Options = Readonly<Record<string, OptionSpec>>;

export type OptionValue<O extends OptionSpec> = O extends { readonly type: 'integer' | 'number' }
  ? number
  : O extends { readonly type: 'boolean' }
    ? boolean
    : O extends { readonly type: 'strings' }
      ? readonly string[]
      : Readonly<Record<string, number>>;

export type OptionValues<O extends Options> = { readonly [K in keyof O]: OptionValue<O[K]> };

export interface MessageSpec {
  /** One sentence with `{{slots}}`; starts with a capital or a quote, ends with a full stop. No payload text beyond names and counts. */
  readonly text: string;
  readonly tier: Tier;
  readonly severity: Severity;
  /** What it costs if nobody acts. */
  readonly impact: string;
  /** What to do. */
  readonly action: string;
  readonly taxonomy: Taxonomy;
}

export type Messages = Readonly<Record<string, MessageSpec>>;

export type Slots<T extends string> = T extends `${string}{{${infer P}}}${infer R}` ? P | Slots<R> : never;

export interface Docs {
  readonly what: string;
  readonly why: string;
  readonly fix: string;
  /** Known false alarms and blind spots. */
  readonly limits: string;
  readonly sources: readonly string[];
}

export interface DetectorMeta<O extends Options = Options, M extends Messages = Messages> {
  /** = file stem = YAML key = gen_ai.evaluation.name = docs page. */
  readonly id: string;
  readonly family: Family;
  readonly scope: Scope;
  readonly version: number;
  readonly stateVersion: number;
  /** Any one of these present in any step of the window lifts `insufficient_data`: all must have been seen. */
  readonly needs: readonly Need[];
  readonly summary: string;
  readonly docs: Docs;
  readonly options: O;
  readonly messages: M;
}

/** Where a finding points. `spanId` may be that of a step seen earlier (kept in the state). */
export interface SpanRef {
  readonly traceId: string;
  readonly spanId: string;
}

export interface ReportOf<T extends string> {
  /** The step at which the run went wrong. */
  readonly at: SpanRef;
  /** What makes it the same finding when it is said again, within (detector, message, window). */
  readonly key: string;
  /** The spans that prove it, in order; `at` need not be repeated. At most 16 are emitted. */
  readonly evidence?: readonly SpanRef[];
  /** Uncalibrated strength, 0–1; the host maps it through `<id>.fit.json`. */
  readonly score: number;
  /** Values of the message's slots; other keys are emitted as `misstep.detection.data.<key>`. */
  readonly data: Readonly<Record<T, string | number>> & Readonly<Record<string, string | number>>;
  /** Overrides the message's severity, e.g. when a consequence was seen. */
  readonly severity?: Severity;
  /** Agent to blame, if not that of the step. */
  readonly agent?: string;
}

export interface Context<O extends Options, M extends Messages> {
  readonly options: OptionValues<O>;
  /** Event time of the step at hand, or of the window's end. Unix ms. */
  readonly nowMs: number;
  /** False if the message's tier is switched off: what only that message needs need not be computed. Fixed while a window is open. */
  wants(message: keyof M & string): boolean;
  report<K extends keyof M & string>(message: K, finding: ReportOf<Slots<M[K]['text']>>): void;
  /** Takes back what an earlier `report` said; unknown keys are ignored. */
  withdraw<K extends keyof M & string>(message: K, key: string): void;
}

/** Why a window ended. */
export type EndReason = 'root' | 'idle' | 'age' | 'size' | 'evicted' | 'shutdown' | 'end_of_input';

export interface Detector<O extends Options = Options, M extends Messages = Messages, S = unknown> {
  readonly meta: DetectorMeta<O, M>;
  /** `undefined` until there is something to remember. */
  init(options: OptionValues<O>): S | undefined;
  onStep(state: S | undefined, step: Step, ctx: Context<O, M>): S | undefined;
  /**
   * A late fact of a step that can no longer be folded again (it lies behind the kept tail). The step's light facts are there
   * (ids, times, agent, model, tokens, tool name), its heavy ones read as absent. Never called for a step that is folded again.
   */
  onUpdate?(state: S | undefined, step: Step, changed: readonly Fact[], ctx: Context<O, M>): S | undefined;
  /** The window closes; no step follows. */
  onEnd?(state: S | undefined, reason: EndReason, ctx: Context<O, M>): void;
  /** State of an older `stateVersion`; `undefined` drops it. */
  migrate?(state: Json, from: number): S | undefined;
}

/** Names the types; the value is returned as it is. */
export function defineDetector<const O extends Options, const M extends Messages, S>(
  detector: Detector<O, M, S>,
): Detector<O, M, S> {
  return detector;
}

/** A detector of any options, messages and state: what lists and hosts hold. */
// biome-ignore lint/suspicious/noExplicitAny: options, messages and state are private to each detector.
export type AnyDetector = Detector<any, any, any>;
