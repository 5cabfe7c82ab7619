/**
 * What tenants have set by the API, kept at hand for `detect`. It is read from the database again and again, so that every sidecar on one
 * database has it, whichever of them serves the API. While the database is away the last that was read stands.
 */
import { z } from 'zod';
import { duration } from '../../config/units.ts';
import type { Component, ExtensionFactory, Host } from '../../src/component/component.ts';
import { recordsOf } from '../../src/component/records.ts';
import { SettingsStore, type Versioned } from '../../src/component/settings.ts';
import type { Overrides, OverridesSource, TenantOverrides } from '../../src/detector/overrides.ts';

const options = z.strictObject({
  database: z.string().min(1).default('database').describe('The extension that keeps the records.'),
  refresh: duration('2s', { min: '100ms' }).describe(
    'How often it is read. The default is a wait that nobody minds after a change, at one short question each time.',
  ),
});
type Options = z.output<typeof options>;

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'settings',
  stability: 'alpha',
  summary: 'What tenants have set by the API (thresholds, suppressions), for `detect`.',
  options,
  create: (_id, value) => new Settings(value),
};

class Settings implements Component, OverridesSource {
  private readonly options: Options;
  private now: Overrides = new Map();
  private versions = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly unread = new Set<string>();

  constructor(value: Options) {
    this.options = value;
  }

  get overrides(): Overrides {
    return this.now;
  }

  async start(host: Host): Promise<void> {
    const { database, refresh } = this.options;
    const store = new SettingsStore(recordsOf(database, host.extension(database)));
    const again = async (): Promise<void> => {
      await this.refresh(store, host);
      if (this.stopped) return;
      this.timer = setTimeout(() => void again(), refresh);
      this.timer.unref();
    };
    await again();
  }

  async shutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async refresh(store: SettingsStore, host: Host): Promise<void> {
    try {
      const all = await store.all((tenant) => this.cannotRead(tenant, host));
      const changed =
        all.size !== this.versions.size || [...all].some(([tenant, { version }]) => version !== this.versions.get(tenant));
      if (changed) {
        const before = this.now;
        const same = (tenant: string, { version }: Versioned) => version === this.versions.get(tenant);
        this.now = new Map(
          [...all].map(([tenant, one]) => [tenant, (same(tenant, one) && before.get(tenant)) || overridesFrom(one)]),
        );
        this.versions = new Map([...all].map(([tenant, { version }]) => [tenant, version]));
      }
      host.status({ state: 'ok' });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      host.status({ state: 'degraded', reason: `settings: what was read last stands; the database says: ${why}` });
    }
  }

  private cannotRead(tenant: string, host: Host): void {
    if (this.unread.has(tenant)) return;
    this.unread.add(tenant);
    host.logger.log('error', 'Settings in the database are none that this version of misstep can read, and do not count.', {
      tenant,
    });
  }
}

function overridesFrom({ settings: { global, frameworks, suppressions } }: Pick<Versioned, 'settings'>): TenantOverrides {
  return {
    ...global,
    frameworks,
    suppress: suppressions.map(({ detector, message, agent, until }) => ({ detector, message, agent, until })),
  };
}
