/** Requests a minute and tenant, whatever the addresses they come from. */
import { Problem } from './problem.ts';

const WINDOW_MS = 60_000;
const MOST_TENANTS = 10_000;

interface Window {
  readonly endsMs: number;
  used: number;
}

export class TenantLimits {
  private readonly perMinute: number;
  private readonly windows = new Map<string, Window>();

  constructor(perMinute: number) {
    this.perMinute = perMinute;
  }

  /** Counts one. The headers of the answer: of draft-ietf-httpapi-ratelimit-headers, and those before it. Throws 429. */
  take(tenant: string, nowMs: number): Readonly<Record<string, string>> {
    let window = this.windows.get(tenant);
    if (window === undefined || window.endsMs <= nowMs) {
      window = { endsMs: nowMs + WINDOW_MS, used: 0 };
      // Taken out and put in again, so that the first is the one begun longest ago.
      this.windows.delete(tenant);
      this.windows.set(tenant, window);
      if (this.windows.size > MOST_TENANTS) for (const oldest of this.windows.keys()) if (this.windows.delete(oldest)) break;
    }
    const { perMinute } = this;
    const seconds = String(Math.ceil((window.endsMs - nowMs) / 1_000));
    const left = Math.max(0, perMinute - window.used - 1);
    const headers = {
      'ratelimit-policy': `"tenant";q=${perMinute};w=60`,
      ratelimit: `"tenant";r=${left};t=${seconds}`,
      'x-ratelimit-limit': String(perMinute),
      'x-ratelimit-remaining': String(left),
      'x-ratelimit-reset': seconds,
    };
    if (window.used >= perMinute) {
      throw new Problem(429, 'too-many-requests', `More than ${perMinute} requests of this tenant in a minute.`, {
        headers: { ...headers, 'retry-after': seconds },
      });
    }
    window.used++;
    return headers;
  }
}
