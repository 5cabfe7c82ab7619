/** The options of `judge`. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { secret } from '../../config/secret.ts';
import { count, duration } from '../../config/units.ts';
import { allowLinkLocal, checkLinkLocal } from '../../src/component/transport/guard.ts';
import { priceOf } from './prices.ts';

const dollars = () => z.number().min(0).max(1_000_000);

export const options = z
  .strictObject({
    provider: z
      .enum(['openai', 'anthropic'])
      .describe('Which API the endpoint speaks: Chat Completions, as many servers do, or Messages.'),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'not a URL with http:// or https://.' })
      .optional()
      .describe('Base URL. The default is that of the provider: https://api.openai.com/v1 or https://api.anthropic.com.'),
    api_key: secret().optional().describe('Key of the API.'),
    model: z.string().min(1).describe('Name of the model.'),
    detectors: z.array(z.string()).default([]).describe('Only findings of these detectors. Empty: of all.'),
    always: z
      .array(z.string())
      .default([])
      .describe('Detectors whose findings are asked about whatever their confidence; one that is HIGH can only be raised.'),
    grey_zone: z
      .tuple([z.number().min(0).max(0.8), z.number().min(0).max(0.8)])
      .default([0.4, 0.8])
      .describe(
        'Confidences that are asked about: from the first to below the second. The default is POSSIBLE and LIKELY; HIGH begins at 0.80.',
      ),
    weight: z
      .number()
      .min(1)
      .max(100)
      .default(3)
      .describe(
        'What a verdict does to the odds of a finding: times or divided by this. The default is that of a judge who is right three times of four; set by hand until measured.',
      ),
    sample: z.number().min(0).max(1).default(1).describe('Share of the findings that are asked about, chosen by their id.'),
    max_cost_per_day: dollars()
      .default(1)
      .describe('US dollars that a tenant may cost on a day (UTC). The default is 10,000 questions of a cheap model.'),
    prices: z
      .record(z.string(), z.strictObject({ input: dollars(), output: dollars() }))
      .default({})
      .describe('US dollars per million tokens by model; they stand before the built-in ones. A server of your own: 0 and 0.'),
    max_tokens: count(1_000, { min: 50, max: 100_000 }).describe(
      'Most tokens of an answer, reasoning included. An answer has fewer than 100; the rest is for models that think first.',
    ),
    excerpts: count(0, { max: 2_000 }).describe(
      'Characters of each text of a step (arguments, result, output) that the model is shown, redacted. 0: no text of a run but names.',
    ),
    timeout: duration('30s', { min: '100ms', max: '5m' }).describe('For a whole call. Most answers come within a few seconds.'),
    concurrency: count(2, { min: 1, max: 64 }).describe('Calls at the same time; up to 100 more questions wait.'),
    cache: count(1_000, { max: 100_000 }).describe('Answers that are kept: the same question is not asked twice. 0: none.'),
    verdicts: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A file of JSON lines to which every answer is added: for `misstep replay --verdicts`, and for cap and cache after a restart.',
      ),
    allow_link_local: allowLinkLocal(),
  })
  .superRefine((value, ctx) => {
    const { model, prices, grey_zone, endpoint, allow_link_local } = value;
    if (priceOf(model, prices) === undefined) {
      const todo = `Write what it costs: prices: {'${model}': {input: 0.15, output: 0.60}}, in US dollars per million tokens.`;
      wrong(ctx, 'a model without a known price, so the cap could not be kept', todo, ['model']);
    }
    if (grey_zone[0] >= grey_zone[1])
      wrong(ctx, 'a range that holds nothing', 'Write the lower confidence first.', ['grey_zone']);
    if (endpoint !== undefined) checkLinkLocal(new URL(endpoint).hostname, allow_link_local, ctx);
  })
  .describe('Asks a language model about findings of which the detectors are not sure.');

export type Options = z.output<typeof options>;
