/** Findings that somebody has looked at and does not want to hear of until a date. They are counted, never lost without a trace. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';

/** `until` must be there: what is silenced for ever is forgotten for ever. Output: Unix ms. */
export const suppression = z.strictObject({
  detector: z.string().describe('Id of the detector.'),
  message: z.string().optional().describe('Only this message of it.'),
  agent: z.string().optional().describe('Only for the agent of this name.'),
  until: z
    .string()
    .transform((day, ctx) => {
      if (!z.iso.date().safeParse(day).success) wrong(ctx, 'not a date', 'Write for example 2027-01-31.');
      return Date.parse(day);
    })
    .describe('Date from which its findings are handed on again, UTC.'),
});

export type Suppression = z.output<typeof suppression>;
