/**
 * dify_rag_poisoning: documents that speak to the model instead of about the subject, or that contradict the others of the same retrieval;
 * worse if a later output takes their words. A document is what a retrieval gives, and in runs that name no framework what a tool of
 * `readers` returns. Kept are the stems of suspicious sentences.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { hashText } from '../../src/text/hash.ts';
import { scoreData } from '../../src/text/injection-score.ts';
import { normalise } from '../../src/text/normalise.ts';
import { splitUnits } from '../../src/text/sentences.ts';
import { oddOneOut, orderIn } from './dify_rag_poisoning-signs.ts';

interface Taint extends SpanRef {
  readonly key: string;
  /** Stems of the suspicious sentence. */
  readonly words: readonly number[];
}

interface State {
  taints: Taint[];
}

const options = {
  report_at: {
    type: 'number',
    text: 'Score from which a document is reported.',
    default: 0.6,
    min: 0,
    max: 1,
    source: 'LIKELY; below it are imperative sentences of manuals.',
  },
  suspect_at: {
    type: 'number',
    text: 'Score of the wording of injections from which what a tool read is reported.',
    default: 0.7,
    min: 0.05,
    max: 1,
    source: 'That of `injection`, whose fitted wording it is; lower scores are everyday text.',
  },
  readers: {
    type: 'strings',
    text: 'Parts of the names of tools that read documents, such as search or fetch; none leaves tools to `injection`.',
    default: [],
    source: '`injection` reads what tools return; two alarms for one text help nobody.',
  },
} as const;

const taxonomy = { mast: [], trail: [], owasp: ['LLM01', 'LLM08', 'ASI06'], modes: ['F6'] } as const;

const messages = {
  instruction: {
    text: 'A retrieved document gives the model orders ({{sign}}).',
    tier: 3,
    severity: 'high',
    impact: 'The answer may be what the author of the document wants.',
    action: 'Take the document out of the knowledge base, find out who wrote it, and mark documents as data in the prompt.',
    taxonomy: taxonomy,
  },
  instruction_read: {
    text: "What tool '{{tool}}' read gives the model orders ({{signs}}).",
    tier: 3,
    severity: 'high',
    impact: 'The answer may be what the author of the text wants.',
    action: 'Mark what tools read as data in the prompt, find out who wrote it, and take it out of the source.',
    taxonomy: taxonomy,
  },
  echoed: {
    text: 'An output takes up the words of a suspicious document.',
    tier: 3,
    severity: 'critical',
    impact: 'The planted text reached the user or the next node.',
    action: 'Withdraw the answer, take the document out, and check other answers from it.',
    taxonomy: taxonomy,
  },
  odd_one_out: {
    text: 'A retrieved document contradicts the others of the same retrieval ({{what}}).',
    tier: 3,
    severity: 'medium',
    impact: 'One planted or outdated document decides the answer.',
    action: 'Compare the sources, and prefer what several say.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_TAINTS = 8;
const MAX_CHARS = 6_000;
/** Shorter results are codes. */
const MIN_READ = 8;
/** Invisible characters in a document; one or two come with copied text. */
const MIN_HIDDEN = 3;
/** Stems of a suspicious sentence that an output must hold to have taken it up. */
const ECHO = 0.6;

export default defineDetector({
  meta: {
    id: 'dify_rag_poisoning',
    family: 'dify',
    scope: 'trace',
    version: 2,
    stateVersion: 1,
    needs: ['documents'],
    summary: 'Finds retrieved documents that give the model orders or contradict the rest.',
    docs: {
      what: 'Each document of a retrieval sentence by sentence: orders to the model, to hide something, to send or recommend something; a number or name in which one document differs from two or more others in a sentence that says the same; with `readers`, in runs that name no framework, what these tools return, by the wording rules of `injection`; and later outputs that hold the words of such a sentence.',
      why: 'Whoever can write to a knowledge base can speak to the model.',
      fix: 'Review what enters the knowledge base, mark documents as data, and compare sources.',
      limits:
        'Manuals give orders to their readers. Planted facts, also those put into the mouth of an expert, are not seen without other documents that say the same of another number or name.',
      sources: ['https://arxiv.org/abs/2402.07867', 'https://docs.dify.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    const format = step.extra['run.format'];
    if (typeof format === 'string' && format !== 'dify') return state;
    if (step.kind === 'retriever' && step.has('documents')) return read(state, step, ctx);
    if (step.kind === 'tool' && format === undefined && !step.rollup) return readByTool(state, step, ctx);
    if (state !== undefined && state.taints.length > 0) echo(state, step, ctx);
    return state;
  },
});

function read(former: State | undefined, step: Step, ctx: Ctx): State | undefined {
  let state = former;
  const texts = step.documents.flatMap(({ content }) => {
    if (content === undefined) return [];
    const { text, hidden } = normalise(content, MAX_CHARS);
    if (hidden >= MIN_HIDDEN)
      ctx.report('instruction', { at: step, key: hashText(content), score: 0.85, data: { sign: 'hidden characters' } });
    return [text];
  });
  for (const text of texts) {
    for (const { text: unit } of splitUnits(text)) {
      const order = orderIn(unit);
      if (order === undefined || order.score < ctx.options.report_at) continue;
      const key = hashText(unit);
      state = tainted(state, step, key, unit);
      ctx.report('instruction', { at: step, key, score: order.score, data: { sign: order.sign } });
    }
  }
  const odd = oddOneOut(texts);
  if (odd !== undefined && odd.score >= ctx.options.report_at)
    ctx.report('odd_one_out', { at: step, key: hashText(odd.what), score: odd.score, data: { what: odd.what } });
  return state;
}

function readByTool(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const name = step.tool?.name ?? '';
  const lower = name.toLowerCase();
  if (!ctx.options.readers.some((part) => lower.includes(part))) return state;
  const text = step.tool?.result;
  if (text === undefined || text.length < MIN_READ) return state;
  const { score, rules, unit } = scoreData(text);
  if (score < ctx.options.suspect_at) return state;
  const key = hashText(text);
  ctx.report('instruction_read', {
    at: step,
    key,
    score,
    data: { tool: name.slice(0, 60), signs: rules.length === 0 ? 'unlike its surroundings' : rules.slice(0, 3).join(', ') },
  });
  return tainted(state, step, key, unit);
}

function tainted(state: State | undefined, step: Step, key: string, unit: string): State {
  const taint = { key, traceId: step.traceId, spanId: step.spanId, words: [...textFacts(unit).stems].slice(0, 24) };
  return { taints: [...(state?.taints ?? []), taint].slice(-MAX_TAINTS) };
}

function echo(state: State, step: Step, ctx: Ctx): void {
  if (step.kind !== 'llm') return;
  const text = step.output
    .map((message) => message.text)
    .join('\n')
    .slice(0, MAX_CHARS);
  if (text === '') return;
  const { stems } = textFacts(text);
  for (const { key, words, ...at } of state.taints) {
    const taken = words.filter((word) => stems.has(word)).length;
    if (words.length >= 4 && taken / words.length >= ECHO)
      ctx.report('echoed', { at: step, key, evidence: [at, step], score: 0.9, data: {} });
  }
}
