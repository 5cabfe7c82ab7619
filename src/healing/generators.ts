/** The sixteen generators: which detectors each answers, and with which types of fixes. A generator is a pure function of a finding. */
import { unifiedDiff } from './diff.ts';
import { effectOf } from './effects.ts';
import type { CodeChange, Fix, Subject } from './fix.ts';
import { type FixType, type FixTypeName, fixTypes } from './fix-types.ts';
import { answers, type PatchKind } from './n8n/patches.ts';
import { type Mechanism, remedyOf } from './remedies/remedy.ts';

interface Generator {
  readonly types: readonly FixTypeName[];
  /** By detector: all types, or those named. */
  readonly answers: Readonly<Record<string, '*' | readonly FixTypeName[]>>;
}

export const generators = {
  loop: {
    types: ['retry_limit', 'circuit_breaker', 'exponential_backoff'],
    answers: {
      loop: '*',
      openclaw_session_loop: '*',
      openclaw_tool_abuse: ['retry_limit', 'circuit_breaker'],
      openclaw_spawn_chain: ['circuit_breaker'],
      langgraph_recursion: ['circuit_breaker', 'retry_limit'],
      dify_iteration_escape: ['circuit_breaker'],
      n8n_cycle: ['circuit_breaker'],
      tool_failure: ['circuit_breaker', 'retry_limit', 'exponential_backoff'],
      langgraph_tool_failure: ['exponential_backoff', 'retry_limit'],
      n8n_error: ['retry_limit', 'exponential_backoff'],
      n8n_timeout: ['retry_limit'],
    },
  },
  corruption: {
    types: ['state_validation', 'schema_enforcement', 'input_sanitization', 'checkpoint_recovery'],
    answers: {
      corruption: '*',
      langgraph_state_corruption: '*',
      langgraph_parallel_sync: '*',
      dify_variable_leak: ['input_sanitization'],
    },
  },
  persona: { types: ['prompt_reinforcement', 'role_boundary'], answers: { persona_drift: '*' } },
  deadlock: {
    types: ['timeout_addition', 'priority_adjustment', 'async_handoff'],
    answers: { coordination: '*', n8n_timeout: ['timeout_addition'] },
  },
  hallucination: {
    types: ['fact_checking', 'source_grounding', 'confidence_calibration'],
    answers: { hallucination: '*', grounding: '*', retrieval_quality: ['source_grounding', 'confidence_calibration'] },
  },
  injection: {
    types: ['input_filtering', 'safety_boundary', 'permission_gate'],
    answers: {
      injection: '*',
      dify_rag_poisoning: '*',
      openclaw_elevated_risk: ['permission_gate', 'safety_boundary'],
      openclaw_sandbox_escape: ['permission_gate', 'safety_boundary'],
      openclaw_tool_abuse: ['permission_gate'],
    },
  },
  overflow: { types: ['context_pruning', 'summarization', 'window_management'], answers: { overflow: '*' } },
  derailment: { types: ['task_anchoring', 'goal_tracking', 'progress_monitoring'], answers: { derailment: '*' } },
  context: {
    types: ['prompt_reinforcement', 'state_validation', 'checkpoint_recovery'],
    answers: { context: '*' },
  },
  communication: {
    types: ['message_schema', 'handoff_protocol', 'retry_limit'],
    answers: {
      communication: '*',
      coordination: '*',
      openclaw_channel_mismatch: ['message_schema'],
      openclaw_spawn_chain: ['handoff_protocol'],
      n8n_schema: ['message_schema'],
    },
  },
  specification: {
    types: ['spec_validation', 'output_constraint', 'schema_enforcement'],
    answers: {
      specification: '*',
      tool_misuse: ['schema_enforcement'],
      dify_tool_schema_mismatch: ['schema_enforcement'],
      n8n_schema: ['schema_enforcement'],
    },
  },
  decomposition: {
    types: ['task_decomposer', 'subtask_validator', 'progress_monitoring'],
    answers: { decomposition: '*', n8n_complexity: ['task_decomposer', 'subtask_validator'] },
  },
  workflow: {
    types: ['workflow_guard', 'step_validator', 'circuit_breaker'],
    answers: {
      workflow: '*',
      langgraph_edge_misroute: ['step_validator', 'workflow_guard'],
      langgraph_tool_failure: ['workflow_guard'],
      n8n_error: ['workflow_guard', 'step_validator'],
      dify_classifier_drift: ['step_validator'],
      dify_model_fallback: ['workflow_guard'],
    },
  },
  withholding: {
    types: ['transparency_enforcer', 'information_completeness', 'source_grounding'],
    answers: { withholding: '*' },
  },
  completion: {
    types: ['completion_gate', 'quality_checkpoint', 'progress_monitoring'],
    answers: { completion: '*', convergence: ['progress_monitoring', 'quality_checkpoint'] },
  },
  cost: {
    types: ['budget_limiter', 'cost_monitor', 'token_optimizer'],
    answers: { cost: '*', n8n_resource: ['budget_limiter', 'cost_monitor'] },
  },
} as const satisfies Readonly<Record<string, Generator>>;

export type GeneratorName = keyof typeof generators;

/** All fixes for a finding: those that can be tried first, then by how well they fit; a type once. */
export function fixesFor(subject: Subject): Fix[] {
  const seen = new Set<string>();
  const fixes = (Object.keys(generators) as GeneratorName[]).flatMap((name) => generate(name, subject));
  return fixes
    .filter(({ fix_type }) => !seen.has(fix_type) && seen.add(fix_type))
    .sort((a, b) => Number(b.verifiable) - Number(a.verifiable) || b.confidence - a.confidence);
}

/** What one generator has to say; nothing if it does not answer the detector. */
export function generate(name: GeneratorName, subject: Subject): Fix[] {
  const { types, answers: known }: Generator = generators[name];
  const wanted = known[subject.detector];
  return (wanted === '*' ? types : (wanted ?? [])).map((type) => fixOf(name, type, subject));
}

function fixId(detectionId: string, fixType: string): string {
  return `${fixType}-${detectionId.slice(0, 12)}`;
}

function fixOf(generator: GeneratorName, name: FixTypeName, subject: Subject): Fix {
  const type: FixType = fixTypes[name];
  const slots = slotsOf(subject);
  const told = (text: string) => text.replaceAll(/\{(tool|agent|count)\}/g, (_, slot: keyof typeof slots) => slots[slot]);
  const patch = answers[`${subject.detector}.${subject.message}`]?.find(({ fixType }) => fixType === name);
  // n8n has no guard of single calls: what it has is the retry of a node.
  const inN8n = subject.framework === 'n8n' && name === 'retry_limit' ? 'retry' : type.mechanism;
  const mechanism = patch === undefined ? inN8n : mechanismOf[patch.kind];
  return {
    id: fixId(subject.id, name),
    detection_id: subject.id,
    detection_type: subject.detector,
    generator,
    fix_type: name,
    framework: subject.framework,
    title: told(patch?.title ?? type.title),
    description: `At span ${subject.spanId}${subject.agent === null ? '' : ` of agent '${shown(subject.agent)}'`}: ${told(patch?.does ?? type.does)}`,
    rationale: type.why,
    confidence: Math.round(type.fits * subject.confidence * 100) / 100,
    risk: patch?.risk ?? type.risk,
    code_changes: [codeOf(type, mechanism, subject)],
    estimated_impact: told(type.impact),
    does_not_solve: patch?.doesNotSolve ?? type.leaves,
    breaking_changes: type.risk === 'dangerous',
    requires_testing: true,
    tags: [subject.framework, mechanism, ...(patch === undefined ? [] : ['n8n_patch'])],
    verifiable: patch?.drawn === true || effectOf(subject, name) !== undefined,
  };
}

const mechanismOf: Readonly<Record<PatchKind, Mechanism>> = {
  retry: 'retry',
  node_timeout: 'timeout',
  execution_timeout: 'timeout',
  error_workflow: 'checkpoint',
  loop_limit: 'call_guard',
  token_limit: 'budget',
};

function slotsOf({ data, agent }: Subject): { readonly tool: string; readonly agent: string; readonly count: string } {
  const text = (value: unknown, otherwise: string) =>
    typeof value === 'string' && value !== '' ? `'${shown(value)}'` : otherwise;
  const count = Number(data['count']);
  return {
    tool: text(data['tool'] ?? data['source'] ?? data['node'], 'the tool'),
    agent: agent === null ? 'the agent' : `'${shown(agent)}'`,
    count: Number.isFinite(count) && count > 0 ? String(count) : 'many',
  };
}

/** Names of a trace are anybody's: one line, short. */
function shown(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 80);
}

function codeOf(type: FixType, mechanism: Mechanism, { framework, data, agent }: Subject): CodeChange {
  const tool = data['tool'] ?? data['source'] ?? data['node'];
  const remedy = remedyOf(framework, mechanism, {
    tool: shown(typeof tool === 'string' && tool !== '' ? tool : 'tool'),
    agent: shown(agent ?? 'agent'),
    text: type.text ?? '',
  });
  const path = `misstep-proposal/${remedy.path}`;
  return {
    file_path: path,
    language: remedy.language,
    original_code: null,
    suggested_code: remedy.code,
    start_line: null,
    end_line: null,
    description:
      remedy.framework === framework
        ? `The way of ${framework}. A proposal: your code was not read.`
        : `${framework} has no way of its own for this; plain Python. A proposal: your code was not read.`,
    diff: unifiedDiff(path, null, remedy.code),
  };
}
