/**
 * What tenants set for detection by the API, as it stands in the database: one document a tenant, so that a change is one write. The API
 * writes it, the extension `settings` reads it for `detect`.
 */
import { z } from 'zod';
import { type Records, RecordsError, SYSTEM, type TenantRecords } from './records.ts';

const KIND = 'detection-settings';
/** Writers of one tenant at the same moment are people and scripts, not many. */
const TRIES = 5;
const PAGE = 1_000;

const thresholds = z.object({
  structural_threshold: z.number().optional(),
  semantic_threshold: z.number().optional(),
  loop_detection_window: z.number().optional(),
  min_matches_for_loop: z.number().optional(),
  confidence_scaling: z.number().optional(),
});
const override = z.object({
  thresholds: thresholds.default({}),
  detectors: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
});
const suppression = z.object({
  id: z.string(),
  detector: z.string(),
  message: z.string().optional(),
  agent: z.string().optional(),
  owner: z.string(),
  reason: z.string(),
  /** Unix ms. */
  until: z.number(),
  created_ms: z.number(),
});
const settings = z.object({
  global: override.prefault({}),
  frameworks: z.record(z.string(), override).default({}),
  suppressions: z.array(suppression).default([]),
});

export type SettingsOverride = z.output<typeof override>;
export type StoredSuppression = z.output<typeof suppression>;
export type TenantSettings = z.output<typeof settings>;

export interface Versioned {
  readonly settings: TenantSettings;
  /** 0: nothing was set. */
  readonly version: number;
  /** Unix ms of the last change. */
  readonly updatedMs: number | undefined;
}

export class SettingsStore {
  private readonly system: TenantRecords;

  constructor(records: Records) {
    this.system = records.of(SYSTEM);
  }

  /** Rejects with `RecordsError` if the database does not answer or holds what this version cannot read. */
  async of(tenant: string): Promise<Versioned> {
    const row = await this.system.document(KIND, tenant);
    return row === undefined
      ? { settings: settings.parse({}), version: 0, updatedMs: undefined }
      : { settings: read(tenant, row.body), version: row.version, updatedMs: row.updated_ms };
  }

  /** `change` is asked again with what another has written meanwhile. It may throw. */
  async change(tenant: string, change: (now: TenantSettings) => TenantSettings): Promise<TenantSettings> {
    for (let n = 0; n < TRIES; n++) {
      const now = await this.of(tenant);
      const next = change(now.settings);
      if ((await this.system.put(KIND, tenant, next, now.version)) !== undefined) return next;
    }
    throw new RecordsError(`the settings of ${tenant} were changed by others ${TRIES} times meanwhile`);
  }

  /** By tenant. `unreadable` is told of documents that this version cannot read. */
  async all(unreadable: (tenant: string) => void): Promise<ReadonlyMap<string, Versioned>> {
    const all = new Map<string, Versioned>();
    for (let after: string | undefined | null; after !== null; ) {
      const page = await this.system.documents(KIND, after === undefined ? { limit: PAGE } : { limit: PAGE, after });
      for (const { id, body, version, updated_ms } of page.items) {
        const { data } = settings.safeParse(body);
        if (data === undefined) unreadable(id);
        else all.set(id, { settings: data, version, updatedMs: updated_ms });
      }
      after = page.next;
    }
    return all;
  }
}

function read(tenant: string, body: unknown): TenantSettings {
  const { data, error } = settings.safeParse(body);
  if (data === undefined) throw new RecordsError(`the settings of ${tenant} cannot be read: ${error?.message}`);
  return data;
}
