/** n8n_schema: data that does not fit where it goes in an n8n workflow: expressions that name nodes which are not there, fields that the node before did not or never does give, and errors that say so. */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';
import { type Edge, type Node, type Workflow, workflowOf } from './n8n-graph.ts';

interface Output extends SpanRef {
  readonly node: string;
  /** Names of the fields of its first item. */
  readonly fields: readonly string[];
}

interface State {
  outputs: Output[];
}

const options = {
  max_missing: {
    type: 'integer',
    text: 'Missing nodes that are named in one finding.',
    default: 5,
    min: 1,
    max: 100,
    source: 'A screen line.',
  },
} as const;

const taxonomy = { mast: ['FM-2.4'], trail: ['Formatting Errors'], owasp: [], modes: ['F12'] } as const;

const messages = {
  missing_node: {
    text: "An expression of node '{{node}}' reads '{{target}}', which the workflow does not have.",
    tier: 1,
    severity: 'high',
    impact: 'The expression fails or gives nothing.',
    action: 'Point the expression at a node that runs before it.',
    taxonomy: taxonomy,
  },
  missing_field: {
    text: "Node '{{node}}' reads field '{{field}}', which '{{source}}' did not give.",
    tier: 1,
    severity: 'high',
    impact: 'The value is empty from here on.',
    action: 'Map the field where it is made, and check for it.',
    taxonomy: taxonomy,
  },
  never_given: {
    text: "Node '{{node}}' reads field '{{field}}', which a node like '{{source}}' never gives.",
    tier: 1,
    severity: 'medium',
    impact: 'The value is empty in every run.',
    action: 'Read the field under the name that the node gives, or set it in between.',
    taxonomy: taxonomy,
  },
  data_error: {
    text: "Node '{{node}}' failed on its data ({{why}}).",
    tier: 1,
    severity: 'high',
    impact: 'The branch ends here.',
    action: 'Check the item before the node, or set a default.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_OUTPUTS = 64;
const MAX_FIELDS = 40;
const MAX_TEXT = 65_536;
const MAX_DEPTH = 24;
const signs = [
  'cannot read propert',
  'undefined',
  'is not a function',
  'is not iterable',
  'unexpected token',
  'invalid json',
  'not valid json',
  'expected',
  'type mismatch',
  'schema',
  'missing required',
  'no such field',
  "can't be resolved",
  'invalid input',
  'validation',
];

export default defineDetector({
  meta: {
    id: 'n8n_schema',
    family: 'n8n',
    scope: 'trace',
    version: 2,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds data that does not fit where it goes in n8n workflows.',
    docs: {
      what: 'Expressions of the drawn nodes (what stands in their braces, and the code of Code nodes) against the nodes of the workflow, and against the fields that a manual trigger (none), an agent and a model chain give; in an execution, the fields that a node reads against those of the item it got; and errors that speak of the form of the data.',
      why: 'An expression that finds nothing is empty, not an error.',
      fix: 'Name fields in a Set node, and check them where they enter.',
      limits:
        'Expressions with computed names are passed over. Fields that only some items have look missing if the first lacks them.',
      sources: ['https://docs.n8n.io'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'n8n') return state;
    const workflow = workflowOf(step);
    if (workflow) {
      references(workflow, step, ctx);
      fields(workflow, state, ctx);
      drawnFields(workflow, step, ctx);
      return state;
    }
    const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
    const said = (step.error?.message ?? '').toLowerCase();
    if (said !== '' && signs.some((sign) => said.includes(sign)))
      ctx.report('data_error', { at: step, key: node, score: 0.8, data: { node, why: said.slice(0, 80) } });
    const given = [...new Set(firstItems(step.extra['node.outputs']).flatMap((json) => Object.keys(json)))];
    const output: Output = { traceId: step.traceId, spanId: step.spanId, node, fields: given.slice(0, MAX_FIELDS) };
    return { outputs: [...(state?.outputs ?? []), output].slice(-MAX_OUTPUTS) };
  },
});

/** The first item of each branch of an output `{main: [[{json}]]}`, or of a list of items. */
function firstItems(outputs: unknown): readonly Record<string, unknown>[] {
  const main = isRecord(outputs) && Array.isArray(outputs['main']) ? (outputs['main'] as readonly unknown[]) : undefined;
  const firsts =
    main === undefined ? [Array.isArray(outputs) ? outputs[0] : outputs] : main.map((items) => Array.isArray(items) && items[0]);
  return firsts.map((item) => (isRecord(item) && isRecord(item['json']) ? item['json'] : item)).filter(isRecord);
}

/** `$('Name')`, `$node["Name"]`, `$items("Name")`: names that no node has. */
function references({ nodes }: Workflow, step: Step, ctx: Ctx): void {
  const names = new Set(nodes.map(({ name }) => name));
  let left = ctx.options.max_missing;
  for (const { name, kind, parameters, disabled } of nodes) {
    if (disabled || left === 0) continue;
    const text = evaluated(kind, parameters);
    if (!text.includes('$')) continue;
    for (const match of text.matchAll(/\$(?:node|items)?\s*[([]\s*\\?["'`]([^"'`\\]{1,80})\\?["'`]\s*[)\]]/g)) {
      const target = match[1] as string;
      if (names.has(target) || target.includes('{')) continue;
      ctx.report('missing_node', { at: step, key: `${name}:${target}`, score: 0.85, data: { node: name.slice(0, 60), target } });
      if (--left === 0) return;
    }
  }
}

/**
 * What n8n evaluates of a node's parameters: the braces of its expressions, and the code of a Code node unless that binds `$` itself. Other
 * texts are sent as they stand: a script for a browser may well call its own `$`.
 */
function evaluated(kind: string, parameters: Node['parameters']): string {
  const code = kind === 'code' || kind === 'function' || kind === 'functionItem';
  const parts: string[] = [];
  let left = MAX_TEXT;
  const visit = (value: unknown, depth: number): void => {
    if (left <= 0 || depth > MAX_DEPTH || value === null) return;
    if (typeof value === 'object') {
      for (const one of Object.values(value)) visit(one, depth + 1);
      return;
    }
    if (typeof value !== 'string' || !value.includes('$')) return;
    const text = value.slice(0, left);
    left -= text.length;
    if (code && !/\b(?:const|let|var) +\$ *=/.test(text)) parts.push(text);
    else if (text.includes('{{')) for (const [, inner = ''] of text.matchAll(/\{\{([\s\S]{1,4096}?)\}\}/g)) parts.push(inner);
    else if (text.startsWith('=')) parts.push(text);
  };
  visit(parameters, 0);
  return parts.join('\n');
}

/** `$json.field` of a node with one node before it that ran. */
function fields({ nodes, edges }: Workflow, state: State | undefined, ctx: Ctx): void {
  for (const { name, parameters, disabled } of nodes) {
    const before = edges.filter(({ target, type }) => target === name && type === 'main');
    const [edge] = before;
    if (disabled || before.length !== 1 || edge === undefined) continue;
    const output = state?.outputs.findLast(({ node }) => node === edge.source);
    const own = state?.outputs.some(({ node }) => node === name);
    if (output === undefined || output.fields.length === 0 || !own) continue;
    const match = /\$json\.([A-Za-z_]\w{0,60})|\$json\[\\?["'](\w{1,60})\\?["']\]/.exec(
      JSON.stringify(parameters).slice(0, MAX_TEXT),
    );
    const field = match?.[1] ?? match?.[2];
    if (field === undefined || output.fields.includes(field) || output.fields.length >= MAX_FIELDS) continue;
    ctx.report('missing_field', {
      at: output,
      key: `${name}:${field}`,
      score: 0.7,
      data: { node: name.slice(0, 60), field, source: edge.source.slice(0, 60) },
    });
  }
}

/** `$json.field` of a node whose only source gives fields of fixed names: true of every run. What has a substitute is left alone. */
function drawnFields({ nodes, edges }: Workflow, step: Step, ctx: Ctx): void {
  const pinned = step.extra['workflow.pinned'];
  for (const { name, parameters, disabled } of nodes) {
    const [edge, more] = edges.filter(({ target, type }) => target === name && type === 'main');
    if (disabled || edge === undefined || more !== undefined || edge.branch > 0) continue;
    const source = nodes.find((one) => one.name === edge.source);
    if (source === undefined || source.disabled || (Array.isArray(pinned) && pinned.includes(source.name))) continue;
    const given = fixedFields(source, edges);
    if (given === undefined) continue;
    const text = JSON.stringify(parameters).slice(0, MAX_TEXT);
    if (!text.includes('$json')) continue;
    for (const [, field = ''] of text.matchAll(/\$json\.([A-Za-z_]\w{0,60})\b(?! ?\(| {0,2}\?| {0,2}\|\|)/g)) {
      if (given.includes(field)) continue;
      ctx.report('never_given', {
        at: step,
        key: `${name}:${field}`,
        score: 0.7,
        data: { node: name.slice(0, 60), field, source: source.name.slice(0, 60) },
      });
      break;
    }
  }
}

/** Names of all fields that a node can give, where its type fixes them. A parser of the output may add others. */
function fixedFields({ name, kind }: Node, edges: readonly Edge[]): readonly string[] | undefined {
  if (kind === 'manualTrigger') return [];
  if (kind === 'agent') return ['output', 'intermediateSteps', 'error'];
  if (kind !== 'chainLlm' || edges.some(({ target, type }) => target === name && type === 'ai_outputParser')) return undefined;
  return ['text', 'response', 'output', 'data', 'error'];
}
