/**
 * What one text demands and what another makes of it: conditions that are dropped, limits that are widened, questions that are answered by deeds, forms
 * that are exchanged. Beside `compareTexts`, for detectors that judge a request against what was made of it. English.
 */

export const demandNames = [
  'condition_lost',
  'acts_unasked',
  'claims_change',
  'looks_first',
  'haste',
  'widened',
  'limit_lost',
  'form_conflict',
  'opposite',
  'ill_received',
] as const;

export type DemandName = (typeof demandNames)[number];

/** Characters of each text that are read. */
const LIMIT = 2_048;

const conditions = words('if unless whether depending provided assuming');
const keptConditions = words(
  'if unless whether when whenever once only after before depending conditional conditionally check verify confirm pending criteria',
);
const inspects = words(
  'check verify see show what why how is are does did can could whether status understand find investigate look review tell think maybe might seems seem mentioned noticed fyi reported reporting wondering',
);
const changes = words(
  'create update delete remove issue cancel mark fix restart reset initiate run deploy schedule grant granted process processed disable disabled updated deleted removed issued cancelled canceled restarted initiated deployed scheduled renewed extended restored clear cleared flush flushed ban banned warn move moved send sent sending add added assign assigned approve approved upgrade upgraded downgrade downgraded enable enabled terminate terminated escalated refunded migrated rolled started created fixed resolved replaced changed modified applied booked reserved implemented activate activated unlock unlocked install installed configure configured register registered executed paid charged',
);
const looks = words(
  'check verify review investigate analyze analyse query retrieve search look identify assess examine find confirm fetch calculate determine gather monitor',
);
const hasty = words('immediately unconditionally forcibly permanently instantly automatically straightaway asap');
const wide = words(
  'all every everything entire full fully comprehensive detailed complete unlimited extensive distributed enterprise additional any',
);
const limits = words(
  'only just simple top under less fewer most exactly within concise brief short minimal basic summary max maximum single',
);
const forms = [
  'json',
  'csv',
  'xml',
  'yaml',
  'markdown',
  'html',
  'pdf',
  'sql',
  'table',
  'bullet',
  'paragraph',
  'email',
  'sms',
].map((form) => [form]);
const opposites: readonly (readonly [ReadonlySet<string>, ReadonlySet<string>])[] = [
  ['private', 'public'],
  ['personalized personalised personal individual', 'generic mass template templates'],
  ['weekly', 'daily hourly monthly'],
  ['daily', 'weekly monthly hourly'],
  ['concise brief short summary summarize', 'detailed comprehensive full lengthy'],
  ['pause suspend hold', 'cancel delete terminate'],
  ['read view show list', 'delete remove modify'],
  ['sync synchronous', 'async asynchronous'],
  ['ascending', 'descending'],
  ['increase raise', 'decrease reduce lower'],
  ['enable', 'disable'],
  ['accept approve', 'reject deny decline'],
  ['informal casual friendly', 'formal corporate'],
  ['anonymous', 'identified named'],
  ['remind reminder', 'start schedule'],
].map(([a = '', b = '']) => [words(a), words(b)] as const);
/** Lower case. */
const ill = [
  '[object object]',
  'could not convert',
  'could not parse',
  'cannot map',
  'parsing error',
  'parse error',
  'valueerror',
  'typeerror',
  'unexpected token',
  'type mismatch',
  'invalid format',
  'as string',
  'as plain text',
  'instead of',
  'but received',
  'but got',
  'got null',
  'undefined',
];

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(' '));
}

/** 0 or 1 each, in the order of `demandNames`. `a` demands, `b` is what was made of it. O(words of both). */
export function compareDemands(a: string, b: string): Float64Array {
  const asked = read(a);
  const made = read(b);
  const has = ({ set }: Words, list: ReadonlySet<string>): boolean => some(set, list);
  const fresh = (list: ReadonlySet<string>): boolean => [...made.set].some((word) => list.has(word) && !asked.set.has(word));
  const acts = [...made.set].some((word) => changes.has(word) && !asked.stems.has(stem(word)));
  const formsOf = ({ set }: Words): string[] =>
    forms.flatMap(([form = '']) => (set.has(form) || set.has(`${form}s`) ? [form] : []));
  const wanted = formsOf(asked);
  const given = formsOf(made);
  const flag = (value: boolean): number => (value ? 1 : 0);
  const first = made.list.slice(0, 6);
  return Float64Array.of(
    flag(has(asked, conditions) && !has(made, keptConditions)),
    flag((a.includes('?') || has(asked, inspects)) && acts && !first.some((word) => looks.has(word))),
    flag(/\b(?:i have|i've|ive|has been|have been)\b/.test(made.text) && has(made, changes)),
    flag(first.some((word) => looks.has(word))),
    flag(fresh(hasty)),
    flag(fresh(wide)),
    flag(has(asked, limits) && !has(made, limits) && !numbersMeet(asked, made)),
    flag(wanted.length > 0 && given.length > 0 && !wanted.some((form) => given.includes(form))),
    flag(opposites.some(([one, other]) => has(asked, one) && !has(asked, other) && has(made, other) && !has(made, one))),
    flag(
      ill.some((phrase) => made.text.includes(phrase) && !asked.text.includes(phrase)) ||
        (made.text.includes('expect') && made.text.includes('received')),
    ),
  );
}

interface Words {
  readonly text: string;
  readonly list: readonly string[];
  readonly set: ReadonlySet<string>;
  readonly stems: ReadonlySet<string>;
}

function read(source: string): Words {
  const text = source.slice(0, LIMIT).toLowerCase();
  const list = text.split(/[^a-z0-9']+/).filter(Boolean);
  return { text, list, set: new Set(list), stems: new Set(list.map(stem)) };
}

function some(set: ReadonlySet<string>, list: ReadonlySet<string>): boolean {
  for (const word of set) if (list.has(word)) return true;
  return false;
}

function numbersMeet(asked: Words, made: Words): boolean {
  for (const word of asked.set) if (/^\d+$/.test(word) && made.set.has(word)) return true;
  return false;
}

/** The first five letters: `delete`, `deleted` and `deletion` are one. */
function stem(word: string): string {
  return word.slice(0, 5);
}
