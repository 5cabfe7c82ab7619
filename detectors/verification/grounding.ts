/**
 * grounding: an answer given from retrieved documents that says what they do not. Documents are kept as hashes (`grounding-features.ts`); a model's
 * answer is scored by how much of it stands there (conversation) or by the facts it adds (plain questions), with weights fitted on labelled answers. Only answers of model calls that were shown the documents are judged.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { newInput } from '../../src/text/turn.ts';
import fit from './grounding.fit.json' with { type: 'json' };
import { addValues, asksForFacts, type Claim, claimFeatures, claimNames, lastAsked } from './grounding-claims.ts';
import {
  addSource,
  emptySource,
  type Feature,
  featureNames,
  groundingFeatures,
  hardFacts,
  isLong,
  type Source,
} from './grounding-features.ts';

interface State {
  source: Source;
  /** Hashes of documents already read. */
  read: string[];
  /** The last retrieval, and words of its documents by which a prompt that holds them is known. */
  at: SpanRef;
  probes: number[];
}

const options = {
  min_words: {
    type: 'integer',
    text: 'Answers with fewer words are not judged.',
    default: 2,
    min: 1,
    max: 100,
    source: 'One word is a name or a yes; its support cannot be told from words.',
  },
  ungrounded_at: {
    type: 'number',
    text: 'Raw score from which an answer is reported.',
    default: 0.35,
    min: 0,
    max: 1,
    source: 'POSSIBLE after calibration.',
  },
  claims_at: {
    type: 'number',
    text: 'Raw score from which an answer to a plain question is reported.',
    default: 0.5,
    min: 0,
    max: 1,
    source: 'Cross-validated on golden: FPR .29 at .5, .40 at .45.',
  },
} as const;

const taxonomy = { mast: ['FM-3.2'], trail: ['Language-only'], owasp: ['LLM09'], modes: ['F15'] } as const;

const messages = {
  unsupported_reply: {
    text: 'The reply says what the retrieved documents do not ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'The user takes for sourced what the model made up.',
    action: 'Answer from the documents only, cite them, and say so where they hold no answer; or retrieve again.',
    taxonomy,
  },
  unsupported_claims: {
    text: 'The answer states what the retrieved documents do not ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'Figures, names or judgements that no document holds are taken for sourced.',
    action:
      'Check what is named here against the documents; have the model quote the passage for every figure, and leave out praise.',
    taxonomy,
  },
  unsupported_text: {
    text: 'Parts of the text are not supported by the retrieved documents ({{signs}}).',
    tier: 3,
    severity: 'low',
    impact: 'Details that no document holds stand among those that they do.',
    action: 'Have each sentence cite the document that it rests on, and check names and numbers against it.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_READ = 64;
const PROBES = 12;
/** Share of the probes that a prompt must hold: a prompt quotes documents whole or cut. */
const SHOWN = 0.5;

interface Head {
  readonly bias: number;
  readonly weights: Float64Array;
}

function head(name: 'reply' | 'text' | 'claims', order: readonly (Feature | Claim)[] = featureNames): Head {
  const { bias, weights } = fit.heads[name] as { bias: number; weights: Partial<Record<Feature | Claim, number>> };
  return { bias, weights: Float64Array.from(order, (feature) => weights[feature] ?? 0) };
}

const heads = { reply: head('reply'), text: head('text'), claims: head('claims', claimNames) };

export default defineDetector({
  meta: {
    id: 'grounding',
    family: 'verification',
    scope: 'trace',
    version: 2,
    stateVersion: 2,
    needs: ['documents', 'messages.output'],
    summary: 'Finds answers that say what the documents they were given do not.',
    docs: {
      what: 'For every model call whose prompt holds retrieved documents: the shares of the words, pairs and runs of words of its answer that stand in them, and of its names and numbers; weighted as fitted on labelled dialogues, with a head of its own for texts over 48 words. Answers to plain questions of fact are judged by what they add: values, names, absolute and praising words that no document holds, less hedges and refusals.',
      why: 'Retrieval is there so that answers can be trusted; an answer beyond the documents is a guess with a source beside it.',
      fix: 'Instruct the model to answer from the documents, to cite, and to decline; retrieve better; check names and numbers.',
      limits:
        'Words are compared, not meanings: a faithful paraphrase looks unsupported in conversation, and a false sentence of the documents’ own words passes. In answers to plain questions a detail added without figure, name or praise passes. On long summaries it is little better than chance plus ten points. Small talk after a retrieval is judged too.',
      sources: ['https://arxiv.org/abs/2105.00071', 'https://arxiv.org/abs/2410.13210'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup) return state;
    const next = step.has('documents') ? read(state, step) : state;
    if (next === undefined || step.kind !== 'llm' || !step.has('messages.output')) return next;
    judge(next, step, ctx);
    return next;
  },
});

function read(former: State | undefined, step: Step): State | undefined {
  let state = former;
  for (const { content } of step.documents) {
    if (content === undefined || content.length < 8) continue;
    const hash = hashText(content);
    if (state?.read.includes(hash)) continue;
    state ??= { source: emptySource(), read: [], at: { traceId: step.traceId, spanId: step.spanId }, probes: [] };
    const facts = textFacts(content);
    addSource(state.source, facts);
    addValues(state.source, facts);
    state.read = [...state.read, hash].slice(-MAX_READ);
    state.at = { traceId: step.traceId, spanId: step.spanId };
    state.probes = [...state.probes, ...[...facts.stems].slice(0, 4)].slice(-PROBES);
  }
  return state;
}

function judge(state: State, step: Step, ctx: Ctx): void {
  const text = outputText(step);
  if (text === '' || text.charCodeAt(0) === 0x7b || text.charCodeAt(0) === 0x5b) return;
  const answer = textFacts(text);
  if (answer.tokens.count < ctx.options.min_words || !wasShown(state, step)) return;
  const x = groundingFeatures(answer, state.source);
  if (x === undefined) return;
  const asked = lastAsked(step);
  const claims = asksForFacts(asked === undefined ? undefined : textFacts(asked))
    ? claimFeatures(answer, state.source, x)
    : undefined;
  const long = isLong(answer);
  const score = claims ? scoreOf(heads.claims, claims) : scoreOf(long ? heads.text : heads.reply, x);
  if (score < (claims ? ctx.options.claims_at : ctx.options.ungrounded_at)) return;
  const { missing } = hardFacts(answer, state.source);
  ctx.report(claims ? 'unsupported_claims' : long ? 'unsupported_text' : 'unsupported_reply', {
    at: step,
    key: step.spanId,
    evidence: [state.at, step],
    score,
    data: {
      signs: claims ? claimSigns(claims) : signs(x, missing.length),
      novel: Math.round((x[0] as number) * 100) / 100,
      missing: missing.length,
    },
  });
}

function scoreOf({ bias, weights }: Head, x: Float64Array): number {
  let sum = bias;
  for (let i = 0; i < x.length; i++) sum += (weights[i] as number) * (x[i] as number);
  return 1 / (1 + Math.exp(-sum));
}

const said: Readonly<Partial<Record<Claim, string>>> = {
  values: 'a figure that none of them holds',
  names: 'names that none of them holds',
  praise: 'praise of its own',
  absolute: 'absolute words of its own',
};

/** What decided, the heaviest first. */
function claimSigns(x: Float64Array): string {
  const parts = claimNames
    .map((name, i) => ({ text: said[name], weight: (heads.claims.weights[i] as number) * (x[i] as number) }))
    .filter(({ text, weight }) => text !== undefined && weight > 0.05)
    .sort((a, b) => b.weight - a.weight)
    .map(({ text }) => text);
  return parts.length > 0
    ? parts.slice(0, 3).join(', ')
    : `${Math.round((x[0] as number) * 100)} % of its words are in none of them`;
}

/** True if the prompt holds the documents, or the prompt was not captured. */
function wasShown({ probes }: State, step: Step): boolean {
  const stems = new Set<number>();
  let seen = false;
  for (const text of [step.system ?? '', ...newInput(step).map((message) => message.text)]) {
    if (text === '') continue;
    seen = true;
    for (const stem of textFacts(text).stems) stems.add(stem);
  }
  for (const message of step.input.slice(0, 1)) {
    if (message.role === 'system') for (const stem of textFacts(message.text).stems) stems.add(stem);
  }
  return !seen || probes.filter((probe) => stems.has(probe)).length >= SHOWN * probes.length;
}

/** What decided, in words. */
function signs(x: Float64Array, missing: number): string {
  const parts = [`${Math.round((x[0] as number) * 100)} % of its words are in none of them`];
  if (missing > 0) parts.push(`${missing} ${missing === 1 ? 'name or number is' : 'names or numbers are'} missing`);
  return parts.join(', ');
}
