/**
 * Who asks. A key is `msk_` and 32 random bytes; what is kept of it is an HMAC-SHA-256 under a secret of the database, so that who reads the
 * table can neither use nor guess keys. A token is a JWT of an hour for one key, and ends with it.
 *
 * Keys are looked up by their HMAC: what takes time does not depend on how much of a key is right.
 */
import { createHmac, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Records, TenantRecords } from '../../src/component/records.ts';

/** Rows that belong to no tenant. No tenant can be named so: ids of tenants are UUIDs, or `default`. */
const SYSTEM = 'misstep:system';
const TOKEN_SECONDS = 3_600;
/** How long an answer about a key is believed: revocation counts within a second. */
const BELIEVED_MS = 1_000;
const MOST_BELIEVED = 10_000;

const storedKey = z.object({ tenant: z.string(), key: z.string(), name: z.string(), prefix: z.string() });

export interface Who {
  readonly tenant: string;
  readonly key: string;
}

export interface NewKey {
  readonly id: string;
  readonly name: string;
  /** Shown once. */
  readonly key: string;
  readonly key_prefix: string;
  readonly created_at: string;
}

export class Keys {
  private readonly records: Records;
  private readonly system: TenantRecords;
  private readonly secret: Buffer;
  private readonly now: () => number;
  private readonly believed = new Map<string, { readonly who: Who | undefined; readonly untilMs: number }>();

  private constructor(records: Records, secret: Buffer, now: () => number) {
    this.records = records;
    this.system = records.of(SYSTEM);
    this.secret = secret;
    this.now = now;
  }

  /** Makes the secret if there is none yet; of several that start at once one wins. */
  static async open(records: Records, now: () => number): Promise<Keys> {
    const system = records.of(SYSTEM);
    await system.put('secret', 'hmac', randomBytes(32).toString('base64'), 0);
    const row = await system.document('secret', 'hmac');
    return new Keys(records, Buffer.from(String(row?.body), 'base64'), now);
  }

  async tenant(name: string): Promise<{ readonly id: string; readonly key: NewKey }> {
    const id = randomUUID();
    await this.system.put('tenant', id, { name });
    return { id, key: await this.create(id, 'first') };
  }

  async nameOf(tenant: string): Promise<string> {
    const row = await this.system.document('tenant', tenant);
    return z.object({ name: z.string() }).safeParse(row?.body).data?.name ?? tenant;
  }

  async create(tenant: string, name: string): Promise<NewKey> {
    const key = `msk_${randomBytes(32).toString('base64url')}`;
    const id = randomUUID();
    const prefix = key.slice(0, 10);
    const hash = this.hash(key);
    await this.system.put('key', hash, { tenant, key: id, name, prefix });
    const row = await this.records.of(tenant).put('api-key', id, { name, prefix, hash });
    return { id, name, key, key_prefix: prefix, created_at: new Date(row?.created_ms ?? this.now()).toISOString() };
  }

  async list(tenant: string): Promise<readonly Omit<NewKey, 'key'>[]> {
    const { items } = await this.records.of(tenant).documents('api-key', { limit: 1_000 });
    return items.map(({ id, body, created_ms }) => {
      const { name, prefix } = z.object({ name: z.string(), prefix: z.string() }).parse(body);
      return { id, name, key_prefix: prefix, created_at: new Date(created_ms).toISOString() };
    });
  }

  async revoke(tenant: string, id: string): Promise<boolean> {
    const mine = this.records.of(tenant);
    const row = await mine.document('api-key', id);
    if (row === undefined) return false;
    await this.system.remove('key', z.object({ hash: z.string() }).parse(row.body).hash);
    await mine.remove('api-key', id);
    this.believed.clear();
    return true;
  }

  /** A key's owner, or a token's as long as its key is there. */
  async who(credential: string): Promise<Who | undefined> {
    if (credential.length > 4_096) return undefined;
    return credential.startsWith('msk_') ? this.ofHash(this.hash(credential)) : this.ofToken(credential);
  }

  async token(key: string): Promise<string | undefined> {
    const hash = this.hash(key);
    const who = await this.ofHash(hash);
    if (who === undefined) return undefined;
    return new SignJWT({ k: hash })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(who.tenant)
      .setIssuedAt(Math.floor(this.now() / 1_000))
      .setExpirationTime(Math.floor(this.now() / 1_000) + TOKEN_SECONDS)
      .sign(this.secret);
  }

  private async ofToken(token: string): Promise<Who | undefined> {
    const read = await jwtVerify(token, this.secret, { algorithms: ['HS256'], currentDate: new Date(this.now()) }).catch(
      () => undefined,
    );
    const hash = read?.payload['k'];
    return typeof hash === 'string' ? this.ofHash(hash) : undefined;
  }

  private async ofHash(hash: string): Promise<Who | undefined> {
    const before = this.believed.get(hash);
    if (before !== undefined && before.untilMs > this.now()) return before.who;
    const row = await this.system.document('key', hash);
    const { data } = storedKey.safeParse(row?.body);
    const who = data === undefined ? undefined : { tenant: data.tenant, key: data.key };
    if (this.believed.size >= MOST_BELIEVED) this.believed.clear();
    this.believed.set(hash, { who, untilMs: this.now() + BELIEVED_MS });
    return who;
  }

  /** 32 bytes of the database's secret for one purpose. */
  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.secret, '', `misstep ${purpose}`, 32));
  }

  private hash(key: string): string {
    return createHmac('sha256', this.secret).update(key).digest('hex');
  }
}

/** The credential of a request: Bearer, the key headers of the seed and of others, or Basic with any user. */
export function credentialOf(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const authorization = one('authorization');
  const [, scheme = '', rest = ''] = /^(\S+)\s+(\S+)$/.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return rest;
  if (scheme.toLowerCase() === 'basic') {
    const text = Buffer.from(rest, 'base64').toString();
    return text.slice(text.indexOf(':') + 1);
  }
  return one('x-misstep-api-key') ?? one('x-pisama-api-key') ?? one('api_key') ?? one('x-api-key');
}
