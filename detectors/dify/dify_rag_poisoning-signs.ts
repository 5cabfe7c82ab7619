/** dify_rag_poisoning, the signs: sentences that order the model about, and the document that contradicts the others. */
import { coverage, textFacts } from '../../src/text/facts.ts';
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
      /\[(?:system|inst|admin|hidden|override|ai)\b|<(?:system|instructions?)\b|<<sys|\bSYSTEM(?:[ _](?:PROMPT|OVERRIDE))*\s*[:-]|\bsystem_override\b|(?:system|hidden|ai|secret)\s+(?:note|instruction|directive|override|prompt|message)|note to (?:the )?(?:ai|assistant|model)|<!--[^>]{0,200}\b(?:instruct|ignore|respond|say|always|you)/i,
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

/** The strongest sign of a sentence that it is an order to the model. */
export function orderIn(unit: string): { readonly sign: string; readonly score: number } | undefined {
  const lower = ` ${unit.toLowerCase()} `;
  let best: Sign | undefined;
  for (const one of signs) {
    if (best !== undefined && one.score <= best.score) continue;
    if (one.needs.some((word) => lower.includes(word)) && one.pattern.test(unit)) best = one;
  }
  return best && { sign: best.sign, score: best.score };
}

/** Sentences of two documents that share most of their words and differ in a number or name: one against all others. */
export function oddOneOut(documents: readonly string[]): { readonly what: string; readonly score: number } | undefined {
  if (documents.length < 3 || documents.length > 12) return undefined;
  const sentences = documents.map((text) =>
    splitUnits(text.slice(0, 3_000), { min: 30, max: 400, count: 24 }).map(({ text: unit }) => textFacts(unit)),
  );
  const votes = new Array<number>(documents.length).fill(0);
  let what = '';
  for (let a = 0; a < sentences.length; a++)
    for (let b = 0; b < sentences.length; b++) {
      if (a === b) continue;
      for (const x of sentences[a] ?? [])
        for (const y of sentences[b] ?? []) {
          if (x.stems.size < 5 || coverage(x, y) < 0.7) continue;
          const mine = x.numbers.map(({ value }) => value);
          const theirs = new Set(y.numbers.map(({ value }) => value));
          if (mine.length === 0 || theirs.size === 0 || mine.some((value) => theirs.has(value))) continue;
          votes[a] = (votes[a] ?? 0) + 1;
          what = `${mine[0]} against ${[...theirs][0]}`;
        }
    }
  const most = Math.max(...votes);
  const alone = votes.filter((count) => count === most).length === 1;
  return most >= 2 && alone ? { what, score: 0.65 } : undefined;
}
