/** For tests: seeded secrets and personal data, put into every field of OTLP/JSON spans, and looked for in what comes out. */

export interface Canary {
  readonly what: string;
  readonly text: string;
}

/** mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function canaries(seed: number): readonly Canary[] {
  const next = random(seed);
  const letters = (alphabet: string, n: number) =>
    Array.from({ length: n }, () => alphabet[Math.floor(next() * alphabet.length)] ?? '').join('');
  const base62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return [
    { what: 'key', text: `sk-proj-${letters(base62, 40)}` },
    { what: 'token', text: `ghp_${letters(base62, 36)}` },
    { what: 'e-mail', text: `${letters('abcdefghijklmnopqrstuvwxyz', 9)}@canary.example` },
    { what: 'card', text: card(`4${letters('0123456789', 14)}`) },
    { what: 'secret', text: `Hx7${letters(base62, 18)}` },
  ];
}

/** The 15 digits with the one that makes the sum right (Luhn). */
function card(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const n = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + (n > 9 ? n - 9 : n);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

/** What would drive a terminal or turn the text around. */
const CONTROLS = '\u001b]0;owned\u0007\u001b[2J\u202e';

/** All of them in one text, as people write them. */
export function sentence([key, token, mail, number, secret]: readonly Canary[]): string {
  return ` ${key?.text} ${token?.text} ${mail?.text} ${number?.text} password=${secret?.text} ${CONTROLS}`;
}

type Json = Record<string, unknown>;
const list = (value: unknown) => (Array.isArray(value) ? (value as Json[]) : []);

/** Attributes whose values are free text; the others say what kind of span it is, and without them nothing is found. */
const FREE =
  /name$|input|output|message|content|argument|result|prompt|completion|conversation|session|description|query|text|document|task|goal|response\.id/;
const FIXED = /^(gen_ai\.(operation|provider|system|request\.model|response\.model)|openinference\.span\.kind|operation\.name)/;

/** The request with `said` in every text that a span has. */
export function taint(request: unknown, said: string): unknown {
  const document = structuredClone(request) as Json;
  for (const group of list(document['resourceSpans'])) {
    const resource = (group['resource'] ?? {}) as Json;
    group['resource'] = { ...resource, attributes: [...list(resource['attributes']), attribute('host.owner', said)] };
    for (const scoped of list(group['scopeSpans'])) {
      scoped['scope'] = { ...(scoped['scope'] as Json | undefined), version: said, attributes: [attribute('by', said)] };
      for (const span of list(scoped['spans'])) taintSpan(span, said);
    }
  }
  return document;
}

function taintSpan(span: Json, said: string): void {
  span['name'] = `${String(span['name'])}${said}`;
  span['traceState'] = `vendor=${/ghp_\w+/.exec(said)?.[0]}`;
  span['status'] = { code: 2, message: `${String((span['status'] as Json | undefined)?.['message'] ?? 'failed')}${said}` };
  span['attributes'] = [
    ...list(span['attributes']).map(tainted),
    attribute('note', said),
    attribute(`of ${/\S+@\S+/.exec(said)?.[0]}`, 'a name that tells'),
    { key: 'many', value: { arrayValue: { values: [{ stringValue: said }] } } },
    { key: 'deep', value: { kvlistValue: { values: [attribute('in', said)] } } },
  ];
  const details = ['exception.type', 'exception.message', 'exception.stacktrace'].map((key) => attribute(key, said));
  span['events'] = [{ name: 'exception', timeUnixNano: span['endTimeUnixNano'], attributes: details }, { name: said }];
  span['links'] = [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceState: 'x=y', attributes: [attribute('why', said)] }];

  function tainted(one: Json): Json {
    const key = String(one['key']);
    const value = one['value'] as Json;
    if (FIXED.test(key) || !FREE.test(key)) return one;
    return { key, value: typeof value['stringValue'] === 'string' ? { stringValue: within(value['stringValue'], said) } : value };
  }
}

/** In a text that is JSON within its texts, so that it stays what it was. */
function within(text: string, said: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return JSON.stringify(inside(parsed, said));
  } catch {}
  return `${text}${said}`;
}

const STRUCTURE = new Set(['type', 'role', 'kind', 'id', 'finish_reason']);

function inside(value: unknown, said: string): unknown {
  if (typeof value === 'string') return `${value}${said}`;
  if (Array.isArray(value)) return value.map((one) => inside(one, said));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, STRUCTURE.has(key) ? one : inside(one, said)]));
}

const attribute = (key: string, text: string) => ({ key, value: { stringValue: text } });

/** Those that stand in `text`, in whole, in the first half that a careless cut would leave, or encoded. */
export function leaked(text: string, all: readonly Canary[]): readonly string[] {
  return all.flatMap(({ what, text: secret }) => {
    const half = secret.slice(0, Math.max(12, Math.ceil(secret.length / 2)));
    const forms = [half, encodeURIComponent(half), Buffer.from(secret).toString('hex')];
    const at = forms.map((form) => text.indexOf(form)).find((index) => index >= 0);
    return at === undefined ? [] : [`${what}: …${JSON.stringify(text.slice(Math.max(0, at - 80), at + 40))}`];
  });
}
