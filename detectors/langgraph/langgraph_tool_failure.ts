/**
 * langgraph_tool_failure: a tool node of a graph that failed and was not made good: no later success of the same node, no fallback, or a run that ended
 * with it. Failures that a retry mended are taken back.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';

interface Failure extends SpanRef {
  readonly node: string;
  readonly tool: string;
  readonly why: string;
  count: number;
}

interface State {
  failures: Failure[];
}

const options = {
  min_score: {
    type: 'number',
    text: 'Score from which a failure is reported.',
    default: 0.4,
    min: 0,
    max: 1,
    source: 'POSSIBLE; below it are failures that the run outlived by other means.',
  },
} as const;

const taxonomy = { mast: ['FM-3.2'], trail: ['Service Errors', 'Tool-related'], owasp: ['ASI08'], modes: ['F14'] } as const;

const messages = {
  uncaught: {
    text: "Tool node '{{node}}' failed ({{why}}) and the run ended with it.",
    tier: 1,
    severity: 'high',
    impact: 'The graph has no answer to this failure.',
    action: 'Add a retry policy to the node, or an edge to a fallback.',
    taxonomy,
  },
  unrecovered: {
    text: "Tool node '{{node}}' failed ({{why}}) and the graph went on without its result.",
    tier: 1,
    severity: 'medium',
    impact: 'What follows rests on a result that is missing.',
    action: 'Check the result before using it, and route failures to a fallback.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_FAILURES = 24;

export default defineDetector({
  meta: {
    id: 'langgraph_tool_failure',
    family: 'langgraph',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds tool nodes that failed without a retry or a fallback that worked.',
    docs: {
      what: 'Outcome of every tool node, later successes of the same node or tool, and the end of the run.',
      why: 'A graph without a plan for failing tools stops, or goes on with nothing.',
      fix: 'Retry policies, fallback edges, and a check of results before they are used.',
      limits:
        'A fallback under another name is not recognised as such. Failures told only in the words of a result need the outcome to say so.',
      sources: ['https://docs.langchain.com/oss/python/langgraph/graph-api'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'langgraph' && step.extra['superstep'] === undefined) return state;
    if (step.kind === 'workflow') {
      if (state !== undefined) judge(state, step, ctx);
      return state;
    }
    if (step.kind !== 'tool' || step.rollup) return state;
    const node = String(step.extra['node.id'] ?? step.name).slice(0, 60);
    const tool = (step.tool?.name ?? node).slice(0, 60);
    const failed = ['error', 'handled_error', 'timeout', 'blocked'].includes(step.outcome);
    if (!failed) {
      const left = (state?.failures ?? []).filter((one) => one.node !== node && one.tool !== tool);
      for (const one of state?.failures ?? []) if (!left.includes(one)) takeBack(one, ctx);
      return state === undefined ? state : { failures: left };
    }
    const failures = state?.failures ?? [];
    const known = failures.find((one) => one.node === node);
    if (known) {
      known.count++;
      return { failures };
    }
    const why = (step.error?.type ?? step.error?.message ?? step.outcome).slice(0, 60);
    const made: Failure = { traceId: step.traceId, spanId: step.spanId, node, tool, why, count: 1 };
    report('unrecovered', made, 0.65, ctx);
    return { failures: [...failures, made].slice(-MAX_FAILURES) };
  },
});

/** The run's end says whether a failure was the end of it. */
function judge(state: State, step: Step, ctx: Ctx): void {
  const status = String(step.extra['run.status'] ?? step.outcome).toLowerCase();
  const ended = /fail|error|interrupt|timeout/.test(status);
  for (const one of state.failures) {
    if (ended) {
      takeBack(one, ctx);
      report('uncaught', one, 0.9, ctx);
    } else report('unrecovered', one, one.count > 1 ? 0.75 : 0.65, ctx);
  }
}

function report(message: 'uncaught' | 'unrecovered', one: Failure, score: number, ctx: Ctx): void {
  if (score >= ctx.options.min_score)
    ctx.report(message, { at: one, key: one.node, score, data: { node: one.node, why: one.why, count: one.count } });
}

function takeBack(one: Failure, ctx: Ctx): void {
  ctx.withdraw('unrecovered', one.node);
  ctx.withdraw('uncaught', one.node);
}
