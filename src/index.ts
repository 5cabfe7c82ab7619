/**
 * The library. Four ways in (`misstep` is this with the shipped detectors, bin/sdk/index.ts):
 * - analyse traces in this process: `DetectionOrchestrator`, `MisstepSpanProcessor`, and what stands around them (docs/sdk.md);
 * - write a detector: `defineDetector` and its types; test it with `misstep/testing`;
 * - run detectors over steps of your own: `windowBySession` and `detect` on an RxJS stream;
 * - run or extend the sidecar: `startService` with factories of your own beside the contracts they keep.
 */
export type { Batch, Signal } from './batch/batch.ts';
export {
  type Admission,
  type AnyFactory,
  type BatcherOptions,
  type Budget,
  type Clock,
  type Component,
  type ComponentKind,
  type ConnectorFactory,
  type Consumer,
  type Counter,
  type ExporterFactory,
  type ExporterHints,
  type ExporterLedger,
  type ExtensionFactory,
  type Gauge,
  type Host,
  type Ledger,
  type Level,
  type Logger,
  type Meter,
  Permanent,
  type ProcessorFactory,
  type Readiness,
  type ReceiverFactory,
  type ReceiverLedger,
  Refused,
  type Settings,
  type Stability,
  type Status,
} from './component/component.ts';
export { type ConfidenceTier, calibrate, confidenceTier, type Fit } from './detector/calibration.ts';
export {
  type AnyDetector,
  type Context,
  type Detector,
  type DetectorMeta,
  type Docs,
  defineDetector,
  type EndReason,
  type Family,
  type Json,
  type MessageSpec,
  type Need,
  type OptionSpec,
  type OptionValues,
  type ReportOf,
  type Scope,
  type Severity,
  type SpanRef,
  STATE_LIMIT_BYTES,
  type Taxonomy,
  type Tier,
} from './detector/detector.ts';
export type { Finding } from './detector/finding.ts';
export { activate, type DetectorConfig, type ShippedDetector } from './detector/options.ts';
export { detect, type StepWindow, windowBySession } from './detector/stream.ts';
export { PlatformAdapter } from './sdk/adapter.ts';
export { AuditEvent, type AuditKind, AuditLogger, type AuditOptions } from './sdk/audit.ts';
export { DetectionConfig, type DetectionSettings, HealingConfig, type HealingSettings, MisstepConfig } from './sdk/config.ts';
export { type Decision, EnforcementEngine, EnforcementLevel, type EnforcementLevelName } from './sdk/enforcement.ts';
export {
  BaseFix,
  FixContext,
  type FixInjectionProtocol,
  FixResult,
  HealingEngine,
  type HealingOptions,
  HealingPlan,
  InstructionFix,
  InstructionQueue,
  type PlannedFix,
} from './sdk/healing.ts';
export { type Analysis, DetectionOrchestrator, type OrchestratorOptions, type TraceInput } from './sdk/orchestrator.ts';
export { PIIDetector, type PIIMatch, Tokenizer, TokenVault } from './sdk/privacy.ts';
export { MisstepSpanProcessor, type ProcessorOptions } from './sdk/processor.ts';
export { DetectorRegistry } from './sdk/registry.ts';
export { DetectionResult, Evidence, FixRecommendation } from './sdk/result.ts';
export { type Scored, ScoringEngine, SeverityLevel, type SeverityName, Thresholds } from './sdk/scoring.ts';
export {
  Event,
  Span,
  type SpanFacts,
  type SpanKind,
  Trace,
  TraceMetadata,
  type TraceMetadataFacts,
} from './sdk/trace.ts';
export type { ExporterAccount, ReceiverAccount } from './service/ledger.ts';
export { createLogger, type LogOptions, type RootLogger } from './service/logger.ts';
export { type Service, type ServiceSettings, startService } from './service/service.ts';
export type { PipelineSpec, ServiceSpec, TelemetrySpec } from './service/spec.ts';
export type { Fact, Message, Outcome, Role, Step, StepKind, Tokens, Tool, ToolCall, ToolResult } from './step/step.ts';
