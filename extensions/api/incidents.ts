/** Detections that are one matter: of one message of a detector about one agent. Pure. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { IncidentRow } from '../../src/component/records.ts';

export const STATES = ['open', 'acknowledged', 'resolved'] as const;
export type IncidentState = (typeof STATES)[number];

/** What somebody said of it, and when. */
export const incidentNote = z.object({
  state: z.enum(STATES),
  note: z.string().nullable(),
  at_ms: z.number(),
});
export type IncidentNote = z.output<typeof incidentNote>;

/** 16 hex digits: SHA-256 of detector, message and agent. The same in every sidecar and after every restart. */
export function fingerprintOf({ detector, message, agent }: Pick<IncidentRow, 'detector' | 'message' | 'agent'>): string {
  const hash = createHash('sha256');
  for (const part of [detector, message, agent ?? '']) hash.update(`${part.length}:${part};`);
  return hash.digest('hex').slice(0, 16);
}

/** One that was resolved and of which something has come since is open again. */
export function stateOf(
  lastMs: number,
  note: IncidentNote | undefined,
): { readonly state: IncidentState; readonly reopened: boolean } {
  if (note === undefined) return { state: 'open', reopened: false };
  const reopened = note.state === 'resolved' && lastMs > note.at_ms;
  return { state: reopened ? 'open' : note.state, reopened };
}
