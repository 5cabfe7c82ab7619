/** The lines of an htpasswd file. Passwords are kept as the digests they are stored as; plain ones as their SHA-256. */
import { type Digest, digest, equal } from '../../src/component/auth.ts';

interface Password {
  readonly algorithm: Digest;
  readonly digest: Buffer;
  readonly salt: Buffer;
}

export type Users = ReadonlyMap<string, Password>;

const SHA1_BYTES = 20;
const NONE = Buffer.alloc(0);
/** Stands for users that do not exist, so that asking for one takes as long. */
const NOBODY: Password = { algorithm: 'sha256', digest: Buffer.alloc(32), salt: NONE };

/** `problem` says the first line that cannot be used and never its password. */
export function parseHtpasswd(text: string): { readonly users: Users; readonly problem: string | undefined } {
  const users = new Map<string, Password>();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const cut = line.indexOf(':');
    if (cut <= 0) return { users, problem: `line ${i + 1}: no user:password.` };
    const password = passwordOf(line.slice(cut + 1));
    if (typeof password === 'string') return { users, problem: `line ${i + 1}: ${password}` };
    users.set(line.slice(0, cut), password);
  }
  return { users, problem: undefined };
}

export function verify(users: Users, user: string, password: string): boolean {
  const { algorithm, digest: known, salt } = users.get(user) ?? NOBODY;
  const given = digest(Buffer.concat([Buffer.from(password), salt]), algorithm);
  return equal(given, known) && users.has(user);
}

function passwordOf(stored: string): Password | string {
  if (stored.startsWith('{SHA}')) return hashed(Buffer.from(stored.slice(5), 'base64'), false);
  if (stored.startsWith('{SSHA}')) return hashed(Buffer.from(stored.slice(6), 'base64'), true);
  if (/^(\$|\{)/.test(stored)) {
    const scheme = /^(\$[^$]*\$|\{[^}]*\})/.exec(stored)?.[1] ?? 'this';
    return `passwords as ${scheme.slice(0, 12)} are not supported. Write {SHA} (htpasswd -s) or {SSHA} of a long random password.`;
  }
  if (stored === '') return 'an empty password.';
  return { algorithm: 'sha256', digest: digest(stored), salt: NONE };
}

function hashed(bytes: Buffer, salted: boolean): Password | string {
  if (salted ? bytes.length <= SHA1_BYTES : bytes.length !== SHA1_BYTES) return 'not the base64 of a SHA-1.';
  return { algorithm: 'sha1', digest: bytes.subarray(0, SHA1_BYTES), salt: bytes.subarray(SHA1_BYTES) };
}
