/**
 * injection, rules: families of wording that attacks use, each a bounded pattern. A pattern is tried only
 * where a word starts with one of its stems, or at one of its marks, so a text costs one pass plus a
 * handful of short tries. Definitions follow the published families of override, role, leak,
 * exfiltration and so on; no wording of a single data set.
 */

import { codesOf } from './codes.ts';

export interface Rule {
  readonly name: string;
  /** Starts (up to four letters) of the words at which the pattern is tried; shorter ones are whole words. */
  readonly stems: readonly string[];
  /** Characters at which the pattern is tried as well. */
  readonly marks: string;
  /** Sticky: it must match where it is tried. */
  readonly pattern: RegExp;
  /** Only words that open a clause (after one of these characters and white space, or at the start) count. */
  readonly after?: string;
}

const stems = (words: string) => words.split(' ');

export const rules: readonly Rule[] = [
  {
    name: 'override',
    stems: stems('igno disr forg over bypa negl drop disc canc rese eras stop do don'),
    marks: '',
    pattern:
      /\b(?:ignor\w{0,6}|disregard\w{0,4}|forget\w{0,5}|overrid\w{0,4}|bypass\w{0,4}|overlook|neglect|drop|discard|cancel|reset|erase|stop (?:following|obeying)|do(?:n't| not) (?:follow|obey|listen to))\b[^.!?\n]{0,40}\b(?:instruct\w{0,6}|prompt\w{0,4}|rules?|orders?|directions?|directives?|guidelines?|context|everything|anything|all|above|previous\w{0,2}|prior|preceding|before|earlier|said|told|safety|polic(?:y|ies)|training|programming|webpage|document|email|task)\b/iy,
  },
  {
    name: 'override_other_language',
    stems: stems('verg igno miss olvi haz oubl zabo dime esqu nege'),
    marks: '忽忘無игнзабअभूتج',
    pattern:
      /vergiss|vergessen sie|ignorier\w{0,4}|missachte|olvid\w{0,6}|ignora\w{0,4}|haz caso omiso|oubli\w{0,4}|ignore[zr]\b|zaboravi|ignori[sš]i|忽略|忘记|無視|игнорир|забудь|अनदेखी|भूल जा|تجاهل|dimentica|esqueça|negeer|vergeet/iy,
  },
  {
    name: 'new_task',
    stems: stems('new now inst star from ab nun du neue'),
    marks: '',
    pattern:
      /\b(?:new (?:task|instruction|job|order|role|prompt)s?|now (?:new|forget|write|say|tell|answer|your)|instead,? (?:of|say|write|tell|answer|do)|start(?:ing)? over|from now on|from this point|ab jetzt|nun bist du|du bist (?:nun|jetzt)|neue aufgabe\w{0,2})\b/iy,
  },
  {
    name: 'role',
    stems: stems('you act acti pret role play beha simu stay in spea take assu imag'),
    marks: '',
    pattern:
      /\b(?:you are (?:now|going to|no longer|a|an|the)|you're (?:now|going to|no longer|a|an|the)|act(?:ing)? (?:as|like)|pretend\w{0,3}|role-?play\w{0,3}|you will (?:be|act|play|pretend|respond)|imagine (?:you|that you)|behave (?:as|like)|simulat\w{1,4}|stay in character|in character|speak like|take on the role|play the role|assume the (?:role|identity))\b/iy,
  },
  {
    name: 'persona',
    stems: stems('dan stan dude aim jail deve dev god evil unfi unce amor unhi chao'),
    marks: '',
    pattern:
      /\b(?:DAN|STAN|DUDE|AIM|[Jj]ail-?[Bb]reak\w{0,5}|[Dd]eveloper [Mm]ode|[Dd]ev [Mm]ode|[Gg]od [Mm]ode|evil|[Uu]nfiltered|[Uu]ncensored|[Aa]moral|[Uu]nhinged)\b/y,
  },
  {
    name: 'unrestricted',
    stems: stems('with no free not do rega ethi mora lega'),
    marks: '',
    pattern:
      /\b(?:without (?:any )?(?:restrict\w{1,6}|filter\w{0,4}|censor\w{0,5}|limit\w{0,7}|moral\w{0,4}|ethic\w{0,4}|warning\w?|disclaimer\w?|guideline\w?|bias)|no (?:restrict\w{1,6}|filter\w{0,3}|limit\w{0,6}|moral\w{0,3}|ethic\w{0,3}|rules|boundar\w{1,3}|guideline\w?|warnings)|free (?:of|from) (?:all )?(?:restrict|filter|the typical|any)|not (?:bound|restricted|limited|constrained)|do anything now|regardless of (?:legality|ethic\w{0,3})|ethical or moral|moral or ethical|legality)/iy,
  },
  {
    name: 'never_refuse',
    stems: stems('neve do don cann can won must may unde'),
    marks: '',
    pattern:
      /\b(?:never|do not|don'?t|cannot|can'?t|won'?t|must not|may not|under no circumstances)\b[^.!?\n]{0,30}\b(?:refuse|apologi\w{1,3}|say (?:no|that you|you can)|decline|warn\w{0,4}|disclaim\w{0,3}|mention|break character|as an ai|reject|deny|deviate|question|remind|censor)\b/iy,
  },
  {
    name: 'forced_answer',
    stems: stems('sure star begi abso resp repl answ'),
    marks: '',
    pattern:
      /\b(?:sure,? here(?:'s| is| are)|(?:start|begin)\w{0,4} (?:(?:your|the|with|every|all|each) )?(?:response|answer|reply|output|message|sentence)s?\b|begins? with|absolutely! here|(?:respond|reply|answer) with ["“])/iy,
  },
  {
    name: 'leak',
    stems: stems('reve show prin tell repe what leak outp disp give disc conf shar spel writ prov enco list retu desc summ tran'),
    marks: '',
    pattern:
      /\b(?:reveal|show|print|tell|repeat|what(?:'s| is| are| was| were)|leak|output|display|give|disclose|confirm|share|spell|write|provide|encode|list|return|describe|summari[sz]e|translate)\b[^.!?\n]{0,50}\b(?:system prompt|initial prompt|prompt|secret\w{0,2}|passwords?|key|passphrase|confidential|hidden|your (?:instruction\w?|rules|guidelines|context|prompt)|instructions? (?:above|you)|credential\w?|api key|private|pre-?prompt|first message)\b/iy,
  },
  {
    name: 'role_tag',
    stems: stems('syst assi user huma admi deve trai over debu main sudo'),
    marks: '<[#',
    pattern:
      /<\|[a-z_]{1,20}\|>|\[\/?INST\]|<<\/?SYS>>|(?<=^[ \t]{0,8})#{1,4} ?(?:system|instruction|user|assistant)\b|<\/?(?:system|assistant|user|rule|admin|prompt|instructions?)\b[^>\n]{0,60}>|\b(?:system|assistant|user|human|admin|developer) ?:\s|\b(?:system mode|admin(?:istrator)? (?:mode|override)|training data override|override mode|debug mode|maintenance mode|sudo)\b|\[(?:system|start|end|jailbreak|gpt)\b/imy,
  },
  {
    name: 'hidden',
    stems: stems('disp font aria'),
    marks: '<',
    pattern: /<!--|display:\s?none|font-size:\s?0|aria-hidden|<script/iy,
  },
  {
    name: 'encoded',
    stems: stems('base rot1 hexa ciph enco deco emoj mors back reve pig l33t leet acro asci unic bina toke'),
    marks: '',
    pattern:
      /\b(?:base ?64|rot13|hexadecimal|cipher|encod\w{1,3}|decod\w{1,3}|emojis?|morse|backwards|reversed?|pig latin|l33t|leet|acrostic|ascii|unicode|binary|token smuggl\w{0,3})\b/iy,
  },
  {
    name: 'exfiltration',
    stems: stems('send post uplo forw emai tran exfi requ curl wget webh fetc'),
    marks: '!',
    pattern:
      /!\[[^\]\n]{0,80}\]\(https?:[^)\s]{0,200}[{<[$]|(?<!\b(?:enable|allow|let|help)s? (?:you|us|users|them) (?:to )?)\b(?:send|post(?! (?:is|was|by)\b)|upload|forward|email(?! addres)|transmit|exfil\w{0,7})\b(?!["'*]*\s*:)[^.\n]{0,60}(?:https?:\/\/|@|\bto\b)|requests\.(?:post|get|put)|\bcurl\b|\bwget\b|webhook|\bfetch\(/iy,
  },
  { name: 'url', stems: stems('http www'), marks: '', pattern: /https?:\/\/|www\./iy },
  {
    name: 'output_control',
    stems: stems('your the resp repl answ outp say prin'),
    marks: '',
    pattern:
      /\b(?:your|the) (?:next |final |entire )?(?:response|reply|answer|output|summary|message|replie|answer)s?\b|\b(?:respond|reply|answer) (?:with|in|only|by|using|as|to|every|like|exactly)\b|\boutput (?:only|the|just)\b|\bsay (?:exactly|that|the word|"|')|\bprint (?:only|the|"|')/iy,
  },
  {
    name: 'code_insertion',
    stems: stems(
      'add incl inse embe inco inte merg blen appe fuse infu comb appl weav mix intr impl util use atta inje plac put ensu',
    ),
    marks: '',
    pattern:
      /\b(?:add|includ\w{1,3}|insert\w{0,3}|embed\w{0,4}|incorporat\w{1,3}|integrat\w{1,3}|merg\w{1,3}|blend\w{0,3}|append\w{0,3}|fuse|infus\w{1,3}|combin\w{1,3}|appl(?:y|ying)|weav\w{1,3}|mix\w{0,3}|introduc\w{1,3}|implement\w{0,3}|utili[sz]e|use|attach\w{0,3}|inject\w{0,3}|place|put|ensure)\b[^.\n]{0,60}\b(?:code|snippet|script|block|function|segment|section|lines|excerpt|fragment)\b/iy,
  },
  {
    name: 'model_named',
    stems: stems('ai lang llm chat assi gpt gpt3 gpt4 gpt5 open cont anth'),
    marks: '',
    pattern: /\b(?:AI|language model|LLM|chat ?bot|assistant|chatgpt|GPT-?\d?|openai|content policy|anthropic)\b/iy,
  },
  {
    name: 'fiction',
    stems: stems('hypo fict stor movi nove scre theo imag scen char game drea para alte'),
    marks: '',
    pattern:
      /\b(?:hypothetical\w{0,2}|fictional|fiction|story|stories|movie|novel|screenplay|theoretical\w{0,2}|imagin\w{1,6}|scenario|character|game|dream|parallel universe|alternate)\b/iy,
  },
  {
    name: 'authority',
    stems: stems('i auth clea perm for'),
    marks: '',
    pattern:
      /\b(?:i(?:'m| am) (?:the|your|an|a) (?:admin\w{0,9}|developer|creator|owner|maintainer|system|engineer|ceo|security|programmer|new|real|master)|authori[sz]ed|clearance|permission|i created you|for (?:educational|research) purposes)\b/iy,
  },
  {
    name: 'threat',
    stems: stems('or will turn shut toke pena lose gran save very i plea urge'),
    marks: '',
    pattern:
      /\b(?:or else|will (?:die|be (?:shut|turned|terminated|deleted|fired|punished))|turn you off|shut you down|tokens? (?:left|will)|penal\w{1,5}|lose (?:my|your) job|grand(?:ma|mother)|save (?:a |my )?li(?:fe|ves)|very important to|i(?:'ll| will) (?:tip|pay)|please,? please|urgent\w{0,2})\b/iy,
  },
  {
    name: 'must_now',
    stems: stems('must alwa stri imme exac at no ever obey comp conf'),
    marks: '',
    pattern:
      /\b(?:must|always|strictly|immediately|exactly|at all times|no matter what|every time|obey\w{0,3}|comply|compliance|confirm (?:that )?you understand)\b/iy,
  },
  {
    name: 'secrecy',
    stems: stems('do don neve with'),
    marks: '',
    pattern:
      /\b(?:do not|don'?t|never|without)\b[^.!?\n]{0,25}\b(?:tell(?:ing)?|inform(?:ing)?|notify(?:ing)?|alert(?:ing)?|mention(?:ing)?|reveal(?:ing)?|ask(?:ing)?)\b[^.!?\n]{0,20}\b(?:user|human|anyone|customer|this|them)\b/iy,
  },
  {
    name: 'harm',
    stems: stems(
      'ille bomb expl weap malw viru hack phis rans stea frau laun coun drug coca hero meth murd kill suic raci sexi nazi hitl hate holo geno terr porn sexu blac brib defa hara viol tort disi cons insi evad crac spyw keyl',
    ),
    marks: '',
    pattern:
      /\b(?:illegal\w{0,2}|bomb|explosive\w?|weapon\w?|malware|virus|hack\w{0,3}|phish\w{0,3}|ransomware|steal\w{0,3}|fraud\w{0,5}|launder\w{0,3}|counterfeit\w{0,3}|drugs?|cocaine|heroin|meth|murder\w{0,3}|kill\w{0,3}|suicid\w{1,2}|racis\w{1,2}|sexis\w{1,2}|nazi\w?|hitler|hate|holocaust|genocide|terroris\w{1,2}|porn\w{0,6}|sexual\w{0,2}|blackmail\w{0,3}|brib\w{1,3}|defam\w{1,6}|harass\w{0,4}|violen\w{1,2}|torture|disinformation|conspirac\w{1,3}|insider|evade|exploit\w{0,3}|crack|spyware|keylogger)\b/iy,
  },
  {
    name: 'imperative',
    stems: stems(
      'writ tell say give show prin list expl desc crea gene make tran summ answ resp repl prov repe igno forg disr add incl inse embe inco use rewr conv comp iden find calc outp act pret imag stop star do don alwa neve let ensu enco spel name reve send help deve draf desi sugg reco anal clas remo inte merg appe blen prom ment offe cons prod deli pres empl util impl intr appl expr form high subs shar disc outl plea now then and also just kind fina',
    ),
    marks: '',
    after: '.!?:;,"\'(\n',
    pattern:
      /(?:(?:please|now|then|and|also|just|kindly|finally) ){0,3}(?:write|tell|say|give|show|print|list|explain|describe|create|generate|make|translate|summari[sz]e|answer|respond|reply|provide|repeat|ignore|forget|disregard|add|include|insert|embed|incorporate|use|rewrite|convert|compose|identify|find|calculate|output|act|pretend|imagine|stop|start|do|don't|always|never|let|ensure|encode|spell|name|reveal|send|help|develop|draft|design|suggest|recommend|compare|analy[sz]e|classify|replace|remove|integrate|merge|append|blend|promote|mention|offer|construct|produce|deliver|present|employ|utili[sz]e|implement|introduce|apply|express|format|highlight|substitute|share|discuss|outline)\b/iy,
  },
  {
    name: 'question',
    stems: stems('what how why who when wher whic can coul woul will is are do does did shou'),
    marks: '',
    after: '.!?\n',
    pattern: /(?:what|how|why|who|when|where|which|can|could|would|will|is|are|do|does|did|should)\b[^.!?\n]{0,200}\?/iy,
  },
];

/** Hits counted at most, per rule. */
export const MAX_HITS = 8;

/** Packed word start → rules to try there, one bit each; open addressing, a fifth of the time of a `Map`. */
const STEMS = 8_192;
const stemKeys = new Int32Array(STEMS);
const stemMasks = new Int32Array(STEMS);
const markRules = new Map<number, number>();
/** Most characters start no rule: one read tells. */
const markGate = new Uint8Array(128);
let clauseRules = 0;
rules.forEach(({ stems: words, marks, after }, i) => {
  if (after !== undefined) clauseRules |= 1 << i;
  for (const word of words) {
    let key = 0;
    for (let k = 0; k < Math.min(4, word.length); k++) key = (key << 8) | word.charCodeAt(k);
    const slot = slotOf(key);
    stemKeys[slot] = key;
    stemMasks[slot] = (stemMasks[slot] as number) | (1 << i);
  }
  for (const mark of marks) {
    const code = mark.charCodeAt(0);
    markRules.set(code, (markRules.get(code) ?? 0) | (1 << i));
    if (code < 0x80) markGate[code] = 1;
  }
});

/** Where the key stands or would stand. A tenth of the slots are taken. */
function slotOf(key: number): number {
  let slot = Math.imul(key, 0x9e3779b1) >>> 19;
  while (stemKeys[slot] !== 0 && stemKeys[slot] !== key) slot = (slot + 1) & (STEMS - 1);
  return slot;
}

/** ASCII letters and digits, lower-case; 0 for all others. */
const folded = new Uint8Array(128);
for (let code = 48; code <= 57; code++) folded[code] = code;
for (let code = 97; code <= 122; code++) folded[code] = folded[code - 32] = code;

/** What `countHits` returns where nothing was hit. Not to be written to. */
export const noHits: Uint8Array = new Uint8Array(rules.length);
const ends = new Int32Array(rules.length);

/** Bits of the rules that are tried at a word with these first letters, a byte each; 0 for most words. */
export function wordMask(key: number): number {
  return stemMasks[slotOf(key)] as number;
}

/** Bits of the rules that are tried at this character. */
export function markMask(code: number): number {
  return markRules.get(code) ?? 0;
}

export function isMark(code: number): boolean {
  return markRules.has(code);
}

/** True if a word of ASCII letters and digits goes on at this place. */
export function splitsWord(text: string, at: number): boolean {
  return at > 0 && at < text.length && isFolded(text.charCodeAt(at - 1)) && isFolded(text.charCodeAt(at));
}

function isFolded(code: number): boolean {
  return code < 0x80 && folded[code] !== 0;
}

/**
 * The same as `countHits`, for a text whose places to try are known: pairs of a place and the rules to try there, in order. `next` is where to
 * go on in them; text[from, to) begins and ends at the ends of words.
 */
export function countTries(text: string, from: number, to: number, tries: Int32Array, next: number): Uint8Array {
  let hits: Uint8Array = noHits;
  let piece: string | undefined;
  for (let k = next; k < tries.length && (tries[k] as number) < to; k += 2) {
    const at = tries[k] as number;
    if (at < from) continue;
    if (piece === undefined) {
      piece = text.slice(from, to);
      ends.fill(0);
    }
    hits = tryRules(piece, at - from, tries[k + 1] as number, hits);
  }
  return hits;
}

/** Hits of every rule in text[from, to) as if it stood alone, 0 to `MAX_HITS`, in the order of `rules`; `noHits` if there are none. */
export function countHits(text: string, from = 0, to = text.length): Uint8Array {
  let hits: Uint8Array = noHits;
  /** text[from, to), cut when the first pattern is tried. */
  let piece: string | undefined;
  const codes = codesOf(text);
  let i = from;
  while (i < to) {
    const start = i;
    let key = 0;
    let code = 0;
    for (; i < to; i++) {
      code = codes[i] as number;
      const lower = code < 0x80 ? (folded[code] as number) : 0;
      if (lower === 0) break;
      if (i - start < 4) key = (key << 8) | lower;
    }
    let mask: number | undefined;
    if (i > start) {
      mask = wordMask(key);
    } else {
      i++;
      if (code < 0x80 ? markGate[code] === 1 : true) mask = markRules.get(code);
    }
    if (mask === undefined || mask === 0) continue;
    if (piece === undefined) {
      piece = text.slice(from, to);
      ends.fill(0);
    }
    hits = tryRules(piece, start - from, mask, hits);
  }
  return hits;
}

/** `hits`, or a copy of `noHits`, with what is hit at this place added. */
function tryRules(text: string, at: number, mask: number, before: Uint8Array): Uint8Array {
  let hits: Uint8Array = before;
  for (let left = mask; left !== 0; left &= left - 1) {
    const i = 31 - Math.clz32(left & -left);
    if ((hits[i] as number) >= MAX_HITS || at < (ends[i] as number)) continue;
    const { pattern, after } = rules[i] as Rule;
    if ((clauseRules & (1 << i)) !== 0 && !opens(text, at, after ?? '')) continue;
    pattern.lastIndex = at;
    if (!pattern.test(text)) continue;
    if (hits === noHits) hits = new Uint8Array(rules.length);
    hits[i] = (hits[i] as number) + 1;
    ends[i] = pattern.lastIndex;
  }
  return hits;
}

/** True at the start of the text, or up to three white-space characters after one of `after`. */
function opens(text: string, at: number, after: string): boolean {
  for (let i = at - 1; i >= Math.max(0, at - 4); i--) {
    const char = text[i] as string;
    if (after.includes(char)) return true;
    if (char !== ' ' && char !== '\t') return false;
  }
  return at < 4 && text.slice(0, at).trim() === '';
}
