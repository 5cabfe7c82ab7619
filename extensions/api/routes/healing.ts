import { z } from 'zod';
import { risks } from '../../../src/healing/fix.ts';
import { statuses } from '../../../src/healing/states.ts';
import { healerOf } from '../connections.ts';
import { policyOf, setPolicy } from '../healing-limits.ts';
import { auditOf, event, KIND, kept, load } from '../healing-record.ts';
import { Problem } from '../problem.ts';
import { route } from '../route.ts';
import { asked, healing, wireHealing } from './healing-shapes.ts';
import { id, iso, paged, paging, windowOf } from './shared.ts';

const notes = z.string().max(2_000).optional();
const actor = z.string().trim().min(1).max(200);
/** Healings that sums look at. */
const MOST_COUNTED = 1_000;

const policy = z.object({
  auto_apply: z.enum(['none', ...risks]).describe('Fixes up to this risk begin without an approval.'),
  min_confidence: z.int().min(0).max(100),
  require_verification: z.boolean(),
  max_per_hour: z.int().min(0).max(100),
  max_per_agent_per_hour: z.int().min(0).max(100),
  max_per_workflow_per_hour: z.int().min(0).max(100),
  cooldown_seconds: z.int().min(0).max(86_400),
  stop_after_failures: z.int().min(1).max(100),
});
const policyReply = policy.extend({ version: z.number(), resumed_at: z.string().nullable() });

const read = (path: '' | '/status' | '/progress') =>
  route({
    method: 'GET',
    path: `/healing/{id}${path}`,
    tag: 'healing',
    summary: 'A healing and where it stands.',
    params: id,
    reply: healing,
    async handle({ mine, params }) {
      return wireHealing(await load(mine, params.id));
    },
  });

export const healingRoutes = [
  route({
    method: 'POST',
    path: '/healing/trigger/{detection_id}',
    tag: 'healing',
    summary: 'Begins a healing. Waits for a person unless the policy lets it begin.',
    params: z.object({ detection_id: z.string().min(1).max(200) }),
    body: z.object({ ...asked, fix_id: z.string().min(1).max(200).optional().describe('Default: the first of the fixes.') }),
    reply: healing,
    async handle(call) {
      return wireHealing(await healerOf(call).trigger(call.params.detection_id, call.body));
    },
  }),
  route({
    method: 'GET',
    path: '/healing',
    tag: 'healing',
    summary: 'Healings, the latest first.',
    query: z.object(paging),
    reply: z.object({ items: z.array(healing), ...paged }),
    async handle({ mine, query }) {
      const { items, total, next } = await mine.documents(KIND, windowOf(query));
      const shown = items.map((row) => wireHealing({ row, body: kept.parse(row.body) }));
      return { items: shown, total, page: query.page, per_page: query.per_page, next_cursor: next };
    },
  }),
  route({
    method: 'GET',
    path: '/healing/policy',
    tag: 'healing',
    summary: 'What begins without a person, and how much in how little time.',
    reply: policyReply,
    async handle({ mine }) {
      const { policy: now, version } = await policyOf(mine);
      const { resumed_ms, ...rest } = now;
      return { ...rest, version, resumed_at: resumed_ms === 0 ? null : iso(resumed_ms) };
    },
  }),
  route({
    method: 'PUT',
    path: '/healing/policy',
    tag: 'healing',
    summary: 'Changes what is named of the policy.',
    body: policy.partial().extend({
      version: z.int().min(0).optional().describe('That of the policy that was read; refused if it was changed since.'),
      resume: z.boolean().default(false).describe('Goes on after failures in a row.'),
    }),
    reply: policyReply,
    async handle({ mine, body, nowMs }) {
      const { version, resume, ...given } = body;
      const before = await policyOf(mine);
      if (version !== undefined && version !== before.version)
        throw new Problem(409, 'changed', `The policy has version ${before.version}, not ${version}. Read it again.`);
      const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const next = { ...before.policy, ...set, resumed_ms: resume ? nowMs : before.policy.resumed_ms };
      const written = await setPolicy(mine, next, before.version);
      const { resumed_ms, ...rest } = next;
      return { ...rest, version: written, resumed_at: resumed_ms === 0 ? null : iso(resumed_ms) };
    },
  }),
  route({
    method: 'GET',
    path: '/healing/verification-metrics',
    tag: 'healing',
    summary: `The newest ${MOST_COUNTED} healings by how their replay went and by status.`,
    reply: z.object({
      total: z.number(),
      by_verdict: z.record(z.string(), z.number()),
      by_status: z.record(z.string(), z.number()),
      verified_share: z.number().nullable().describe('Of those that could be replayed.'),
    }),
    async handle({ mine }) {
      const { items } = await mine.documents(KIND, { limit: MOST_COUNTED });
      const bodies = items.map(({ body }) => kept.parse(body));
      const by_verdict: Record<string, number> = { verified: 0, improved: 0, not_silenced: 0, not_verifiable: 0 };
      const by_status: Record<string, number> = Object.fromEntries(statuses.map((status) => [status, 0]));
      for (const { verification, status } of bodies) {
        const verdict = verification?.verdict ?? 'not_verifiable';
        by_verdict[verdict] = (by_verdict[verdict] ?? 0) + 1;
        by_status[status] = (by_status[status] ?? 0) + 1;
      }
      const replayed = bodies.length - (by_verdict['not_verifiable'] ?? 0);
      const verified_share = replayed === 0 ? null : (by_verdict['verified'] ?? 0) / replayed;
      return { total: bodies.length, by_verdict, by_status, verified_share };
    },
  }),
  read(''),
  read('/status'),
  read('/progress'),
  route({
    method: 'GET',
    path: '/healing/{id}/audit',
    tag: 'healing',
    summary: 'What was done, by whom, in order. Entries are only ever added.',
    params: id,
    reply: z.object({
      items: z.array(event.omit({ at_ms: true }).extend({ at: z.string() })),
      total: z.number(),
    }),
    async handle({ mine, params }) {
      const events = await auditOf(mine, await load(mine, params.id));
      return { items: events.map(({ at_ms, ...rest }) => ({ ...rest, at: iso(at_ms) })), total: events.length };
    },
  }),
  route({
    method: 'POST',
    path: '/healing/{id}/approve',
    tag: 'healing',
    summary: 'A person’s yes or no to what is pending or staged.',
    params: id,
    body: z.object({
      approved: z.boolean().default(true),
      approver_id: actor.default('api'),
      notes,
      skip_verification: z.boolean().default(false).describe('Applies a patch though no replay has shown that it works.'),
    }),
    reply: healing,
    async handle(call) {
      return wireHealing(await healerOf(call).approve(call.params.id, call.body));
    },
  }),
  route({
    method: 'POST',
    path: '/healing/{id}/reject',
    tag: 'healing',
    summary: 'A person’s no.',
    params: id,
    body: z.object({ approver_id: actor.default('api'), notes }),
    reply: healing,
    async handle(call) {
      return wireHealing(await healerOf(call).reject(call.params.id, call.body.approver_id, call.body.notes));
    },
  }),
  route({
    method: 'POST',
    path: '/healing/{id}/promote',
    tag: 'healing',
    summary: 'Applies what is staged, if its replay passed and nobody changed the workflow since.',
    params: id,
    body: z.object({ skip_verification: z.boolean().default(false), approver_id: actor.default('api'), notes }),
    reply: healing,
    async handle(call) {
      const { skip_verification, approver_id, notes: said } = call.body;
      return wireHealing(await healerOf(call).promote(call.params.id, skip_verification, approver_id, said));
    },
  }),
  route({
    method: 'POST',
    path: '/healing/{id}/complete',
    tag: 'healing',
    summary: 'How a proposal ended; of a patch whose process died, what n8n has.',
    params: id,
    body: z.object({ success: z.boolean().default(true), approver_id: actor.default('api'), notes }),
    reply: healing,
    async handle(call) {
      const { success, approver_id, notes: said } = call.body;
      return wireHealing(await healerOf(call).complete(call.params.id, { success, actor: approver_id, notes: said }));
    },
  }),
  route({
    method: 'POST',
    path: '/healing/{id}/verify',
    tag: 'healing',
    summary: 'Replays the detector with and without the fix, and looks at comparable runs since it was applied.',
    params: id,
    body: z.object({}),
    reply: healing.extend({
      since: z.object({
        runs: z.number().describe('Of the same name and framework that began since.'),
        with_finding: z.number(),
        rollback_proposed: z.boolean(),
      }),
    }),
    async handle(call) {
      const { healing: found, since } = await healerOf(call).verify(call.params.id);
      return { ...wireHealing(found), since };
    },
  }),
  route({
    method: 'POST',
    path: '/healing/{id}/rollback',
    tag: 'healing',
    summary: 'Takes back what is staged or applied; a workflow that was changed since is left alone.',
    params: id,
    body: z.object({ approver_id: actor.default('api') }),
    reply: healing,
    async handle(call) {
      return wireHealing(await healerOf(call).rollback(call.params.id, call.body.approver_id));
    },
  }),
];
