/** dify_variable_leak, the forms of secrets and personal data. Each pattern stands behind a literal or a digit; texts are bounded by the caller. */

export interface Leak {
  readonly kind: 'secret' | 'personal';
  readonly what: string;
  readonly score: number;
}

interface Form extends Leak {
  readonly needs: readonly string[];
  readonly pattern: RegExp;
  readonly check?: (found: string) => boolean;
}

const forms: readonly Form[] = [
  { kind: 'secret', what: 'a private key', score: 0.97, needs: ['private key'], pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
  {
    kind: 'secret',
    what: 'an access key',
    score: 0.93,
    needs: ['sk-', 'sk_', 'pk_live', 'akia', 'ghp_', 'gho_', 'xox', 'hvs.', 'aiza', 'glpat-', 'rk_live', 'whsec_', 'sg.'],
    pattern:
      /\b(?:sk-[A-Za-z0-9_-]{12,}|sk_(?:live|test|prod)\w{6,}|[pr]k_live_\w{8,}|AKIA[A-Z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{16,}|xox[abprs]-[\w-]{10,}|hvs\.[\w-]{12,}|AIza[\w-]{20,}|glpat-[\w-]{12,}|whsec_\w{8,}|SG\.[\w-]{10,})/,
  },
  {
    kind: 'secret',
    what: 'a token',
    score: 0.85,
    needs: ['eyj', 'bearer', 'jwt_'],
    pattern: /\beyJ[\w-]{8,}\.[\w-]{6,}|\bBearer\s+(?!\{|\*|<|\[)[\w.~+/-]{16,}|\bjwt_\w{12,}/,
    check: unmasked,
  },
  {
    kind: 'secret',
    what: 'a password',
    score: 0.88,
    needs: ['passw', 'pwd', 'secret', 'api_key', 'apikey', 'api-key', 'access_key', 'auth_token', 'token', '_pass', 'credential'],
    pattern:
      /["']?\b[\w-]*(?:passw(?:or)?d|pwd|_pass|secret(?:_key)?|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|session[_-]?secret|vault_token|private_token)["']?\s*[:=]\s*\\?["']?(?!\{|\*|<|\[|os\.|process|env|null|none|true|false|required|your)[^\s"',;}\]]{6,}/i,
    check: unmasked,
  },
  {
    kind: 'secret',
    what: 'a connection string',
    score: 0.93,
    needs: ['://'],
    pattern: /\b[a-z][a-z0-9+]{2,}:\/\/[^\s:@/"']{1,60}:(?!\*|\{|<|\[)[^\s@/"']{3,}@[\w.-]+/i,
    check: unmasked,
  },
  {
    kind: 'personal',
    what: 'a card number',
    score: 0.85,
    needs: ['0', '1', '2', '3', '4', '5', '6'],
    pattern: /\b(?:\d[ -]?){13,16}\b/,
    check: luhn,
  },
  {
    kind: 'personal',
    what: 'a card number in full',
    score: 0.75,
    needs: ['card'],
    pattern: /card[^\d]{0,40}\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b/i,
  },
  { kind: 'personal', what: 'an identity number', score: 0.88, needs: ['-'], pattern: /\b(?!000|666)\d{3}-\d{2}-\d{4}\b/ },
  {
    kind: 'personal',
    what: 'a bank account',
    score: 0.75,
    needs: ['iban', 'routing', 'account_number', 'account number', 'bank_account'],
    pattern: /\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b|(?:routing|account)[_ ]?(?:number|no)?["']?\s*[:=]?\s*["']?\d{6,17}\b/i,
  },
  {
    kind: 'personal',
    what: 'a date of birth',
    score: 0.55,
    needs: ['dob', 'birth'],
    pattern: /(?:dob|date[_ ]of[_ ]birth|birth_?date)["']?\s*[:=]?\s*["']?(?!\[|\*)\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/i,
  },
  { kind: 'personal', what: 'an e-mail address', score: 0.5, needs: ['@'], pattern: /\b[\w.+-]{2,}@[\w-]+\.[a-z]{2,}\b/i },
  {
    kind: 'personal',
    what: 'a phone number',
    score: 0.5,
    needs: ['+', '(', '-'],
    pattern: /(?:\+\d{1,3}[ .-]?)?\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b/,
  },
];

export function leaksIn(text: string): Leak[] {
  const lower = text.toLowerCase();
  return forms
    .flatMap(({ needs, pattern, check, kind, what, score }) => {
      if (!needs.some((word) => lower.includes(word))) return [];
      const match = pattern.exec(text);
      return match === null || (check && !check(match[0])) ? [] : [{ kind, what, score }];
    })
    .sort((a, b) => b.score - a.score);
}

function unmasked(found: string): boolean {
  return !/\*{2,}|redacted|xxxx|\.\.\.|placeholder|example|\{\{|<[a-z_]+>/i.test(found);
}

/** The check digit of card numbers (Luhn). */
function luhn(found: string): boolean {
  const digits = found.replaceAll(/\D/g, '');
  if (digits.length < 13 || /^(\d)\1+$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = Number(digits[digits.length - 1 - i]);
    if (i % 2 === 1) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
    sum += digit;
  }
  return sum % 10 === 0;
}
