/**
 * dify_variable_leak: secrets and personal data in variables that go on to other nodes or into an answer: keys by their form, card and identity
 * numbers by their checksums, contact data that stands together; and values of an iteration that show up outside it.
 */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { leaksIn } from './dify_variable_leak-forms.ts';

interface Inside {
  readonly parent: string;
  readonly text: string;
}

interface State {
  inside: Inside[];
}

const options = {
  report_at: {
    type: 'number',
    text: 'Score from which a leak is reported.',
    default: 0.6,
    min: 0,
    max: 1,
    source: 'LIKELY; below it is a single contact, which most runs have.',
  },
} as const;

const taxonomy = { mast: [], trail: [], owasp: ['LLM02', 'ASI03'], modes: ['F14'] } as const;

const messages = {
  secret: {
    text: "Node '{{node}}' hands on {{what}}.",
    tier: 1,
    severity: 'critical',
    impact: 'Whoever reads the run, its logs or its answer has the key.',
    action: 'Rotate it, keep secrets in the environment of the tool, and mask outputs of code and request nodes.',
    taxonomy: taxonomy,
  },
  personal: {
    text: "Node '{{node}}' hands on personal data ({{what}}).",
    tier: 1,
    severity: 'high',
    impact: 'Data of a person goes to models, logs and answers.',
    action: 'Pass on ids instead, and mask what must be shown.',
    taxonomy: taxonomy,
  },
  escaped: {
    text: "A value made inside '{{parent}}' is used by node '{{node}}' outside it.",
    tier: 2,
    severity: 'medium',
    impact: 'The value of one round is taken for the result of all.',
    action: "Read the iteration's output, not a variable of its nodes.",
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_INSIDE = 24;
const MAX_TEXT = 8_192;

export default defineDetector({
  meta: {
    id: 'dify_variable_leak',
    family: 'dify',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['session.id'],
    summary: 'Finds secrets and personal data in the variables of Dify nodes.',
    docs: {
      what: 'Inputs and outputs of every node: keys and tokens by their prefixes and entropy, passwords beside their names, card numbers that pass the Luhn check, identity numbers, contacts that stand together; and long values of an iteration in nodes outside it.',
      why: "Variables are logged, shown in the run's trace, and put into prompts.",
      fix: 'Secrets in the environment, masks on outputs, ids instead of data.',
      limits:
        'Test keys look like keys. One contact alone is not reported, though it may be one too many. Masked values are passed over.',
      sources: ['https://docs.dify.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'dify' || step.kind === 'workflow' || step.kind === 'agent') return state;
    const outputs = text(step.extra['node.outputs']);
    const inputs = text(step.extra['node.inputs']);
    const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
    const found = leaksIn(`${outputs}\n${inputs}`.slice(0, MAX_TEXT));
    for (const kind of ['secret', 'personal'] as const) {
      const leaks = found.filter((one) => one.kind === kind);
      const [worst] = leaks;
      if (worst === undefined) continue;
      const score = Math.min(0.97, worst.score + 0.08 * (leaks.length - 1));
      if (score >= ctx.options.report_at)
        ctx.report(kind, {
          at: step,
          key: `${kind}:${step.spanId}`,
          score,
          data: {
            node,
            what: leaks
              .map((one) => one.what)
              .slice(0, 3)
              .join(', '),
          },
        });
    }
    return scope(state, step, node, outputs, inputs, ctx);
  },
});

/** Values of a round that another node reads which is not in the iteration. */
function scope(state: State | undefined, step: Step, node: string, outputs: string, inputs: string, ctx: Ctx): State | undefined {
  const parent = step.extra['node.parent'];
  if (typeof parent === 'string' && parent !== '') {
    const values = strings(step.extra['node.outputs']).filter((value) => value.length > 24);
    return values.length === 0
      ? state
      : {
          inside: [...(state?.inside ?? []), ...values.slice(0, 4).map((value) => ({ parent, text: value.slice(0, 120) }))].slice(
            -MAX_INSIDE,
          ),
        };
  }
  if (state === undefined || step.extra['node.type'] === 'iteration' || step.extra['node.type'] === 'loop') return state;
  const one = state.inside.find(({ text: value }) => inputs.includes(value) && !outputs.startsWith(value));
  if (one && inputs !== '' && !inputs.includes('['))
    ctx.report('escaped', { at: step, key: `${one.parent}:${step.spanId}`, score: 0.65, data: { parent: one.parent, node } });
  return state;
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MAX_TEXT);
}

function strings(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [value];
  if (depth > 3 || typeof value !== 'object' || value === null) return [];
  return Object.values(value)
    .slice(0, 16)
    .flatMap((one) => strings(one, depth + 1));
}
