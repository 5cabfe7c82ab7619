import { z } from 'zod';
import { frameworks } from '../../../src/healing/fix.ts';
import { healerOf } from '../connections.ts';
import { route } from '../route.ts';
import { asked, file, fix, healing, wireFix, wireHealing, wirePlan } from './healing-shapes.ts';
import { id } from './shared.ts';

export const fixRoutes = [
  route({
    method: 'GET',
    path: '/detections/{id}/fixes',
    tag: 'healing',
    summary: 'Fixes for a detection, those first that a replay can try.',
    params: id,
    query: z.object({
      framework: z.enum(frameworks).optional().describe('Whose code is shown. Default: what detector and trace say.'),
      file,
    }),
    reply: z.object({ detection_id: z.string(), fixes: z.array(fix), total: z.number() }),
    async handle(call) {
      const { fixes } = await healerOf(call).fixes(call.params.id, call.query.framework, call.query.file);
      return { detection_id: call.params.id, fixes: fixes.map(wireFix), total: fixes.length };
    },
  }),
  route({
    method: 'POST',
    path: '/detections/{id}/fixes/{fix_id}/apply',
    tag: 'healing',
    summary: 'Begins a healing with this fix. With a connection to n8n it is a dry run unless `dry_run` is false.',
    params: id.extend({ fix_id: z.string().min(1).max(200) }),
    body: z.object({ ...asked, dry_run: z.boolean().optional() }),
    reply: healing,
    async handle(call) {
      const { dry_run, ...body } = call.body;
      const wanted = { ...body, fix_id: call.params.fix_id };
      const healer = healerOf(call);
      if (dry_run ?? body.connection_id !== undefined) return wirePlan(await healer.plan(call.params.id, wanted));
      return wireHealing(await healer.trigger(call.params.id, wanted));
    },
  }),
];
