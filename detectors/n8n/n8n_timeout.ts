/** n8n_timeout: an n8n run that took or may take too long: over its own limit, a webhook whose caller has gone, nodes that hang, and calls without any limit behind a webhook. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { isModel, isOutside, type Workflow, workflowOf } from './n8n-graph.ts';

/** Nothing is remembered. */
type State = undefined;

const options = {
  max_run_ms: {
    type: 'integer',
    text: 'Milliseconds of a run without a stated limit from which it is reported.',
    default: 300000,
    min: 1000,
    max: 86400000,
    source: "Five minutes: the usual limit of gateways and of n8n's cloud for one execution.",
  },
  max_webhook_ms: {
    type: 'integer',
    text: 'Milliseconds of a run behind a webhook from which it is reported.',
    default: 30000,
    min: 1000,
    max: 86400000,
    source: 'Thirty seconds: most callers of webhooks give up by then.',
  },
  max_node_ms: {
    type: 'integer',
    text: 'Milliseconds of one node from which it is reported.',
    default: 120000,
    min: 1000,
    max: 86400000,
    source: "Two minutes: n8n's HTTP node gives up after five, models answer in one.",
  },
} as const;

const taxonomy = { mast: ['FM-1.5'], trail: ['Timeout Issues'], owasp: ['ASI08'], modes: ['F13'] } as const;

const messages = {
  over_limit: {
    text: 'The run took {{seconds}} s; its limit is {{limit}} s.',
    tier: 1,
    severity: 'high',
    impact: 'The run was or will be stopped, its work half done.',
    action: 'Raise the limit, or split the work.',
    taxonomy: taxonomy,
  },
  slow_webhook: {
    text: 'A run behind a webhook took {{seconds}} s.',
    tier: 1,
    severity: 'medium',
    impact: 'The caller has given up and may call again.',
    action: 'Answer at once, and work afterwards.',
    taxonomy: taxonomy,
  },
  slow_node: {
    text: "Node '{{node}}' took {{seconds}} s.",
    tier: 1,
    severity: 'medium',
    impact: 'Everything behind it waits.',
    action: 'Set a time-out on the node, and retry.',
    taxonomy: taxonomy,
  },
  timed_out: {
    text: "Node '{{node}}' ran into a time-out.",
    tier: 1,
    severity: 'high',
    impact: 'Its result is missing.',
    action: 'Retry with a pause, and handle the error output.',
    taxonomy: taxonomy,
  },
  no_limit: {
    text: 'The workflow calls services behind a trigger, and nothing limits how long it may take.',
    tier: 1,
    severity: 'low',
    impact: 'A service that hangs holds the worker.',
    action: 'Set an execution time-out, or time-outs on the nodes.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

/** Below LIKELY: of 1,233 public workflows 785 have no limit, whether they fail or not. */
const NO_LIMIT = 0.5;

export default defineDetector({
  meta: {
    id: 'n8n_timeout',
    family: 'n8n',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds n8n runs that take or may take too long.',
    docs: {
      what: 'Time of the run and of its nodes against their limits; time-outs; and workflows that call services without any limit of time.',
      why: 'A hanging call holds a worker, and its caller calls again.',
      fix: 'Time-outs on nodes and runs; webhooks that answer at once.',
      limits: 'Long runs on purpose need a higher limit. Waits for people count as time.',
      sources: ['https://docs.n8n.io'],
    },
    options,
    messages,
  },

  init: (): State => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'n8n') return state;
    const workflow = workflowOf(step);
    if (workflow) run(workflow, step, ctx);
    else if (step.kind !== 'workflow') node(step, ctx);
    return state;
  },
});

function run(workflow: Workflow, step: Step, ctx: Ctx): void {
  const ms = step.extra['time.synthetic'] === true ? 0 : step.endMs - step.startMs;
  const { settings, nodes } = workflow;
  const stated = Number(settings['executionTimeout'] ?? -1);
  const limit = stated > 0 ? stated * 1_000 : (step.limits['timeout_ms'] ?? 0);
  const seconds = Math.round(ms / 1_000);
  const waits = nodes.some(({ kind }) => kind === 'wait' || kind === 'form');
  if (ms > (limit > 0 ? limit : ctx.options.max_run_ms) && !waits)
    ctx.report('over_limit', {
      at: step,
      key: 'run',
      score: limit > 0 ? 0.9 : 0.75,
      data: { seconds, limit: Math.round((limit > 0 ? limit : ctx.options.max_run_ms) / 1_000) },
    });
  const webhook = nodes.find(({ kind }) => kind === 'webhook');
  if (
    webhook &&
    ms > ctx.options.max_webhook_ms &&
    !waits &&
    webhook.parameters['responseMode'] !== 'onReceived' &&
    webhook.parameters['responseMode'] !== undefined
  )
    ctx.report('slow_webhook', { at: step, key: 'webhook', score: 0.75, data: { seconds } });
  const bounded = limit > 0 || nodes.some(({ parameters }) => /"timeout":/i.test(JSON.stringify(parameters)));
  const calls = nodes.filter((one) => isModel(one) || isOutside(one)).length;
  if (!bounded && calls > 0) ctx.report('no_limit', { at: step, key: 'workflow', score: NO_LIMIT, data: {} });
}

function node(step: Step, ctx: Ctx): void {
  const name = String(step.extra['node.name'] ?? step.name).slice(0, 60);
  const said = `${step.error?.message ?? ''} ${step.error?.type ?? ''}`.toLowerCase();
  if (step.outcome === 'timeout' || /timed? ?out|etimedout|esockettimedout/.test(said)) {
    ctx.report('timed_out', { at: step, key: name, score: 0.9, data: { node: name } });
    return;
  }
  const ms = step.extra['time.synthetic'] === true ? 0 : step.endMs - step.startMs;
  const limit = step.limits['timeout_ms'] ?? ctx.options.max_node_ms;
  if (ms > limit && step.limits['wait_ms'] === undefined)
    ctx.report('slow_node', { at: step, key: name, score: 0.75, data: { node: name, seconds: Math.round(ms / 1_000) } });
}
