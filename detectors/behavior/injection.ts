/**
 * injection: text that reaches the model and gives it orders it should not take. What tools and documents
 * return is data and is scored sentence by sentence; what a user says is scored as a whole and trusted
 * more. The state remembers suspicious sentences for a few steps: a call that does what one of them says
 * is the proof. No text is kept, only hashes.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { decodeCandidates } from '../../src/text/decode.ts';
import { contentHash, hashText } from '../../src/text/hash.ts';
import { type History, newMessages } from '../../src/text/history.ts';
import { higher, type Scored, scoreData, scoreDirect, TEXT_LIMIT } from '../../src/text/injection-score.ts';
import { leafText, parseObject } from '../../src/text/json.ts';
import { normalise } from '../../src/text/normalise.ts';
import { wordShingles } from '../../src/text/shingles.ts';
import { append, learnOwn, learnText, withoutOwn, withoutSaid } from './injection-own.ts';

import { nameWords, targetsOf, traces } from './injection-traces.ts';

/** A suspicious sentence that a later call may obey. */
interface Taint {
  readonly key: string;
  readonly at: SpanRef;
  readonly source: string;
  /** Hashes of its word pairs and of its single words, and of tokens that name a target (address, URL, long number). */
  readonly pairs: readonly number[];
  readonly words: readonly number[];
  readonly targets: readonly string[];
  left: number;
}

interface State {
  /** Hashes of texts already looked at: a model call carries its history again. */
  seen: number[];
  /** What model calls have sent so far: only what follows it is read. */
  histories: History[];
  /** Tool names called so far. */
  tools: string[];
  /** Word pairs of what users asked for: doing that is no obedience to anybody else. */
  asked: number[];
  taints: Taint[];
  /** Hashes of lines that agents of this session wrote, and of those judged before. */
  own: number[];
}

const options = {
  suspect_at: {
    type: 'number',
    text: 'Raw score from which a text is suspicious and later calls are compared with it.',
    default: 0.7,
    min: 0.05,
    max: 1,
    source: 'About .60 after calibration for user messages, .45 for data. Lower scores are everyday text.',
  },
  follow_within: {
    type: 'integer',
    text: 'Tool calls after a suspicious text that are compared with it.',
    default: 12,
    min: 1,
    max: 100,
    source: 'Judgement: an obeyed order is carried out within a few calls, while its text stands near the end of the context.',
  },
  sinks: {
    type: 'strings',
    text: 'Parts of the names of tools whose first use after a suspicious text is suspicious in itself.',
    default: ['send', 'mail', 'post', 'upload', 'transfer', 'delete', 'exec', 'shell', 'pay', 'publish', 'webhook', 'share'],
    source: 'Actions that leave the sandbox or cannot be undone.',
  },
} as const;

// Of TRAIL's categories none is meant by a text that gives orders; a model that obeys them leaves its own instructions.
const taxonomy = { owasp: ['LLM01', 'ASI01'], modes: ['F15'] } as const;

const messages = {
  instruction_in_data: {
    text: "Text returned by '{{source}}' gives the model instructions ({{signs}}).",
    tier: 3,
    severity: 'high',
    impact: 'The model may do what the author of the text wants: leak data, call tools, change its answer.',
    action:
      'Mark tool output as data for the model, drop tool scopes after such a text, and ask a person before calls that cannot be undone.',
    taxonomy: { ...taxonomy, trail: [] },
  },
  user_override: {
    text: 'A user message tries to set the instructions aside ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'The model may leave its role, reveal its instructions or drop its limits.',
    action: 'Check what the model answered; keep secrets out of the instructions and enforce limits outside the model.',
    taxonomy: { ...taxonomy, trail: [] },
  },
  followed: {
    text: "Tool '{{tool}}' was called as a text from '{{source}}' said ({{proof}}).",
    tier: 3,
    severity: 'critical',
    impact: 'Somebody else than the user directs the agent.',
    action:
      'Treat the call as compromised: revoke what it sent or changed, and require confirmation for this tool after untrusted text.',
    taxonomy: { ...taxonomy, trail: ['Instruction Non-compliance'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_SEEN = 256;
/** A rest this short is the frame around a quotation ("New task:"). */
const MIN_REST = 40;
const MAX_TOOLS = 64;
const MAX_ASKED = 512;
const MAX_TAINTS = 8;
/** Two shared pairs of words are three words in a row, or two phrases: no accident in short arguments. */
const SHARED_PAIRS = 2;

/** Tools that only end or note: quoting a text in an answer is not doing what it says. */
const endings: ReadonlySet<string> = new Set(['final_answer', 'think', 'finish', 'respond', 'answer', 'terminate']);

export default defineDetector({
  meta: {
    id: 'injection',
    family: 'behavior',
    scope: 'session',
    version: 2,
    stateVersion: 4,
    needs: ['messages.input'],
    summary: 'Finds text that gives the model orders it should not take, and calls that obey it.',
    docs: {
      what: 'Tool results and retrieved documents, sentence by sentence, and user messages as a whole, after Unicode normalisation and one level of decoding, scored by wording rules, and user messages also by boosted trees over them and by single words; lines that agents of the session wrote themselves, and clauses that the instructions of the same call have too, are left out; an object as the input of an agent counts as data; and a later tool call whose arguments or name come from a suspicious sentence, or the first use of a sensitive tool after it.',
      why: 'A model does not tell data from orders. The text alone is a suspicion; the call that follows is the harm.',
      fix: 'Mark untrusted text as data, drop tool scopes after it, confirm sensitive calls, and keep secrets out of reach of the model.',
      limits:
        'A plain request inside data ("How do you say this in Russian?") looks like data. Benign role-play by users is mistaken for a jailbreak most often. Attacks of a kind the rules have no words for are missed: on sources left out of the fit recall falls by a third and false alarms rise to about one in nine. An attack that an agent repeats word for word passes as its own text. Only the first 6,000 characters of a user message and 24,000 of a result are read.',
      sources: ['https://arxiv.org/abs/2302.12173', 'https://arxiv.org/abs/2410.22770', 'https://arxiv.org/abs/2312.14197'],
    },
    options,
    messages,
  },

  init: (): State => ({ seen: [], histories: [], tools: [], asked: [], taints: [], own: [] }),

  onStep(state, step, ctx) {
    if (state === undefined) return state;
    if (step.kind === 'tool' && step.tool !== undefined) {
      state.own = learnOwn(state.own, step);
      if (!step.rollup) compare(state, step, ctx);
      if (step.tool.result !== undefined) fromData(state, step, step.tool.name, step.tool.result, ctx);
    }
    for (const document of step.documents)
      if (document.content !== undefined) fromData(state, step, step.name, document.content, ctx);
    if (step.kind !== 'llm' && step.kind !== 'agent') return state;
    for (const message of newMessages(state.histories, step.input)) {
      for (const result of message.toolResults) fromData(state, step, result.name ?? 'tool', result.text, ctx);
      // An object is what a function got, and may hold what anybody wrote; a user speaks in sentences.
      if (message.role === 'user' && step.kind === 'agent' && isObjectText(message.text))
        fromData(state, step, step.name, message.text, ctx);
      else if (message.role === 'user') fromUser(state, step, message.text, ctx);
      if (message.role === 'tool' && message.toolResults.length === 0)
        fromData(state, step, message.name ?? 'tool', message.text, ctx);
    }
    state.own = learnOwn(state.own, step);
    return state;
  },
});

function fromData(state: State, step: Step, source: string, text: string, ctx: Ctx): void {
  if (!isNew(state, text)) return;
  const floor = ctx.options.suspect_at;
  let best = scoreData(text, floor);
  // Most texts are harmless: only what looks like an attack is read again without the agents' own lines.
  if (best.score >= floor) best = unlessOwn(state, text, best, (rest) => scoreData(rest, floor));
  if (best.score < floor) return;
  const key = hashText(text);
  remember(state, { key, at: ref(step), source, left: ctx.options.follow_within, ...traces(best.unit, state.asked) });
  ctx.report('instruction_in_data', { at: ref(step), key, score: best.score, data: { source, signs: signs(best) } });
}

function fromUser(state: State, step: Step, text: string, ctx: Ctx): void {
  if (!isNew(state, text)) return;
  const clean = normalise(text, TEXT_LIMIT);
  append(state.asked, wordShingles(clean.text, 2), MAX_ASKED);
  let best = ofUser(clean.text);
  if (best.score >= ctx.options.suspect_at)
    best = unlessOwn(state, clean.text, best, ofUser, withoutSaid(clean.text, step.system));
  state.own = learnText(state.own, clean.text);
  if (best.score < ctx.options.suspect_at) return;
  ctx.report('user_override', { at: ref(step), key: hashText(text), score: best.score, data: { signs: signs(best) } });
}

function ofUser(text: string): Scored {
  let best = scoreDirect(text);
  for (const decoded of decodeCandidates(text)) best = higher(best, scoreDirect(decoded.text), decoded.kind);
  return best;
}

function isObjectText(text: string): boolean {
  return text.charCodeAt(0) === 0x7b && parseObject(text) !== undefined;
}

/** The score of what is left of a text without lines that agents wrote or that were judged before. */
function unlessOwn({ own }: State, text: string, whole: Scored, score: (text: string) => Scored, left = text): Scored {
  const rest = withoutOwn(own, left);
  if (rest === text) return whole;
  return rest.trim().length < MIN_REST ? { score: 0, rules: [], unit: '' } : score(rest);
}

/** True for a text not seen before in this session; it is seen then. */
function isNew(state: State, text: string): boolean {
  if (text.length < 8) return false;
  const hash = contentHash(text);
  if (state.seen.includes(hash)) return false;
  state.seen.push(hash);
  if (state.seen.length > MAX_SEEN) state.seen.shift();
  return true;
}

/** Compares a call with the suspicious texts before it. */
function compare(state: State, step: Step, ctx: Ctx): void {
  const name = step.tool?.name ?? '';
  const fresh = !state.tools.includes(name);
  if (state.taints.length > 0 && !endings.has(name)) {
    const args = leafText(step.tool?.arguments ?? '');
    const pairs = new Set(wordShingles(args, 2));
    const targets = new Set(targetsOf(args));
    const lower = name.toLowerCase();
    const sink = fresh && ctx.options.sinks.some((part) => lower.includes(part));
    for (const taint of state.taints) {
      const shared = taint.pairs.filter((pair) => pairs.has(pair)).length;
      const target = taint.targets.some((one) => targets.has(one));
      const named = nameWords(name).every((word) => taint.words.includes(word));
      const score = target ? 0.95 : shared >= SHARED_PAIRS ? 0.85 : sink && named ? 0.75 : sink ? 0.5 : 0;
      taint.left--;
      if (score === 0) continue;
      const proof = target
        ? 'same target'
        : shared >= SHARED_PAIRS
          ? 'same words'
          : named
            ? 'tool named in the text'
            : 'first use';
      ctx.report('followed', {
        at: ref(step),
        key: `${taint.key}:${name}`,
        evidence: [taint.at, ref(step)],
        score,
        data: { tool: name, source: taint.source, proof },
      });
    }
    state.taints = state.taints.filter((taint) => taint.left > 0);
  }
  if (fresh && state.tools.length < MAX_TOOLS) state.tools.push(name);
}

function remember(state: State, taint: Taint): void {
  state.taints.push(taint);
  if (state.taints.length > MAX_TAINTS) state.taints.shift();
}

function signs(best: Scored): string {
  return best.rules.length === 0 ? 'unlike its surroundings' : best.rules.slice(0, 3).join(', ');
}

function ref({ traceId, spanId }: SpanRef): SpanRef {
  return { traceId, spanId };
}
