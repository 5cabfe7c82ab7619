/** n8n_error: failures of an n8n run that are hidden or not prepared for: items that carry an error while the run succeeds, nodes that go on over a failure, and workflows that run alone with nobody to tell. */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';
import { isModel, isOutside, runsAlone, type Workflow, workflowOf } from './n8n-graph.ts';

interface State {
  failed: (SpanRef & { readonly node: string; readonly why: string })[];
  steps: number;
}

const options = {
  error_share: {
    type: 'number',
    text: 'Share of failing nodes of a run from which it is reported.',
    default: 0.15,
    min: 0.01,
    max: 1,
    source: 'Above it a run is broken rather than unlucky; common alert level for batch jobs.',
  },
} as const;

const taxonomy = { mast: ['FM-3.2'], trail: ['Service Errors'], owasp: ['ASI08'], modes: ['F14'] } as const;

const messages = {
  hidden: {
    text: "Node '{{node}}' failed ({{why}}), and the run counts as a success.",
    tier: 1,
    severity: 'high',
    impact: 'What follows works without the result, and nobody is told.',
    action: 'Lead the error output to a node that reports it, or let the run fail.',
    taxonomy: taxonomy,
  },
  failed: {
    text: "The run failed at node '{{node}}' ({{why}}).",
    tier: 1,
    severity: 'high',
    impact: 'The rest of the workflow did not run.',
    action: 'Add retries to calls of services, and an error workflow that tells somebody.',
    taxonomy: taxonomy,
  },
  many_failures: {
    text: 'Of {{total}} nodes of the run {{count}} failed.',
    tier: 1,
    severity: 'high',
    impact: 'Most of the work was not done.',
    action: 'Stop at the first failure of a service, and retry the run later.',
    taxonomy: taxonomy,
  },
  unprepared: {
    text: 'The workflow runs alone, calls services, and no failure of them is handled.',
    tier: 1,
    severity: 'low',
    impact: 'The first outage goes unnoticed.',
    action: 'Set an error workflow, or error outputs on the nodes that call services.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_FAILED = 32;
/** Below LIKELY: most public workflows handle no error, whether they fail or not. */
const UNPREPARED = 0.5;

export default defineDetector({
  meta: {
    id: 'n8n_error',
    family: 'n8n',
    scope: 'trace',
    version: 2,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds failures of n8n runs that are hidden or not handled.',
    docs: {
      what: 'Outcome of each node and the errors in its items against the status of the run; the share of failing nodes; and workflows started by others that call models or services without any handling of errors.',
      why: '`Continue on fail` turns an outage into wrong data.',
      fix: 'Error outputs that lead somewhere, an error workflow, retries on service nodes.',
      limits: 'A node that goes on over a failure on purpose looks like hiding it. Whether an error workflow works is not known.',
      sources: ['https://docs.n8n.io'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'n8n') return state;
    const workflow = workflowOf(step);
    if (workflow || step.kind === 'workflow') {
      judge(workflow, state, step, ctx);
      return state;
    }
    const next = state ?? { failed: [], steps: 0 };
    next.steps++;
    const errors = Number(step.extra['node.items.errors'] ?? 0);
    const failed = step.outcome === 'error' || step.outcome === 'timeout' || step.outcome === 'handled_error' || errors > 0;
    if (failed && next.failed.length < MAX_FAILED) {
      const why = (step.error?.message ?? (errors > 0 ? `${errors} items with an error` : step.outcome)).slice(0, 80);
      next.failed.push({
        traceId: step.traceId,
        spanId: step.spanId,
        node: String(step.extra['node.name'] ?? step.name).slice(0, 60),
        why,
      });
    }
    return next;
  },
});

function judge(workflow: Workflow | undefined, state: State | undefined, step: Step, ctx: Ctx): void {
  const status = String(step.extra['run.status'] ?? step.outcome).toLowerCase();
  const broken = /error|fail|crash/.test(status) || step.outcome === 'error';
  // What an error output leads on from is dealt with, unless the run broke all the same.
  const failed = (state?.failed ?? []).filter(({ node }) => broken || workflow === undefined || !isHandled(workflow, node));
  const [first] = failed;
  if (first !== undefined && state !== undefined) {
    ctx.report(broken ? 'failed' : 'hidden', {
      at: first,
      key: first.node,
      evidence: failed.slice(0, 8),
      score: broken ? 0.85 : 0.9,
      data: { node: first.node, why: first.why },
    });
    const share = failed.length / Math.max(1, state.steps);
    if (failed.length > 1 && share >= ctx.options.error_share)
      ctx.report('many_failures', {
        at: first,
        key: 'share',
        evidence: failed.slice(0, 8),
        score: 0.8,
        data: { count: failed.length, total: state.steps },
      });
  } else if (/error|fail|crash/.test(String(step.extra['run.status'] ?? '').toLowerCase()))
    ctx.report('failed', {
      at: step,
      key: 'run',
      score: 0.8,
      data: { node: 'unknown', why: String(step.extra['run.error'] ?? 'the run says so').slice(0, 80) },
    });
  if (workflow && unprepared(workflow)) ctx.report('unprepared', { at: step, key: 'workflow', score: UNPREPARED, data: {} });
}

/** Its error output, which is the last one, leads somewhere. */
function isHandled({ nodes, edges }: Workflow, name: string): boolean {
  const node = nodes.find((one) => one.name.slice(0, 60) === name);
  if (node?.settings['onError'] !== 'continueErrorOutput') return false;
  return edges.some(({ source, type, branch }) => source === node.name && type === 'main' && branch > 0);
}

function unprepared({ nodes, settings }: Workflow): boolean {
  if (typeof settings['errorWorkflow'] === 'string' && settings['errorWorkflow'] !== '') return false;
  if (nodes.some(({ kind }) => kind === 'errorTrigger' || kind === 'stopAndError')) return false;
  const handled = nodes.some(
    ({ settings: own }) =>
      own['onError'] !== undefined ||
      own['continueOnFail'] === true ||
      own['retryOnFail'] === true ||
      (isRecord(own) && own['alwaysOutputData'] === true),
  );
  const starts = nodes.some(({ kind }) => /^(?:webhook|cron|scheduleTrigger|interval)$/.test(kind));
  return (
    !handled &&
    starts &&
    runsAlone(nodes) &&
    nodes.some((node) => isModel(node) || isOutside(node)) &&
    !nodes.some(({ kind }) => kind === 'if' || kind === 'switch')
  );
}
