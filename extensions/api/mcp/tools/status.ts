import { z } from 'zod';
import { Problem } from '../../problem.ts';
import { tool } from '../tool.ts';
import { quoted, word } from '../untrusted.ts';
import { answered, counted, notice, noticed, text } from './shared.ts';

const status = z.object({
  detectors: z.array(
    z.object({
      detection_type: z.string(),
      category: z.string(),
      summary: z.string(),
      readiness: z.string(),
      f1: z.number().nullable(),
      state: z.string(),
      fired: z.number(),
      blind_reasons: z.record(z.string(), z.number()),
    }),
  ),
});

const row = z.object({
  detection_type: z.string(),
  readiness: z.string(),
  f1: z.number().nullable(),
  state: z.string(),
  fired: z.number(),
});

export const statusTools = [
  tool({
    name: 'detector_status',
    title: 'Detector status',
    description:
      'Which detectors there are, how far each is measured, and why it has or has not fired since the start. Use it when nothing is found; name a detector for all about it.',
    input: z.object({ detection_type: z.string().max(100).optional().describe('One detector, as `loop`.') }),
    output: z.object({
      ...notice,
      detectors: z.array(row),
      detector: row
        .extend({ category: z.string(), summary: z.string(), blind_reasons: z.record(z.string(), z.number()) })
        .nullable()
        .describe('The one that was named.'),
    }),
    async run({ detection_type }, { ask, signal }) {
      const { detectors } = answered(status, await ask({ method: 'GET', path: '/diagnostics/detector-status' }, signal));
      const one = detectors.find((some) => some.detection_type === detection_type);
      if (detection_type !== undefined && one === undefined) {
        throw new Problem(404, 'not-found', 'There is no detector of this name. Call detector_status without one for the list.');
      }
      const fired = detectors.filter((some) => some.fired > 0).length;
      return {
        head:
          one === undefined
            ? `${counted(detectors.length, 'detector')}; ${fired} fired since the start.`
            : `The detector ${word(one.detection_type)}: ${word(one.state)}.`,
        build: () => ({
          ...noticed,
          detectors:
            one === undefined ? detectors.map(({ category: _c, summary: _s, blind_reasons: _b, ...facts }) => facts) : [],
          detector: one ?? null,
        }),
      };
    },
  }),
  tool({
    name: 'get_thresholds',
    title: 'Get thresholds',
    description: 'The thresholds that are in force, global and per framework. Use it to see how sensitive the detectors are set.',
    input: z.object({}),
    output: z.object({
      ...notice,
      available: z.boolean(),
      settings: text.describe('JSON, as GET /settings/thresholds gives it.'),
    }),
    async run(_, { ask, signal }) {
      let settings: unknown;
      try {
        settings = await ask({ method: 'GET', path: '/settings/thresholds' }, signal);
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'no-such-path') throw error;
        return {
          head: 'This misstep has no settings of thresholds: detectors use the defaults of their configuration.',
          build: () => ({ ...noticed, available: false, settings: null }),
        };
      }
      return {
        head: 'The thresholds in force.',
        build: (most) => ({ ...noticed, available: true, settings: quoted(JSON.stringify(settings), most * 3) }),
      };
    },
  }),
];
