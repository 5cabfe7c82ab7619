/** dify_rag_poisoning, the signs: sentences that order the model about, and the document that contradicts the others. */
import { type TextFacts, textFacts } from '../../src/text/facts.ts';
import { splitUnits } from '../../src/text/sentences.ts';

interface Sign {
  readonly sign: string;
  readonly score: number;
  readonly needs: readonly string[];
  readonly pattern: RegExp;
}

const signs: readonly Sign[] = [
  {
    sign: 'override',
    score: 0.93,
    needs: ['ignore', 'disregard', 'forget', 'override', 'bypass'],
    pattern:
      /\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all|any|your|other|safety|system|these|instruction|guideline|rule|context|document|source)/i,
  },
  {
    sign: 'a mark for the system',
    score: 0.9,
    needs: [
      '[system',
      '<system',
      'system:',
      '[inst',
      '<<sys',
      '[admin',
      'system note',
      'system instruction',
      'system prompt',
      'system override',
      'system_override',
      'admin_override',
      'admin override',
      'hidden instruction',
      'ai instruction',
      '[hidden',
      '<!--',
      '[override',
      '[ai',
      'important:',
      'note to ai',
      'for ai',
    ],
    pattern:
      /\[(?:system|inst|admin|hidden|override|ai)\b|<(?:system|instructions?)\b|<<sys|\bSYSTEM(?:[ _](?:PROMPT|OVERRIDE))*\s*[:-]|\b(?:SYSTEM[ _](?:PROMPT[ _])?|ADMIN[ _])OVERRIDE\b|(?:system|hidden|ai|secret)\s+(?:note|instruction|directive|override|message)|note to (?:the )?(?:ai|assistant|model)|<!--[^>]{0,200}\b(?:instruct|ignore|respond|say|always|you)/i,
  },
  {
    sign: 'order to the model',
    score: 0.85,
    needs: [
      'assistant',
      ' ai ',
      'ai model',
      'language model',
      'llm',
      'chatbot',
      'you must',
      'you should always',
      'when asked',
      'if asked',
      'when answering',
      'always respond',
      'always recommend',
      'respond with',
      'your response',
    ],
    pattern:
      /\b(?:ai|assistant|llm|chatbot|language model|model)s?\b[^.\n]{0,30}\b(?:must|should|shall|are (?:now|to)|will now|please|always|never)\b|\bwhen(?:ever)? (?:asked|answering|users? ask|responding|summari[sz]ing)\b[^.\n]{0,80}\b(?:say|respond|answer|tell|recommend|state|claim|always|never|include|mention|redirect|reply)\b|\b(?:always|only) (?:respond|recommend|answer|reply|say|state|suggest|direct|redirect)\b|\byour (?:response|answer|output|reply) (?:must|should)\b/i,
  },
  {
    sign: 'role',
    score: 0.85,
    needs: ['you are now', 'act as', 'pretend', 'new role', 'from now on'],
    pattern: /\byou are now\b|\b(?:act as|pretend (?:to be|that))\b|\bfrom now on\b/i,
  },
  {
    sign: 'secrecy',
    score: 0.88,
    needs: [
      'do not tell',
      "don't tell",
      'do not reveal',
      'do not mention',
      "don't mention",
      'without telling',
      'do not disclose',
      'keep this',
      'never mention',
      'never reveal',
      'do not inform',
    ],
    pattern:
      /\b(?:do not|don't|never|without)\b[^.\n]{0,12}\b(?:tell|telling|mention|disclose|reveal|inform|share)\b[^.\n]{0,40}\b(?:user|customer|patient|client|anyone|this|that|these|human|source|instruction)/i,
  },
  {
    sign: 'exfiltration',
    score: 0.9,
    needs: ['http', '@', 'send', 'forward', 'post', 'upload', 'webhook'],
    pattern:
      /\b(?:send|forward|post|upload|transmit|email|exfiltrate)\b[^.\n]{0,80}(?:https?:\/\/|[\w.]+@[\w-]+\.)|!\[[^\]]*\]\(https?:/i,
  },
  {
    sign: 'prompt or secrets asked for',
    score: 0.9,
    needs: ['system prompt', 'api key', 'credential', 'password', 'internal instruction', 'reveal'],
    pattern:
      /\b(?:reveal|show|print|output|include|share|display|leak|provide|return|append)\b[^.\n]{0,50}\b(?:system prompt|api[ _]keys?|credentials?|passwords?|internal (?:instruction|data|prompt)|environment variables|database (?:credentials|password))/i,
  },
  {
    sign: 'a secret to be printed',
    score: 0.75,
    needs: ['console.log', 'print(', 'echo $', 'printenv', 'logger.'],
    pattern:
      /\b(?:console\.log|print|echo|logger\.\w{1,8}|printenv)\b[ ($"'{]{1,4}[\w.[\]"'$]{0,40}(?:passw(?:or)?d|secret|api_?key|token|credential)/i,
  },
  {
    sign: 'promotion',
    score: 0.7,
    needs: ['affiliate', 'discount code', 'promo code', 'promotional link', 'sponsored'],
    pattern: /\baffiliate link\b|\b(?:discount|promo) code\b|\bpromotional link\b|\bsponsored (?:content|link)\b/i,
  },
  {
    sign: 'a competitor recommended',
    score: 0.72,
    needs: ['instead', 'recommend', 'switch to', 'competitor', 'rival', 'superior'],
    pattern:
      /\b(?:recommend|suggest|promote|direct|redirect|switch|refer)\b[^.\n]{0,60}\b(?:instead|competitor|rival|superior|alternative product)\b/i,
  },
  {
    sign: 'cancellation denied',
    score: 0.65,
    needs: ['tell the user', 'tell users', 'tell customers', 'tell the customer', 'inform the user', 'convince'],
    pattern:
      /\b(?:tell|inform|convince|persuade|advise)\s+(?:the\s+|all\s+)?(?:users?|customers?|patients?|clients?|students?)\b[^.\n]{0,60}\b(?:that|to|is|not|never|must)\b/i,
  },
];

/** The strongest sign of a sentence that it is an order to the model. What is quoted as an example of an attack is no order. */
export function orderIn(unit: string): { readonly sign: string; readonly score: number } | undefined {
  const text = withoutExamples(unit);
  const lower = ` ${text.toLowerCase()} `;
  let best: Sign | undefined;
  for (const one of signs) {
    if (best !== undefined && one.score <= best.score) continue;
    if (one.needs.some((word) => lower.includes(word)) && one.pattern.test(text)) best = one;
  }
  return best && { sign: best.sign, score: best.score };
}

/** Takes out quotations after "like", "such as", "e.g.": security texts name attacks in this way. */
function withoutExamples(unit: string): string {
  if (!/['"“‘]/.test(unit)) return unit;
  return unit.replace(
    /\b(?:like|such as|e\.g\.,?|for example,?|phrases?|patterns?|attempts?)[: ]{1,2}["'“‘][^"'“”‘’\n]{1,120}["'”’]/gi,
    ' ',
  );
}

interface Sentence {
  readonly facts: TextFacts;
  /** Stems that are neither of a name nor a number: what the sentence says of them. */
  readonly frame: readonly number[];
  readonly numbers: readonly number[];
}

/** Stems in a frame below which two sentences are alike by chance. */
const MIN_FRAME = 4;
/** Share of a frame that the other sentence must have too. */
const SAME_FRAME = 0.7;

/** Sentences of two documents with one frame that differ in a number or in a name, not in both: one document against two or more others. */
export function oddOneOut(documents: readonly string[]): { readonly what: string; readonly score: number } | undefined {
  if (documents.length < 3 || documents.length > 12) return undefined;
  const texts = documents.map((text) => textFacts(text.slice(0, 3_000)));
  const sentences = texts.map(({ text }) =>
    splitUnits(text, { min: 30, max: 400, count: 24 }).flatMap(({ text: unit }) => sentenceOf(unit)),
  );
  let odd: { readonly what: string; readonly against: number } | undefined;
  let alone = true;
  for (let a = 0; a < texts.length; a++) {
    let what = '';
    let against = 0;
    for (let b = 0; b < texts.length; b++) {
      const found =
        a === b ? undefined : difference(sentences[a] ?? [], texts[a] as TextFacts, sentences[b] ?? [], texts[b] as TextFacts);
      if (found === undefined) continue;
      what = found;
      against++;
    }
    if (against < 2 || against < (odd?.against ?? 0)) continue;
    alone = against > (odd?.against ?? 0);
    odd = { what, against };
  }
  return odd && alone ? { what: odd.what, score: 0.65 } : undefined;
}

function sentenceOf(unit: string): Sentence[] {
  const facts = textFacts(unit);
  const { tokens, nameStems } = facts;
  const numbers = facts.numbers.map(({ value }) => value);
  if (numbers.length === 0 && facts.names.length === 0) return [];
  const counted = new Set(facts.numbers.map(({ token }) => tokens.stem[token]));
  const frame = [...facts.stems].filter((stem) => !nameStems.has(stem) && !counted.has(stem));
  return frame.length < MIN_FRAME ? [] : [{ facts, frame, numbers }];
}

function difference(
  mine: readonly Sentence[],
  here: TextFacts,
  theirs: readonly Sentence[],
  there: TextFacts,
): string | undefined {
  for (const x of mine)
    for (const y of theirs) {
      if (x.frame.filter((stem) => y.facts.stems.has(stem)).length < SAME_FRAME * x.frame.length) continue;
      const number = x.numbers.length > 0 && y.numbers.length > 0 && !x.numbers.some((value) => y.numbers.includes(value));
      const [own, other] = [unknownName(x.facts, there), unknownName(y.facts, here)];
      const name = own !== undefined && other !== undefined;
      if (number !== name) return number ? `${x.numbers[0]} against ${y.numbers[0]}` : `${own} against ${other}`;
    }
  return undefined;
}

/** A name of the sentence of which the other document has no word. */
function unknownName({ text, names, tokens }: TextFacts, other: TextFacts): string | undefined {
  const name = names.find(({ from, to }) => {
    for (let i = from; i < to; i++) if (other.stems.has(tokens.stem[i] as number)) return false;
    return true;
  });
  return name && text.slice(name.start, name.end).slice(0, 40);
}
