// Every detector that is shipped. Written by `npm run generate`; do not edit.
import derailmentFit from '../detectors/behavior/derailment.fit.json' with { type: 'json' };
import derailment from '../detectors/behavior/derailment.ts';
import injectionFit from '../detectors/behavior/injection.fit.json' with { type: 'json' };
import injection from '../detectors/behavior/injection.ts';
import personaDriftFit from '../detectors/behavior/persona_drift.fit.json' with { type: 'json' };
import personaDrift from '../detectors/behavior/persona_drift.ts';
import communicationFit from '../detectors/coordination/communication.fit.json' with { type: 'json' };
import communication from '../detectors/coordination/communication.ts';
import contextFit from '../detectors/coordination/context.fit.json' with { type: 'json' };
import context from '../detectors/coordination/context.ts';
import coordinationFit from '../detectors/coordination/coordination.fit.json' with { type: 'json' };
import coordination from '../detectors/coordination/coordination.ts';
import withholdingFit from '../detectors/coordination/withholding.fit.json' with { type: 'json' };
import withholding from '../detectors/coordination/withholding.ts';
import difyClassifierDriftFit from '../detectors/dify/dify_classifier_drift.fit.json' with { type: 'json' };
import difyClassifierDrift from '../detectors/dify/dify_classifier_drift.ts';
import difyIterationEscapeFit from '../detectors/dify/dify_iteration_escape.fit.json' with { type: 'json' };
import difyIterationEscape from '../detectors/dify/dify_iteration_escape.ts';
import difyModelFallbackFit from '../detectors/dify/dify_model_fallback.fit.json' with { type: 'json' };
import difyModelFallback from '../detectors/dify/dify_model_fallback.ts';
import difyRagPoisoningFit from '../detectors/dify/dify_rag_poisoning.fit.json' with { type: 'json' };
import difyRagPoisoning from '../detectors/dify/dify_rag_poisoning.ts';
import difyToolSchemaMismatchFit from '../detectors/dify/dify_tool_schema_mismatch.fit.json' with { type: 'json' };
import difyToolSchemaMismatch from '../detectors/dify/dify_tool_schema_mismatch.ts';
import difyVariableLeakFit from '../detectors/dify/dify_variable_leak.fit.json' with { type: 'json' };
import difyVariableLeak from '../detectors/dify/dify_variable_leak.ts';
import convergenceFit from '../detectors/execution/convergence.fit.json' with { type: 'json' };
import convergence from '../detectors/execution/convergence.ts';
import corruptionFit from '../detectors/execution/corruption.fit.json' with { type: 'json' };
import corruption from '../detectors/execution/corruption.ts';
import costFit from '../detectors/execution/cost.fit.json' with { type: 'json' };
import cost from '../detectors/execution/cost.ts';
import loopFit from '../detectors/execution/loop.fit.json' with { type: 'json' };
import loop from '../detectors/execution/loop.ts';
import overflowFit from '../detectors/execution/overflow.fit.json' with { type: 'json' };
import overflow from '../detectors/execution/overflow.ts';
import toolFailureFit from '../detectors/execution/tool_failure.fit.json' with { type: 'json' };
import toolFailure from '../detectors/execution/tool_failure.ts';
import toolMisuseFit from '../detectors/execution/tool_misuse.fit.json' with { type: 'json' };
import toolMisuse from '../detectors/execution/tool_misuse.ts';
import langgraphEdgeMisrouteFit from '../detectors/langgraph/langgraph_edge_misroute.fit.json' with { type: 'json' };
import langgraphEdgeMisroute from '../detectors/langgraph/langgraph_edge_misroute.ts';
import langgraphParallelSyncFit from '../detectors/langgraph/langgraph_parallel_sync.fit.json' with { type: 'json' };
import langgraphParallelSync from '../detectors/langgraph/langgraph_parallel_sync.ts';
import langgraphRecursionFit from '../detectors/langgraph/langgraph_recursion.fit.json' with { type: 'json' };
import langgraphRecursion from '../detectors/langgraph/langgraph_recursion.ts';
import langgraphStateCorruptionFit from '../detectors/langgraph/langgraph_state_corruption.fit.json' with { type: 'json' };
import langgraphStateCorruption from '../detectors/langgraph/langgraph_state_corruption.ts';
import langgraphToolFailureFit from '../detectors/langgraph/langgraph_tool_failure.fit.json' with { type: 'json' };
import langgraphToolFailure from '../detectors/langgraph/langgraph_tool_failure.ts';
import n8nComplexityFit from '../detectors/n8n/n8n_complexity.fit.json' with { type: 'json' };
import n8nComplexity from '../detectors/n8n/n8n_complexity.ts';
import n8nCycleFit from '../detectors/n8n/n8n_cycle.fit.json' with { type: 'json' };
import n8nCycle from '../detectors/n8n/n8n_cycle.ts';
import n8nErrorFit from '../detectors/n8n/n8n_error.fit.json' with { type: 'json' };
import n8nError from '../detectors/n8n/n8n_error.ts';
import n8nResourceFit from '../detectors/n8n/n8n_resource.fit.json' with { type: 'json' };
import n8nResource from '../detectors/n8n/n8n_resource.ts';
import n8nSchemaFit from '../detectors/n8n/n8n_schema.fit.json' with { type: 'json' };
import n8nSchema from '../detectors/n8n/n8n_schema.ts';
import n8nTimeoutFit from '../detectors/n8n/n8n_timeout.fit.json' with { type: 'json' };
import n8nTimeout from '../detectors/n8n/n8n_timeout.ts';
import openclawChannelMismatchFit from '../detectors/openclaw/openclaw_channel_mismatch.fit.json' with { type: 'json' };
import openclawChannelMismatch from '../detectors/openclaw/openclaw_channel_mismatch.ts';
import openclawElevatedRiskFit from '../detectors/openclaw/openclaw_elevated_risk.fit.json' with { type: 'json' };
import openclawElevatedRisk from '../detectors/openclaw/openclaw_elevated_risk.ts';
import openclawSandboxEscapeFit from '../detectors/openclaw/openclaw_sandbox_escape.fit.json' with { type: 'json' };
import openclawSandboxEscape from '../detectors/openclaw/openclaw_sandbox_escape.ts';
import openclawSessionLoopFit from '../detectors/openclaw/openclaw_session_loop.fit.json' with { type: 'json' };
import openclawSessionLoop from '../detectors/openclaw/openclaw_session_loop.ts';
import openclawSpawnChainFit from '../detectors/openclaw/openclaw_spawn_chain.fit.json' with { type: 'json' };
import openclawSpawnChain from '../detectors/openclaw/openclaw_spawn_chain.ts';
import openclawToolAbuseFit from '../detectors/openclaw/openclaw_tool_abuse.fit.json' with { type: 'json' };
import openclawToolAbuse from '../detectors/openclaw/openclaw_tool_abuse.ts';
import decompositionFit from '../detectors/planning/decomposition.fit.json' with { type: 'json' };
import decomposition from '../detectors/planning/decomposition.ts';
import specificationFit from '../detectors/planning/specification.fit.json' with { type: 'json' };
import specification from '../detectors/planning/specification.ts';
import workflowFit from '../detectors/planning/workflow.fit.json' with { type: 'json' };
import workflow from '../detectors/planning/workflow.ts';
import completionFit from '../detectors/verification/completion.fit.json' with { type: 'json' };
import completion from '../detectors/verification/completion.ts';
import groundingFit from '../detectors/verification/grounding.fit.json' with { type: 'json' };
import grounding from '../detectors/verification/grounding.ts';
import hallucinationFit from '../detectors/verification/hallucination.fit.json' with { type: 'json' };
import hallucination from '../detectors/verification/hallucination.ts';
import retrievalQualityFit from '../detectors/verification/retrieval_quality.fit.json' with { type: 'json' };
import retrievalQuality from '../detectors/verification/retrieval_quality.ts';
import type { Fit } from '../src/detector/calibration.ts';
import type { AnyDetector } from '../src/detector/detector.ts';
import type { ShippedDetector } from '../src/detector/options.ts';

export const shippedDetectors: readonly ShippedDetector[] = [
  { detector: derailment, fit: derailmentFit as unknown as Fit },
  { detector: injection, fit: injectionFit as unknown as Fit },
  { detector: personaDrift, fit: personaDriftFit as unknown as Fit },
  { detector: communication, fit: communicationFit as unknown as Fit },
  { detector: context, fit: contextFit as unknown as Fit },
  { detector: coordination, fit: coordinationFit as unknown as Fit },
  { detector: withholding, fit: withholdingFit as unknown as Fit },
  { detector: difyClassifierDrift, fit: difyClassifierDriftFit as unknown as Fit },
  { detector: difyIterationEscape, fit: difyIterationEscapeFit as unknown as Fit },
  { detector: difyModelFallback, fit: difyModelFallbackFit as unknown as Fit },
  { detector: difyRagPoisoning, fit: difyRagPoisoningFit as unknown as Fit },
  { detector: difyToolSchemaMismatch, fit: difyToolSchemaMismatchFit as unknown as Fit },
  { detector: difyVariableLeak, fit: difyVariableLeakFit as unknown as Fit },
  { detector: convergence, fit: convergenceFit as unknown as Fit },
  { detector: corruption, fit: corruptionFit as unknown as Fit },
  { detector: cost, fit: costFit as unknown as Fit },
  { detector: loop, fit: loopFit as unknown as Fit },
  { detector: overflow, fit: overflowFit as unknown as Fit },
  { detector: toolFailure, fit: toolFailureFit as unknown as Fit },
  { detector: toolMisuse, fit: toolMisuseFit as unknown as Fit },
  { detector: langgraphEdgeMisroute, fit: langgraphEdgeMisrouteFit as unknown as Fit },
  { detector: langgraphParallelSync, fit: langgraphParallelSyncFit as unknown as Fit },
  { detector: langgraphRecursion, fit: langgraphRecursionFit as unknown as Fit },
  { detector: langgraphStateCorruption, fit: langgraphStateCorruptionFit as unknown as Fit },
  { detector: langgraphToolFailure, fit: langgraphToolFailureFit as unknown as Fit },
  { detector: n8nComplexity, fit: n8nComplexityFit as unknown as Fit },
  { detector: n8nCycle, fit: n8nCycleFit as unknown as Fit },
  { detector: n8nError, fit: n8nErrorFit as unknown as Fit },
  { detector: n8nResource, fit: n8nResourceFit as unknown as Fit },
  { detector: n8nSchema, fit: n8nSchemaFit as unknown as Fit },
  { detector: n8nTimeout, fit: n8nTimeoutFit as unknown as Fit },
  { detector: openclawChannelMismatch, fit: openclawChannelMismatchFit as unknown as Fit },
  { detector: openclawElevatedRisk, fit: openclawElevatedRiskFit as unknown as Fit },
  { detector: openclawSandboxEscape, fit: openclawSandboxEscapeFit as unknown as Fit },
  { detector: openclawSessionLoop, fit: openclawSessionLoopFit as unknown as Fit },
  { detector: openclawSpawnChain, fit: openclawSpawnChainFit as unknown as Fit },
  { detector: openclawToolAbuse, fit: openclawToolAbuseFit as unknown as Fit },
  { detector: decomposition, fit: decompositionFit as unknown as Fit },
  { detector: specification, fit: specificationFit as unknown as Fit },
  { detector: workflow, fit: workflowFit as unknown as Fit },
  { detector: completion, fit: completionFit as unknown as Fit },
  { detector: grounding, fit: groundingFit as unknown as Fit },
  { detector: hallucination, fit: hallucinationFit as unknown as Fit },
  { detector: retrievalQuality, fit: retrievalQualityFit as unknown as Fit },
];

export const detectors: readonly AnyDetector[] = shippedDetectors.map(({ detector }) => detector);
