/** A configuration that has been checked: what the service is built from. */
import type { z } from 'zod';

export type Signal = 'traces' | 'metrics' | 'logs';
export type ComponentKind = 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension';

/** What the checks need of a factory; those of `src/component` have it. */
export interface ConfigFactory {
  readonly kind: ComponentKind;
  readonly type: string;
  readonly aliases?: readonly string[];
  readonly stability: string;
  readonly summary?: string;
  /** Signals it takes part in; of a connector those it takes. Extensions have none. */
  readonly signals?: readonly Signal[];
  /** Signals a connector hands on. */
  readonly produces?: readonly Signal[];
  readonly options: z.ZodType;
}

export interface ComponentConfig<F> {
  /** `type` or `type/name`, as written. */
  readonly id: string;
  /** The factory's type, also where an alias was written. */
  readonly type: string;
  readonly factory: F;
  /** Parsed by the factory's schema, defaults filled in. */
  readonly options: unknown;
}

export interface PipelineConfig {
  /** `traces` or `traces/name`. */
  readonly id: string;
  readonly signal: Signal;
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

export interface TelemetryConfig {
  readonly logs: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly encoding: 'console' | 'json' };
  /** Where the Prometheus page is served; absent = nowhere. */
  readonly metrics?: { readonly level: 'basic' | 'normal' | 'detailed'; readonly host: string; readonly port: number };
  /** As written; null takes an attribute away that is set otherwise. */
  readonly resource: Readonly<Record<string, string | null>>;
}

type Of<F, K extends ComponentKind> = ReadonlyMap<string, ComponentConfig<Extract<F, { readonly kind: K }>>>;

/** Every component that is defined, also those that no pipeline uses: they are checked and not started. */
export interface ServiceConfig<F extends ConfigFactory = ConfigFactory> {
  readonly receivers: Of<F, 'receiver'>;
  readonly processors: Of<F, 'processor'>;
  readonly exporters: Of<F, 'exporter'>;
  readonly connectors: Of<F, 'connector'>;
  readonly extensions: Of<F, 'extension'>;
  readonly pipelines: readonly PipelineConfig[];
  /** Extensions to start, in this order (`service.extensions`). */
  readonly started: readonly string[];
  readonly telemetry: TelemetryConfig;
}
