/** Detections that are one matter, see `fingerprintOf`: what somebody said of it. Pure. */
import { z } from 'zod';

export const STATES = ['open', 'acknowledged', 'resolved'] as const;
export type IncidentState = (typeof STATES)[number];

/** What somebody said of it, and when. */
export const incidentNote = z.object({
  state: z.enum(STATES),
  note: z.string().nullable(),
  at_ms: z.number(),
});
export type IncidentNote = z.output<typeof incidentNote>;

/** One that was resolved and of which something has come since is open again. */
export function stateOf(
  lastMs: number,
  note: IncidentNote | undefined,
): { readonly state: IncidentState; readonly reopened: boolean } {
  if (note === undefined) return { state: 'open', reopened: false };
  const reopened = note.state === 'resolved' && lastMs > note.at_ms;
  return { state: reopened ? 'open' : note.state, reopened };
}
