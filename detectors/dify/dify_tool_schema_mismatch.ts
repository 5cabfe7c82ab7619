/**
 * dify_tool_schema_mismatch: a tool or request whose arguments do not fit its schema: by the definitions that the model call carries, by the schema
 * that the node states, by what the tool answered, or because a required value is empty.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { checkSchema, fitsNothing } from '../../src/schema/check.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step, ToolDefinition } from '../../src/step/step.ts';
import { parseObject } from '../../src/text/json.ts';

/** Nothing is remembered; the type keeps the place for it. */
type State = undefined;

const options = {
  report_at: {
    type: 'number',
    text: 'Score from which a mismatch is reported.',
    default: 0.6,
    min: 0,
    max: 1,
    source: 'LIKELY; below it are empty optional values.',
  },
} as const;

const taxonomy = { mast: ['FM-2.6'], trail: ['Formatting Errors'], owasp: ['ASI02'], modes: ['F12'] } as const;

const messages = {
  violation: {
    text: "Tool '{{tool}}' got arguments that do not fit its schema: {{path}} should be {{expected}}, is {{seen}}.",
    tier: 1,
    severity: 'high',
    impact: 'The tool refuses the call, or works on a default that nobody chose.',
    action: 'Convert the values before the tool (numbers, lists), and map every required field.',
    taxonomy: taxonomy,
  },
  refused: {
    text: "Node '{{tool}}' was refused for its arguments ({{why}}).",
    tier: 1,
    severity: 'high',
    impact: 'The branch ends without a result.',
    action: 'Convert the values before the tool (numbers, lists), and map every required field.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const frameworks = ['n8n', 'langgraph', 'openclaw'];
const wrong = [
  'schema',
  'validation',
  'invalid',
  'expected',
  'required',
  'missing',
  'must be',
  'type error',
  'typeerror',
  'unexpected field',
  'unknown field',
  'not a valid',
  'cannot parse',
  'mismatch',
  'unprocessable',
  '422',
  'wrong type',
  'malformed',
];
const about = [
  'field',
  'parameter',
  'param',
  'argument',
  'property',
  'body',
  'type',
  'schema',
  'array',
  'integer',
  'string',
  'number',
  'object',
  'boolean',
  'format',
  'key',
  'value',
  'input',
  '422',
];

export default defineDetector({
  meta: {
    id: 'dify_tool_schema_mismatch',
    family: 'dify',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds tool calls whose arguments do not fit the schema of the tool.',
    docs: {
      what: "Tool calls in a model's output against the definitions of the same call, where the run names no other framework; tool and request nodes of Dify: their arguments against a schema that the node states, and refusals that speak of a field or a type.",
      why: 'Values pass between nodes as text; a tool wants numbers and lists.',
      fix: 'A code node that converts, and a schema on both sides.',
      limits: 'Refusals are told by English wordings. `tool_misuse` says the same of model calls of any framework.',
      sources: ['https://docs.dify.ai', 'https://json-schema.org/draft/2020-12/json-schema-validation'],
    },
    options,
    messages,
  },

  init: (): State => undefined,

  onStep(state, step, ctx) {
    const format = step.extra['run.format'];
    if (step.rollup || (typeof format === 'string' && frameworks.includes(format))) return state;
    if (step.kind === 'llm' && step.has('tool.definitions') && step.has('messages.output')) model(step, ctx);
    else if (format === 'dify' && (step.kind === 'tool' || step.extra['node.type'] === 'http_request')) node(step, ctx);
    return state;
  },
});

function model(step: Step, ctx: Ctx): void {
  const definitions = step.toolDefinitions;
  for (const message of step.output)
    for (const call of message.toolCalls) {
      const definition = definitions.find(({ name }) => name === call.name);
      const value = parseObject(call.arguments ?? '{}');
      if (definition && value !== undefined) judge(step, definition, value, ctx);
    }
}

function judge(at: SpanRef, { name, parameters }: ToolDefinition, value: unknown, ctx: Ctx): void {
  if (fitsNothing(parameters)) return;
  const [first] = checkSchema(parameters, value, { closed: true }).violations;
  if (first === undefined) return;
  const { path, expected, seen } = first;
  ctx.report('violation', {
    at,
    key: `${at.spanId}:${name}`,
    score: 0.9,
    data: { tool: name, path: path === '' ? 'the arguments' : `'${path}'`, expected, seen },
  });
}

function node(step: Step, ctx: Ctx): void {
  const tool = (step.tool?.name ?? step.name).slice(0, 60);
  const said = (step.error?.message ?? '').toLowerCase();
  if (said !== '' && wrong.some((word) => said.includes(word)) && about.some((word) => said.includes(word)))
    ctx.report('refused', {
      at: step,
      key: step.spanId,
      score: 0.9,
      data: { tool, why: (step.error?.message ?? '').slice(0, 100) },
    });
  const inputs = step.extra['node.inputs'];
  if (!isRecord(inputs)) return;
  const schema = inputs['schema'] ?? inputs['parameters_schema'] ?? inputs['json_schema'];
  const [definition] = step.toolDefinitions;
  if (isRecord(schema))
    judge(
      step,
      { name: tool, description: undefined, parameters: schema },
      inputs['parameters'] ?? inputs['arguments'] ?? inputs['body'] ?? inputs['tool_input'] ?? {},
      ctx,
    );
  else if (definition?.parameters !== undefined)
    judge(step, { ...definition, name: tool }, inputs['tool_parameters'] ?? inputs['parameters'] ?? inputs, ctx);
  const empty = Object.entries(inputs).find(([key, value]) => value === null && !key.startsWith('optional'));
  const undone = empty !== undefined && step.outcome !== 'ok' ? 0.7 : 0;
  if (empty !== undefined && undone >= ctx.options.report_at)
    ctx.report('violation', {
      at: step,
      key: `${step.spanId}:${empty[0]}`,
      score: undone,
      data: { tool, path: `'${empty[0]}'`, expected: 'a value', seen: 'null' },
    });
}
