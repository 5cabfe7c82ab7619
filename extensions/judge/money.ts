/**
 * What a tenant may spend on a day (UTC). Money is reserved before a call, as much as it can cost, and settled after it.
 *
 * Law:
 * - Spent and reserved together never pass the cap by a reservation; what does not fit is not spent.
 * - What a call says of its own use counts only where it can be true. What cannot costs what was reserved.
 */

/** US dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

export interface Usage {
  readonly input: number;
  readonly output: number;
}

/** Tenants of one day; beyond them nothing is spent for another. */
const MAX_TENANTS = 10_000;
const DAY_MS = 86_400_000;
/** A chat's roles and turns, and what a provider adds for a schema. */
const FRAMING_TOKENS = 1_000;
/** Byte-pair tokens are rarely longer: a report of fewer tokens than this many bytes each is not believed. */
const MAX_BYTES_PER_TOKEN = 16;

export interface Reservation {
  readonly tenant: string;
  readonly day: number;
  readonly usd: number;
}

export class Purse {
  readonly #cap: number;
  #day = Number.NEGATIVE_INFINITY;
  readonly #spent = new Map<string, number>();

  constructor(capUsd: number) {
    this.#cap = capUsd;
  }

  /** `undefined` if it does not fit what is left of the day. */
  reserve(tenant: string, usd: number, nowMs: number): Reservation | undefined {
    const day = this.#turn(nowMs);
    const spent = this.#spent.get(tenant);
    if (!(usd >= 0) || (spent ?? 0) + usd > this.#cap) return undefined;
    if (spent === undefined && this.#spent.size >= MAX_TENANTS) return undefined;
    this.#spent.set(tenant, (spent ?? 0) + usd);
    return { tenant, day, usd };
  }

  /** `usd` is what it cost in the end. Of a day that is over nothing is left to settle. */
  settle({ tenant, day, usd: reserved }: Reservation, usd: number): void {
    if (day !== this.#day) return;
    this.#spent.set(tenant, Math.max(0, (this.#spent.get(tenant) ?? 0) - reserved + usd));
  }

  /** Was spent before this process began. */
  note(tenant: string, usd: number, atMs: number, nowMs: number): void {
    if (Math.floor(atMs / DAY_MS) !== this.#turn(nowMs) || !(usd > 0)) return;
    this.#spent.set(tenant, (this.#spent.get(tenant) ?? 0) + usd);
  }

  /** Reserved money counts as spent. */
  spent(tenant: string, nowMs: number): number {
    this.#turn(nowMs);
    return this.#spent.get(tenant) ?? 0;
  }

  /** A clock that goes back opens no new day. */
  #turn(nowMs: number): number {
    const day = Math.floor(nowMs / DAY_MS);
    if (day > this.#day) {
      this.#day = day;
      this.#spent.clear();
    }
    return this.#day;
  }
}

/** No tokenizer makes more tokens than bytes. */
export function mostCost(price: Price, promptBytes: number, maxTokens: number): number {
  return cost(price, { input: promptBytes + FRAMING_TOKENS, output: maxTokens });
}

function cost({ input, output }: Price, usage: Usage): number {
  return (usage.input * input + usage.output * output) / 1e6;
}

/** What a call cost: by its own count if that can be true, else all that was reserved. */
export function costOf(price: Price, usage: Usage | undefined, promptBytes: number, maxTokens: number): number {
  const most = mostCost(price, promptBytes, maxTokens);
  if (usage === undefined || !believable(usage, promptBytes)) return most;
  // More than was reserved is real money, if the provider says so; ten times is a lie or somebody else's bill.
  return Math.min(cost(price, usage), 10 * most);
}

function believable({ input, output }: Usage, promptBytes: number): boolean {
  return Number.isSafeInteger(input) && Number.isSafeInteger(output) && output > 0 && input >= promptBytes / MAX_BYTES_PER_TOKEN;
}
