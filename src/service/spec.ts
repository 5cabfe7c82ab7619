/** What the service is built from: checked configuration, each id beside its factory. */
import type { PipelineConfig, ServiceConfig, TelemetryConfig } from '../../config/service-config.ts';
import type { AnyFactory } from '../component/component.ts';

export type ServiceSpec = ServiceConfig<AnyFactory>;
export type PipelineSpec = PipelineConfig;
export type TelemetrySpec = TelemetryConfig;
