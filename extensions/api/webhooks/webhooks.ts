/** All registrations of all tenants, and what wakes their deliveries. Nothing of it is on the path of the spans. */
import { randomUUID } from 'node:crypto';
import type { Host } from '../../../src/component/component.ts';
import { type DetectionRow, type Records, SYSTEM, type TenantRecords } from '../../../src/component/records.ts';
import { Blocked, checkAddress } from '../../../src/component/transport/guard.ts';
import type { Keys } from '../auth.ts';
import { Problem } from '../problem.ts';
import { announcedOf } from '../said.ts';
import { BACKOFF_MS, Delivery } from './delivery.ts';
import { deadKind, freshState, type Kept, KIND, type Registration, registrationOf, STATE } from './registration.ts';
import { type Message, type Sent, send } from './send.ts';

export const MOST_OF_TENANT = 20;
const MOST = 1_000;
/** What is announced is in the database some hundred ms later. */
const TICK_MS = 250;
const AWAKE_MS = 10_000;
/** Other sidecars announce nothing here, neither detections nor registrations. */
const LOOK_MS = 15_000;
/** How long the secret before a rotation signs too. */
export const FORMER_MS = 86_400_000;

export interface WebhookOptions {
  /** Hosts that may be asked although their addresses are not public. */
  readonly allow: readonly string[];
  readonly backoffMs?: readonly number[];
}

export class Webhooks {
  private readonly host: Host;
  private readonly records: Records;
  private readonly keys: Keys;
  private readonly wire: (row: DetectionRow) => unknown;
  private readonly options: WebhookOptions;
  private readonly deliveries = new Map<string, Delivery>();
  /** By registration, the version of its entry in the list of all: what another sidecar changed has another. */
  private readonly versions = new Map<string, number>();
  private readonly name = randomUUID();
  /** Tenants of which something was announced, and until when that may still be written. */
  private readonly awake = new Map<string, number>();
  private lookAtMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private unwatch: (() => void) | undefined;

  constructor(host: Host, records: Records, keys: Keys, wire: (row: DetectionRow) => unknown, options: WebhookOptions) {
    this.host = host;
    this.records = records;
    this.keys = keys;
    this.wire = wire;
    this.options = options;
  }

  async start(): Promise<void> {
    await this.look();
    this.unwatch = this.host.watch((record) => {
      const said = announcedOf(record);
      if (said !== undefined && this.deliveries.size > 0) this.awake.set(said.tenant, this.host.clock.now() + AWAKE_MS);
    });
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.unwatch?.();
    await Promise.all([...this.deliveries.values()].map((one) => one.stop()));
    this.deliveries.clear();
  }

  /** Throws a `Problem` if there are too many or the address must not be asked. */
  async register(
    tenant: string,
    given: Omit<Kept, 'salt' | 'former'>,
  ): Promise<{ readonly registration: Registration; readonly secret: string }> {
    this.check(given.url);
    const mine = this.records.of(tenant);
    const system = this.records.of(SYSTEM);
    const [own, all] = await Promise.all([mine.documents(KIND, { limit: 1 }), system.documents(KIND, { limit: 1 })]);
    if ((own.total ?? 0) >= MOST_OF_TENANT || (all.total ?? 0) >= MOST) {
      throw new Problem(409, 'too-many-webhooks', `At most ${MOST_OF_TENANT} of a tenant and ${MOST} together.`);
    }
    const id = randomUUID();
    const body: Kept = { ...given, salt: randomUUID(), former: null };
    await mine.put(STATE, id, freshState(this.host.clock.now()));
    await mine.put(KIND, id, body);
    this.versions.set(id, (await system.put(KIND, id, { tenant }))?.version ?? 0);
    const registration = { ...body, id, tenant };
    this.take(registration);
    return { registration, secret: this.secret(registration) };
  }

  /** `undefined`: there is none, or it was changed at the same time. */
  async change(tenant: string, id: string, to: (before: Kept) => Kept): Promise<Registration | undefined> {
    const mine = this.records.of(tenant);
    const row = await mine.document(KIND, id);
    if (row === undefined) return undefined;
    const body = to(registrationOf(tenant, row));
    this.check(body.url);
    const { id: _, tenant: __, ...plain } = body as Registration;
    const changed = await mine.put(KIND, id, plain, row.version);
    if (changed === undefined) return undefined;
    this.versions.set(id, (await this.records.of(SYSTEM).put(KIND, id, { tenant }))?.version ?? 0);
    const registration = registrationOf(tenant, changed);
    const former = await this.drop(id);
    // Who switches it on again begins where it was.
    for (let tries = 0; tries < 10; tries++) {
      const before = await mine.document(STATE, id);
      const body = { ...(before?.body as object), off: null, retryAtMs: 0, attempts: 0 };
      // Another sidecar may be sending.
      if (before === undefined || (await mine.put(STATE, id, body, before.version)) !== undefined) break;
    }
    this.take(registration, former);
    return registration;
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    const mine = this.records.of(tenant);
    if (!(await mine.remove(KIND, id))) return false;
    await this.drop(id);
    await this.records.of(SYSTEM).remove(KIND, id);
    await mine.remove(STATE, id);
    for (;;) {
      const { items } = await mine.documents(deadKind(id), { limit: 500 });
      for (const one of items) await mine.remove(deadKind(id), one.id);
      if (items.length === 0) break;
    }
    return true;
  }

  /** `whsec_` and 32 bytes in base64. */
  secret({ tenant, id, salt }: Pick<Registration, 'tenant' | 'id' | 'salt'>): string {
    return `whsec_${this.bytes(tenant, id, salt).toString('base64')}`;
  }

  send(url: string, message: Message, { tenant, id, salt, former }: Registration): Promise<Sent> {
    const nowMs = this.host.clock.now();
    const salts = former !== null && former.untilMs > nowMs ? [salt, former.salt] : [salt];
    const secrets = salts.map((one) => this.bytes(tenant, id, one));
    return send(url, message, { secrets, nowMs, allow: this.options.allow, version: this.host.buildVersion });
  }

  private bytes(tenant: string, id: string, salt: string): Buffer {
    return this.keys.derive(`webhook ${tenant} ${id} ${salt}`);
  }

  private check(text: string): void {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const wrong = (detail: string) => new Problem(422, 'not-valid', detail, { errors: [{ pointer: '/url', detail }] });
    if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw wrong('The URL must begin with https:// or http://.');
    if (url.username !== '' || url.password !== '') throw wrong('The URL must have no credentials: messages are signed.');
    const { allow } = this.options;
    if (allow.includes(url.hostname) || allow.includes(url.host)) return;
    try {
      checkAddress(url.hostname, ['private', 'link-local']);
    } catch (error) {
      throw error instanceof Blocked ? wrong(error.message) : error;
    }
    if (url.hostname === 'localhost') throw wrong('localhost is a private address, which is not allowed here.');
  }

  /** Takes up what is registered, at whichever sidecar. */
  private async look(): Promise<void> {
    const { items } = await this.records.of(SYSTEM).documents(KIND, { limit: MOST });
    for (const { id, body, version } of items) {
      if (this.versions.get(id) === version) continue;
      const tenant = (body as { readonly tenant: string }).tenant;
      const row = await this.records.of(tenant).document(KIND, id);
      if (row === undefined) continue;
      this.versions.set(id, version);
      this.take(registrationOf(tenant, row), await this.drop(id));
    }
    const there = new Set(items.map(({ id }) => id));
    for (const id of this.deliveries.keys()) {
      if (there.has(id)) continue;
      this.versions.delete(id);
      await this.drop(id);
    }
  }

  private take(registration: Registration, before?: Delivery): void {
    const mine: TenantRecords = this.records.of(registration.tenant);
    const { backoffMs = BACKOFF_MS } = this.options;
    const { wire } = this;
    this.deliveries.set(
      registration.id,
      new Delivery(
        registration,
        {
          mine,
          wire,
          backoffMs,
          name: this.name,
          now: () => this.host.clock.now(),
          send: (url, message, to) => this.send(url, message, to),
        },
        before,
      ),
    );
  }

  private async drop(id: string): Promise<Delivery | undefined> {
    const before = this.deliveries.get(id);
    this.deliveries.delete(id);
    await before?.stop();
    return before;
  }

  private tick(): void {
    const now = this.host.clock.now();
    const all = now >= this.lookAtMs;
    if (all) {
      this.lookAtMs = now + LOOK_MS;
      this.look().catch(() => undefined);
    }
    for (const [tenant, untilMs] of this.awake) if (untilMs < now) this.awake.delete(tenant);
    for (const delivery of this.deliveries.values()) {
      if (!all && !this.awake.has(delivery.registration.tenant) && !delivery.due(now)) continue;
      // A database that does not answer is said by the database; the next tick tries again.
      delivery.pump().catch(() => undefined);
    }
  }
}
