/** Findings not to hand on until a date. `detect` counts them (`misstep_detect_suppressed`); they reach neither sinks nor this database. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { StoredSuppression } from '../../../src/component/settings.ts';
import { SettingsStore } from '../../../src/component/settings.ts';
import { fingerprintOf } from '../../../src/detector/finding.ts';
import type { Catalogue } from '../catalogue.ts';
import { notFound, Problem } from '../problem.ts';
import { route } from '../route.ts';
import { id, iso, isoTime, millis } from './shared.ts';

/** Each is compared with each finding that is handed on. */
const MOST = 1_000;
/** What is silenced for ever is forgotten for ever: within a year somebody looks again. */
const MOST_DAYS = 366;
/** Those that are over stay to be seen for a month. */
const SHOWN_MS = 30 * 86_400_000;
const DAY_MS = 86_400_000;

const text = z.string().trim().min(1);
const given = z.strictObject({
  detection_type: text.max(64).optional(),
  message: text.max(64).optional().describe('Only this message of it.'),
  agent_id: text.max(200).optional().describe('Only for the agent of this name.'),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be 16 hex digits.')
    .optional()
    .describe('Of an incident, in the place of the three.'),
  owner: text.max(200).describe('Who answers for it.'),
  reason: text.max(2_000),
  until: isoTime.describe('From when they are handed on again: a date, UTC, or a time.'),
});
const suppression = z.object({
  id: z.string(),
  detection_type: z.string(),
  message: z.string().nullable(),
  agent_id: z.string().nullable(),
  owner: z.string(),
  reason: z.string(),
  until: z.string(),
  active: z.boolean(),
  created_at: z.string(),
});

function wire(one: StoredSuppression, nowMs: number): z.output<typeof suppression> {
  const { id: key, detector, message, agent, owner, reason, until, created_ms } = one;
  return {
    id: key,
    detection_type: detector,
    message: message ?? null,
    agent_id: agent ?? null,
    owner,
    reason,
    until: iso(until),
    active: nowMs < until,
    created_at: iso(created_ms),
  };
}

const wrong = (pointer: string, detail: string): Problem =>
  new Problem(422, 'not-valid', 'The body has 1 mistake.', { errors: [{ pointer, detail }] });

function checkNames(catalogue: Catalogue, detector: string, message: string | undefined): void {
  const found = catalogue.detector(detector);
  if (found === undefined) throw wrong('/detection_type', 'is no detector; GET /diagnostics/detector-status lists them.');
  const messages = Object.keys(found.detector.meta.messages);
  if (message !== undefined && !messages.includes(message))
    throw wrong('/message', `is none of its messages: ${messages.join(', ')}.`);
}

export const suppressionRoutes = [
  route({
    method: 'GET',
    path: '/suppressions',
    tag: 'suppressions',
    summary: 'What is silenced, by whom, why and until when; what is over for a month.',
    query: z.object({ active: z.enum(['true', 'false']).optional() }),
    reply: z.object({ items: z.array(suppression), total: z.number() }),
    async handle({ records, tenant, query, nowMs }) {
      const { settings } = await new SettingsStore(records).of(tenant);
      const items = settings.suppressions
        .map((one) => wire(one, nowMs))
        .filter(({ active }) => query.active === undefined || String(active) === query.active)
        .reverse();
      return { items, total: items.length };
    },
  }),
  route({
    method: 'POST',
    path: '/suppressions',
    tag: 'suppressions',
    summary: 'Silences findings until a date. It holds within seconds, in windows that are open too.',
    status: 201,
    body: given,
    reply: suppression,
    async handle({ records, mine, tenant, body, catalogue, nowMs }) {
      const until = millis(body.until) as number;
      if (until <= nowMs) throw wrong('/until', 'lies in the past.');
      if (until > nowMs + MOST_DAYS * DAY_MS) throw wrong('/until', `lies more than ${MOST_DAYS} days ahead.`);
      const { fingerprint, detection_type, message, agent_id, owner, reason } = body;
      let rule: Pick<StoredSuppression, 'detector' | 'message' | 'agent'>;
      if (fingerprint !== undefined) {
        if (detection_type !== undefined || message !== undefined || agent_id !== undefined)
          throw wrong('/fingerprint', 'stands in the place of detection_type, message and agent_id: leave them out.');
        const row = (await mine.incidents(0, MOST)).find((one) => fingerprintOf(one) === fingerprint);
        if (row === undefined) throw notFound('incident', fingerprint);
        rule = { detector: row.detector, message: row.message, ...(row.agent === null ? {} : { agent: row.agent }) };
      } else {
        if (detection_type === undefined) throw wrong('/detection_type', 'is needed, or a fingerprint.');
        checkNames(catalogue, detection_type, message);
        rule = { detector: detection_type, message, agent: agent_id };
      }
      const one: StoredSuppression = { id: randomUUID(), ...rule, owner, reason, until, created_ms: nowMs };
      await new SettingsStore(records).change(tenant, (now) => {
        const kept = now.suppressions.filter((before) => before.until > nowMs - SHOWN_MS);
        if (kept.length >= MOST) throw new Problem(409, 'too-many', `There are ${MOST} suppressions. Take away what is over.`);
        return { ...now, suppressions: [...kept, one] };
      });
      return wire(one, nowMs);
    },
  }),
  route({
    method: 'GET',
    path: '/suppressions/{id}',
    tag: 'suppressions',
    summary: 'One of them.',
    params: id,
    reply: suppression,
    async handle({ records, tenant, params, nowMs }) {
      const { settings } = await new SettingsStore(records).of(tenant);
      const found = settings.suppressions.find((one) => one.id === params.id);
      if (found === undefined) throw notFound('suppression', params.id);
      return wire(found, nowMs);
    },
  }),
  route({
    method: 'DELETE',
    path: '/suppressions/{id}',
    tag: 'suppressions',
    summary: 'Lets its findings through again.',
    params: id,
    async handle({ records, tenant, params }) {
      await new SettingsStore(records).change(tenant, (now) => {
        const suppressions = now.suppressions.filter((one) => one.id !== params.id);
        if (suppressions.length === now.suppressions.length) throw notFound('suppression', params.id);
        return { ...now, suppressions };
      });
      return undefined;
    },
  }),
];
