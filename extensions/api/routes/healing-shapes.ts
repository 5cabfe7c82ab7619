/** Fixes and healings as the API shows them. Names are the seed's; confidence is a whole percent. */
import { z } from 'zod';
import { type Fix, frameworks } from '../../../src/healing/fix.ts';
import { patchKinds } from '../../../src/healing/n8n/patches.ts';
import { isFinal, mayBecome, statuses } from '../../../src/healing/states.ts';
import type { Plan } from '../healing.ts';
import { type Healing, type Kept, patchOptions, verification } from '../healing-record.ts';
import { iso } from './shared.ts';

export const fix = z.object({
  id: z.string(),
  detection_id: z.string(),
  detection_type: z.string(),
  fix_type: z.string(),
  confidence: z.number(),
  title: z.string(),
  description: z.string(),
  rationale: z.string(),
  code_changes: z.array(
    z.object({
      file_path: z.string(),
      language: z.string(),
      original_code: z.string().nullable(),
      suggested_code: z.string(),
      start_line: z.number().nullable(),
      end_line: z.number().nullable(),
      description: z.string(),
      diff: z.string(),
    }),
  ),
  estimated_impact: z.string(),
  does_not_solve: z.string(),
  risk: z.enum(['safe', 'medium', 'dangerous']),
  breaking_changes: z.boolean(),
  requires_testing: z.boolean(),
  tags: z.array(z.string()),
  metadata: z.object({
    generator: z.string(),
    framework: z.enum(frameworks),
    verifiable: z.boolean().describe('Whether a replay of the stored window can try it.'),
  }),
});

export function wireFix(one: Fix | Kept['fix']): z.input<typeof fix> {
  const { generator, framework, verifiable, confidence, code_changes, tags, ...rest } = one;
  return {
    ...rest,
    confidence: Math.round(confidence * 100),
    code_changes: [...code_changes],
    tags: [...tags],
    metadata: { generator, framework, verifiable },
  };
}

export const healing = z.object({
  id: z.string().nullable(),
  healing_id: z.string().nullable().describe('The same as `id`; null of a dry run, which is not kept.'),
  detection_id: z.string(),
  detection_type: z.string(),
  trace_id: z.string(),
  status: z.enum([...statuses, 'dry_run']),
  progress: z.number().describe('0, 50 or 100: waits, begun, final or applied.'),
  may_become: z.array(z.enum(statuses)),
  target: z.enum(['proposal', 'n8n']).describe('A proposal is put into code by a person; nothing is written anywhere.'),
  fix,
  n8n: z
    .object({
      connection_id: z.string(),
      workflow_id: z.string(),
      workflow_name: z.string(),
      patch: z.enum(patchKinds),
      changes: z.array(z.string()),
      diff: z.string(),
    })
    .nullable(),
  approval_required: z.boolean(),
  approval_reason: z.string().nullable(),
  approver_id: z.string().nullable(),
  verification: verification.nullable(),
  limit: z.string().nullable().describe('Of a dry run: the limit that would refuse it now.'),
  error: z.string().nullable(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  applied_at: z.string().nullable(),
  rolled_back_at: z.string().nullable(),
  version: z.number(),
});

export function wireHealing({ row, body }: Healing): z.input<typeof healing> {
  return {
    ...shared(body),
    id: row.id,
    healing_id: row.id,
    status: body.status,
    progress: isFinal(body.status) || body.status === 'applied' ? 100 : body.status === 'pending' ? 0 : 50,
    may_become: statuses.filter((to) => mayBecome(body.status, to)),
    limit: null,
    created_at: iso(row.created_ms),
    updated_at: iso(row.updated_ms),
    version: row.version,
  };
}

/** What would be. */
export function wirePlan({ body, limit }: Plan): z.input<typeof healing> {
  return {
    ...shared(body),
    id: null,
    healing_id: null,
    status: 'dry_run',
    progress: 0,
    may_become: [],
    limit,
    created_at: null,
    updated_at: null,
    version: 0,
  };
}

function shared(body: Omit<Kept, 'history'>) {
  const { n8n } = body;
  return {
    detection_id: body.detection_id,
    detection_type: body.detection_type,
    trace_id: body.trace_id,
    target: n8n === null ? ('proposal' as const) : ('n8n' as const),
    fix: wireFix(body.fix),
    n8n:
      n8n === null
        ? null
        : {
            connection_id: n8n.connection_id,
            workflow_id: n8n.workflow_id,
            workflow_name: n8n.workflow_name,
            patch: n8n.patch,
            changes: n8n.changes,
            diff: n8n.diff,
          },
    approval_required: body.approval_reason !== null,
    approval_reason: body.approval_reason,
    approver_id: body.approver_id,
    verification: body.verification,
    error: body.error,
    applied_at: body.applied_ms === null ? null : iso(body.applied_ms),
    rolled_back_at: body.rolled_back_ms === null ? null : iso(body.rolled_back_ms),
  };
}

/** What a request to try a fix may say. */
export const file = z
  .string()
  .min(1)
  .max(1_000)
  .optional()
  .describe(
    'A Python file under `sources.root` of the extension `api`: fixes are then diffs against it. It is read, never written.',
  );

export const asked = {
  file,
  approval_required: z.boolean().default(false).describe('Waits for a person even if the policy would not.'),
  connection_id: z.string().min(1).max(200).optional().describe('Of n8n: the fix is then a patch of a workflow there.'),
  workflow_id: z.string().min(1).max(200).optional().describe('Default: the one workflow that has the name of the run.'),
  options: patchOptions.partial().optional().describe('Numbers of the patch.'),
};
