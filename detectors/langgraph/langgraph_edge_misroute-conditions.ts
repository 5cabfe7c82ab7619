/** langgraph_edge_misroute, conditions: simple comparisons over the values of a node, and words of a decision that contradict what it was made from. */

export type Values = Readonly<Record<string, string | number | boolean>>;

/** True or false where the condition can be told, `undefined` where it is of another form or its values are unknown. */
export function holds(condition: string, values: Values): boolean | undefined {
  const text = condition.slice(0, 400);
  if (/[(){}[\]]/.test(text)) return undefined;
  const any = text.split(/\s+(?:or|\|\|)\s+/i).map((part) => {
    const all = part.split(/\s+(?:and|&&)\s+/i).map((one) => compare(one, values));
    return all.includes(false) ? false : all.includes(undefined) ? undefined : true;
  });
  return any.includes(true) ? true : any.includes(undefined) ? undefined : false;
}

function compare(text: string, values: Values): boolean | undefined {
  const match =
    /^\s*(not\s+)?(?:state\.)?([A-Za-z_][\w.]*)\s*(?:(==|!=|>=|<=|>|<)\s*(?:'([^']*)'|"([^"]*)"|(-?[\w.]+)))?\s*$/.exec(text);
  if (!match) return undefined;
  const [, not, path = '', operator, single, double, bare] = match;
  // Own values only: a condition may name `constructor`.
  const name = [path, path.slice(path.lastIndexOf('.') + 1)].find((one) => Object.hasOwn(values, one)) ?? '';
  const value = values[name];
  if (value === undefined) return undefined;
  const result =
    operator === undefined
      ? typeof value === 'boolean'
        ? value
        : undefined
      : relation(value, operator, single ?? double ?? literal(bare ?? ''));
  return result === undefined ? undefined : not === undefined ? result : !result;
}

function relation(value: string | number | boolean, operator: string, other: string | number | boolean): boolean | undefined {
  if (operator === '==') return String(value).toLowerCase() === String(other).toLowerCase();
  if (operator === '!=') return String(value).toLowerCase() !== String(other).toLowerCase();
  if (typeof value !== 'number' || typeof other !== 'number') return undefined;
  return operator === '>'
    ? value > other
    : operator === '<'
      ? value < other
      : operator === '>='
        ? value >= other
        : value <= other;
}

function literal(text: string): string | number | boolean {
  const lower = text.toLowerCase();
  if (lower === 'true' || lower === 'false') return lower === 'true';
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : text;
}

/** Pairs of words that exclude each other in a request and in the name of a route. */
const opposites: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ['urgent', 'critical', 'emergency', 'high', 'asap', 'immediately', 'severe'],
    ['low', 'standard', 'routine', 'normal', 'basic', 'general'],
  ],
  [
    ['complex', 'advanced', 'difficult', 'expert'],
    ['simple', 'basic', 'easy'],
  ],
  [
    ['premium', 'enterprise', 'vip'],
    ['free', 'standard', 'basic'],
  ],
  [
    ['approved', 'accepted', 'success', 'valid', 'true'],
    ['reject', 'rejected', 'denied', 'failure', 'invalid', 'error'],
  ],
  [
    ['rejected', 'denied', 'failed', 'invalid', 'unsafe', 'spam'],
    ['approve', 'approved', 'accept', 'publish', 'success'],
  ],
  [
    ['technical', 'bug', 'crash', 'error', 'login'],
    ['billing', 'sales', 'marketing'],
  ],
  [
    ['billing', 'invoice', 'refund', 'payment', 'charge'],
    ['technical', 'sales', 'marketing', 'general'],
  ],
  [
    ['math', 'calculate', 'equation'],
    ['weather', 'search', 'creative', 'writing'],
  ],
  [
    ['weather', 'forecast'],
    ['math', 'calculator', 'billing'],
  ],
  [
    ['negative', 'angry', 'frustrated', 'disappointed', 'unhappy', 'terrible'],
    ['positive', 'happy'],
  ],
  [['french', 'spanish', 'german'], ['english']],
];

/** The word given that the decision contradicts, or `undefined`. */
export function contradicts(given: Values, decision: string): string | undefined {
  const words = wordsOf(
    Object.values(given)
      .filter((value) => typeof value === 'string')
      .join(' '),
  );
  const chosen = wordsOf(decision);
  for (const [left, right] of opposites) {
    const word = left.find((one) => words.has(one));
    if (word === undefined || left.some((one) => chosen.has(one))) continue;
    if (right.some((one) => chosen.has(one)) && !right.some((one) => words.has(one))) return word;
  }
  return undefined;
}

/** Short values, such as a router or a classifier gives: sentences are not among them. */
export function labelsOf(values: Values): string {
  return Object.values(values)
    .filter((value) => typeof value === 'string' && value.length <= 40 && value.split(' ').length <= 3)
    .join(' ')
    .slice(0, 160);
}

/** Errors that say that the work is another's. Lower case. */
const refusals = [
  'cannot handle',
  'cannot process',
  'not supported',
  'unsupported',
  'should have been',
  'exceeds',
  'out of scope',
  'wrong queue',
  'not responsible',
];

export function refuses(error: string): boolean {
  const text = error.slice(0, 512).toLowerCase();
  return refusals.some((one) => text.includes(one));
}

function wordsOf(text: string): Set<string> {
  return new Set(
    text
      .slice(0, 2_048)
      .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .split(/[^a-z]+/),
  );
}
