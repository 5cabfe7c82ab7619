/** Where a tenant wants its detections sent, and how far that has come. Secrets are derived, never kept. */
import { z } from 'zod';
import type { DocumentRow } from '../../../src/component/records.ts';
import { EVENT_TYPES } from '../said.ts';

export const KIND = 'webhook';
export const STATE = 'webhook-state';
export const deadKind = (id: string): string => `webhook-dead:${id}`;

export const wanted = z.object({
  url: z
    .string()
    .max(2_000)
    .regex(/^https?:\/\/[^/\s]/, 'must begin with https:// or http://')
    .describe('https:// or http:// on a public address; others only if the configuration allows their host.'),
  description: z.string().max(500).nullable().default(null),
  events: z
    .array(z.enum(EVENT_TYPES))
    .min(1)
    .max(EVENT_TYPES.length)
    .default([...EVENT_TYPES]),
  detection_types: z.array(z.string().min(1).max(100)).max(100).default([]).describe('Empty: all.'),
  confidence_min: z.number().min(0).max(100).default(0),
  enabled: z.boolean().default(true),
});

const kept = wanted.extend({
  salt: z.string(),
  /** The secret before, which signs too until then. */
  former: z.object({ salt: z.string(), untilMs: z.number() }).nullable(),
});
export type Kept = z.output<typeof kept>;

export const state = z.object({
  /** When it was registered: what was written before is never sent. */
  sinceMs: z.number(),
  /** All that was written before is done: sent, not wanted, or among the dead letters. */
  cursorMs: z.number(),
  delivered: z.number(),
  failed: z.number(),
  /** Tries of the event at hand that failed. */
  attempts: z.number(),
  retryAtMs: z.number(),
  lastError: z.string().nullable(),
  lastMs: z.number().nullable(),
  /** Why it was switched off. */
  off: z.string().nullable(),
  /** The sidecar that sends at the moment, and until when no other does. */
  lease: z.object({ by: z.string(), untilMs: z.number() }).nullable().default(null),
  /** What was sent and may be looked at again, the latest last: by key, when it was written. */
  recent: z.array(z.tuple([z.string(), z.number()])).default([]),
});
export type State = z.output<typeof state>;

export function freshState(sinceMs: number): State {
  return {
    sinceMs,
    cursorMs: sinceMs,
    delivered: 0,
    failed: 0,
    attempts: 0,
    retryAtMs: 0,
    lastError: null,
    lastMs: null,
    off: null,
    lease: null,
    recent: [],
  };
}

export interface Registration extends Kept {
  readonly id: string;
  readonly tenant: string;
}

export function registrationOf(tenant: string, row: DocumentRow): Registration {
  return { ...kept.parse(row.body), id: row.id, tenant };
}

export const deadLetter = z.object({ event: z.string(), type: z.string(), body: z.string(), error: z.string() });
