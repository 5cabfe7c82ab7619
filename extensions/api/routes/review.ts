/** Incidents, and the queue of detections that need a person. */
import { z } from 'zod';
import type { IncidentRow, TenantRecords } from '../../../src/component/records.ts';
import { fingerprintOf } from '../../../src/detector/finding.ts';
import { inForce } from '../in-force.ts';
import { type IncidentNote, incidentNote, STATES, stateOf } from '../incidents.ts';
import { allOf, judge, labelsOf } from '../labels.ts';
import { notFound } from '../problem.ts';
import { ranked } from '../review.ts';
import { route } from '../route.ts';
import { detection, wireDetection } from './detections.ts';
import { days, id, iso, since } from './shared.ts';

/** Groups that are looked at, the latest first. */
const MOST_INCIDENTS = 1_000;
/** The newest detections without a verdict, among which the queue is ordered. */
const MOST_WAITING = 1_000;
const SHOWN_DETECTIONS = 20;

const incident = z.object({
  fingerprint: z.string(),
  detection_type: z.string(),
  message: z.string(),
  agent_id: z.string().nullable(),
  state: z.enum(STATES),
  reopened: z.boolean().describe('Resolved before, and something has come since.'),
  note: z.string().nullable(),
  severity: z.string(),
  confidence: z.int(),
  count: z.number(),
  traces: z.number(),
  confirmed: z.number(),
  false_positives: z.number(),
  first_seen: z.string(),
  last_seen: z.string(),
});

function wire(row: IncidentRow, said: IncidentNote | undefined): z.output<typeof incident> {
  return {
    fingerprint: fingerprintOf(row),
    detection_type: row.detector,
    message: row.message,
    agent_id: row.agent,
    ...stateOf(row.last_ms, said),
    note: said?.note ?? null,
    severity: row.severity,
    confidence: Math.round(row.confidence * 100),
    count: row.count,
    traces: row.traces,
    confirmed: row.right,
    false_positives: row.wrong,
    first_seen: iso(row.first_ms),
    last_seen: iso(row.last_ms),
  };
}

async function find(mine: TenantRecords, fingerprint: string): Promise<IncidentRow> {
  const row = (await mine.incidents(0, MOST_INCIDENTS)).find((one) => fingerprintOf(one) === fingerprint);
  if (row === undefined) throw notFound('incident', fingerprint);
  return row;
}

async function noteOf(mine: TenantRecords, fingerprint: string): Promise<IncidentNote | undefined> {
  const row = await mine.document('incident', fingerprint);
  return row === undefined ? undefined : incidentNote.parse(row.body);
}

const byFingerprint = z.object({ fingerprint: z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 hex digits.') });
const verdict = z.object({ is_correct: z.boolean(), notes: z.string().max(2_000).optional() });

export const reviewRoutes = [
  route({
    method: 'GET',
    path: '/incidents',
    tag: 'incidents',
    summary: 'Detections of one message about one agent as one incident, the latest first.',
    query: z.object({ days, state: z.enum(STATES).optional(), detection_type: z.string().max(100).optional() }),
    reply: z.object({
      items: z.array(incident),
      total: z.number(),
      complete: z.boolean().describe(`False: there are more than ${MOST_INCIDENTS}; the latest are shown.`),
    }),
    async handle({ mine, query, nowMs }) {
      const rows = await mine.incidents(since(nowMs, query.days), MOST_INCIDENTS);
      const notes = new Map(
        (await allOf(mine, 'incident', 10 * MOST_INCIDENTS)).map(({ id: key, body }) => [key, incidentNote.parse(body)]),
      );
      const items = rows
        .filter(({ detector }) => query.detection_type === undefined || detector === query.detection_type)
        .map((row) => wire(row, notes.get(fingerprintOf(row))))
        .filter(({ state }) => query.state === undefined || state === query.state);
      return { items, total: items.length, complete: rows.length < MOST_INCIDENTS };
    },
  }),
  route({
    method: 'GET',
    path: '/incidents/{fingerprint}',
    tag: 'incidents',
    summary: 'An incident with its latest detections.',
    params: byFingerprint,
    reply: incident.extend({ detections: z.array(detection) }),
    async handle({ mine, params, catalogue }) {
      const row = await find(mine, params.fingerprint);
      const { detector, message, agent } = row;
      const { items } = await mine.detections({ detector, message, agent }, { limit: SHOWN_DETECTIONS });
      return {
        ...wire(row, await noteOf(mine, params.fingerprint)),
        detections: items.map((one) => wireDetection(one, catalogue)),
      };
    },
  }),
  route({
    method: 'PATCH',
    path: '/incidents/{fingerprint}',
    tag: 'incidents',
    summary: 'Sets its state. One that is resolved opens again when something comes.',
    params: byFingerprint,
    body: z.object({ state: z.enum(STATES), note: z.string().max(2_000).optional() }),
    reply: incident,
    async handle({ mine, params, body, nowMs }) {
      const row = await find(mine, params.fingerprint);
      const said: IncidentNote = { state: body.state, note: body.note ?? null, at_ms: nowMs };
      await mine.put('incident', params.fingerprint, said);
      return wire(row, said);
    },
  }),
  route({
    method: 'GET',
    path: '/review/queue',
    tag: 'review',
    summary: 'Detections without a verdict, those first of which a verdict tells most: nearest to their threshold.',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      detection_type: z.string().max(100).optional(),
    }),
    reply: z.object({
      items: z.array(z.object({ detection, threshold: z.int(), margin: z.int(), labels_of_type: z.number() })),
      waiting: z.number().describe('Without a verdict, in all.'),
    }),
    async handle({ query, ...call }) {
      const { mine, catalogue } = call;
      const { items, total } = await mine.detections({ judged: false, detector: query.detection_type }, { limit: MOST_WAITING });
      const counts = new Map<string, number>();
      for (const { detector } of await labelsOf(mine)) counts.set(detector, (counts.get(detector) ?? 0) + 1);
      const now = await inForce(call);
      const order = ranked(items, now.of, (detector) => counts.get(detector) ?? 0);
      return {
        items: order.slice(0, query.limit).map(({ one, margin, labels }) => ({
          detection: wireDetection(one, catalogue),
          threshold: Math.round(now.of(one.detector) * 100),
          margin: Math.round(margin * 100),
          labels_of_type: labels,
        })),
        waiting: total ?? items.length,
      };
    },
  }),
  route({
    method: 'POST',
    path: '/review/batch',
    tag: 'review',
    summary: 'Verdicts on several detections. Those that are not there are named, the others count.',
    body: z.object({
      verdicts: z
        .array(verdict.extend({ detection_id: z.string().min(1).max(200) }))
        .min(1)
        .max(100),
    }),
    reply: z.object({ accepted: z.number(), unknown: z.array(z.string()) }),
    async handle({ mine, body }) {
      const unknown: string[] = [];
      for (const { detection_id, is_correct, notes } of body.verdicts) {
        if ((await judge(mine, detection_id, is_correct, notes ?? null)) === undefined) unknown.push(detection_id);
      }
      return { accepted: body.verdicts.length - unknown.length, unknown };
    },
  }),
  route({
    method: 'GET',
    path: '/review/stats',
    tag: 'review',
    summary: 'How many wait for a verdict, and how many have one.',
    reply: z.object({ waiting: z.number(), judged: z.number(), confirmed: z.number(), false_positives: z.number() }),
    async handle({ mine }) {
      const [{ total }, labels] = await Promise.all([mine.detections({ judged: false }, { limit: 1 }), labelsOf(mine)]);
      const confirmed = labels.filter(({ correct }) => correct).length;
      return { waiting: total ?? 0, judged: labels.length, confirmed, false_positives: labels.length - confirmed };
    },
  }),
  route({
    method: 'POST',
    path: '/review/{id}',
    tag: 'review',
    summary: 'A verdict on one detection of the queue.',
    params: id,
    body: verdict,
    reply: detection,
    async handle({ mine, params, body, catalogue }) {
      const row = await judge(mine, params.id, body.is_correct, body.notes ?? null);
      if (row === undefined) throw notFound('detection', params.id);
      return wireDetection(row, catalogue);
    },
  }),
];
