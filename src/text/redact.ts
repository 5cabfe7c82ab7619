/**
 * Takes secrets and personal data out of text that misstep hands on about what it saw: findings, logs, the console. What
 * is forwarded is not touched.
 *
 * Every pattern stands behind a literal that the text must hold, and has no repetition inside a repetition: the time is
 * linear in the text. What has a checksum (cards, IBANs) is taken only if it is right, so that ids and amounts stay.
 */

interface Rule {
  /** What a text must hold, lower case, for the pattern to be tried. */
  readonly hints: readonly string[];
  readonly pattern: RegExp;
  /** What stands in the place of one match, with `put(what, secret)` for the part of it that must not be seen; `undefined` leaves it. */
  readonly replace: (put: Put, match: string, ...groups: string[]) => string | undefined;
}

type Put = (what: string, secret: string) => string;

const as =
  (what: string): Rule['replace'] =>
  (put, match) =>
    put(what, match);

/** The longest text that is looked at whole; the rest of a longer one is cut off rather than handed on unread. */
const MAX_CHARS = 100_000;

const rules: readonly Rule[] = [
  {
    hints: ['private key-----'],
    pattern: /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?/g,
    replace: as('private key'),
  },
  // Keys that say what they are. Prefixes: the issuers' documentation.
  {
    hints: [
      'sk-',
      'sk_',
      'pk_',
      'rk_',
      'xox',
      'ghp_',
      'gho_',
      'ghs_',
      'ghu_',
      'ghr_',
      'github_pat_',
      'glpat-',
      'hf_',
      'npm_',
      'pypi-',
      'xapp-',
      'shpat_',
      'dop_v1_',
      'lsv2_',
      'gsk_',
      'msk_',
    ],
    pattern:
      /(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{16,200}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,200}|xox[abeprs]-[A-Za-z0-9-]{10,200}|xapp-[A-Za-z0-9-]{10,200}|gh[oprsu]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,100}|hf_[A-Za-z0-9]{20,100}|npm_[A-Za-z0-9]{20,100}|pypi-[A-Za-z0-9_-]{20,300}|shpat_[a-f0-9]{20,100}|dop_v1_[a-f0-9]{20,100}|lsv2_[A-Za-z0-9_]{20,100}|gsk_[A-Za-z0-9]{20,100}|msk_[A-Za-z0-9]{10,100})/g,
    replace: as('key'),
  },
  { hints: ['akia', 'asia'], pattern: /(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g, replace: as('key') },
  { hints: ['aiza'], pattern: /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,40}/g, replace: as('key') },
  {
    hints: ['eyj'],
    pattern: /(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,4000}\.[A-Za-z0-9_-]{5,8000}(?:\.[A-Za-z0-9_-]{0,2000})?/g,
    replace: as('token'),
  },
  {
    hints: ['bearer', 'basic'],
    pattern: /\b(bearer|basic)\s{1,5}[A-Za-z0-9._~+/=-]{8,4000}/gi,
    replace: (put, match, scheme = '') => {
      const token = match.slice(scheme.length).trimStart();
      return /\d|[A-Z].*[a-z]|[=+/]/.test(token) ? `${match.slice(0, -token.length)}${put('token', token)}` : undefined;
    },
  },
  // user:password@host
  {
    hints: ['://'],
    pattern: /:\/\/[^\s/:@"'<>]{0,200}:[^\s/@"'<>]{1,200}@/g,
    replace: (put, match) => `://${put('credentials', match.slice(3, -1))}@`,
  },
  // A name that says secret, then its value: password=…, "api_key": "…", --token …
  {
    hints: ['passw', 'pwd', 'secret', 'token', 'api', 'key', 'credential', 'passphrase', 'auth'],
    pattern:
      /((?:passw(?:or)?d|passphrase|pwd|secret|client_secret|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|(?:access|auth|refresh|session|id|api|bearer)[_-]?token|token|credentials?|authorization)["'\\]{0,4}\s{0,3}(?:[:=]|=>|\bis\b)\s{0,3}["'\\]{0,4})([^\s"'\\,;&}{()[\]<>]{4,2000})/gi,
    replace: (put, _match, name, value = '') => (looksLikeValue(value) ? `${name}${put('secret', value)}` : undefined),
  },
  {
    hints: ['@'],
    pattern: /(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z][A-Za-z0-9-]{1,62}/g,
    replace: as('e-mail'),
  },
];

/** 13 to 19 digits, in groups or not. */
const cardPattern = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d|\d)/g;
const ibanPattern = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g;

/** What is tried, for who must know beforehand whether a text could hold any. */
export const secretPatterns: readonly RegExp[] = [...rules.map(({ pattern }) => pattern), cardPattern, ibanPattern];

/** The text without what it should not show. */
export function redact(text: string): string {
  return replaceSecrets(text, (what) => `[${what}]`);
}

/**
 * As `redact`, with what `put(what, secret)` gives in the place of each. It must begin with `[` and end with `]`: so no later rule
 * takes it for a value. `what` is one of: private key, key, token, credentials, secret, e-mail, card, iban.
 */
export function replaceSecrets(text: string, put: Put): string {
  let result = text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
  if (result.length < 6) return result;
  const lower = result.toLowerCase();
  for (const { hints, pattern, replace } of rules) {
    if (!hints.some((hint) => lower.includes(hint))) continue;
    result = result.replace(pattern, (match, ...groups: string[]) => replace(put, match, ...groups) ?? match);
  }
  if (/\d{4}/.test(result)) {
    result = result.replace(cardPattern, (match) => (isCard(match) ? put('card', match) : match));
    result = result.replace(ibanPattern, (match) => (isIban(match) ? put('iban', match) : match));
  }
  return result;
}

/** The issuers' prefixes with a beginning of what follows them. */
const keyStart =
  /(?<![A-Za-z0-9])(?:sk-|(?:sk|pk|rk)_(?:live|test)_|xox[abeprs]-|xapp-|gh[oprsu]_|github_pat_|glpat-|hf_|npm_|pypi-|shpat_|dop_v1_|lsv2_|[gm]sk_|AKIA|ASIA|AIza|eyJ)([A-Za-z0-9_-]{4,4000})/g;
const mailStart = /(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z][A-Za-z0-9.-]{0,200})?(?![A-Za-z0-9/.@-])/g;
/** More than the issuer's six digits, at the end. */
const digitsAtEnd = /\d(?:[ -]?\d){6,18}…?$/;
/** A text that somebody has cut is rarely shorter. */
const CUT_CHARS = 40;

/**
 * As `redact`, for a text that may have been cut before it came here: what could be the beginning of a secret goes too,
 * though nothing proves it. For evidence, where an id too few is better than half a key.
 */
export function redactPiece(text: string): string {
  let result = redact(text);
  result = result.replace(keyStart, (match, rest: string) => (looksLikeValue(rest) ? '[key]' : match));
  if (result.includes('@')) result = result.replace(mailStart, '[e-mail]');
  return result.length < CUT_CHARS ? result : result.replace(digitsAtEnd, '[digits]');
}

/** Prose and types are no secrets: `token: string`, `password is required`. A secret has a digit, mixed case or a sign, or is long. */
function looksLikeValue(value: string): boolean {
  if (value.startsWith('[') || value.startsWith('$') || value.startsWith('{')) return false;
  if (/^(?:true|false|null|none|undefined|string|number|required|missing|invalid)$/i.test(value)) return false;
  return value.length >= 20 || /\d/.test(value) || /[a-z][A-Z]|[A-Z][a-z].*[A-Z]|[!@#$%^&*+/=_-]./.test(value);
}

/** ISO/IEC 7812: a digit sum (Luhn), a known first digit, and not one digit over and over. */
function isCard(text: string): boolean {
  const digits = text.replace(/[ -]/g, '');
  if (!/^(?:4|5[1-5]|2[2-7]|3[0478]|6(?:011|4[4-9]|5)|62|35|50|5[6-9]|6[0-9])/.test(digits) || /^(\d)\1+$/.test(digits))
    return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = Number(digits[digits.length - 1 - i]);
    if (i % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return sum % 10 === 0;
}

/** ISO 13616: the country and check digits moved to the end, letters as numbers, rest 1 by 97. */
function isIban(text: string): boolean {
  const plain = text.replaceAll(' ', '');
  if (plain.length < 15 || plain.length > 34) return false;
  let rest = 0;
  for (const character of plain.slice(4) + plain.slice(0, 4)) {
    for (const digit of String(Number.parseInt(character, 36))) rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest === 1;
}
