/** The options of the `webhook` receiver; those of its server are the `otlp` receiver's. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { type Secret, secret } from '../../config/secret.ts';
import { endpoint } from '../../src/component/transport/endpoint.ts';
import { checkReach, checkTimes, httpServerOptions } from '../../src/component/transport/server-options.ts';
import { decideOption } from './decide.ts';
import { routes } from './routes.ts';
import { type Signing, secretBytes } from './signature.ts';

const secrets = (what: string) => z.array(secret()).max(16).default([]).describe(what);

const signature = z
  .strictObject({
    standard_webhooks: secrets(
      'Secrets whsec_… of a sender that signs by Standard Webhooks (Anthropic, OpenAI); any may have signed.',
    ),
    langsmith: secrets("Secrets of LangSmith's header X-LangSmith-Signature; any may have signed."),
    tenant: z.string().min(1).default('default').describe('Whose data comes by this path.'),
  })
  .superRefine(({ standard_webhooks: standard, langsmith }, ctx) => {
    if (standard.length + langsmith.length === 0) wrong(ctx, 'no secret. Add standard_webhooks or langsmith.', '');
    standard.forEach((one, i) => {
      if (secretBytes(one.reveal()) === undefined)
        wrong(ctx, 'not a signing secret. Copy it whole: whsec_ and base64.', '', ['standard_webhooks', i]);
    });
    langsmith.forEach((one, i) => {
      if (one.reveal() === '') wrong(ctx, 'an empty secret. Copy the one that LangSmith shows.', '', ['langsmith', i]);
    });
  });

export const options = z
  .strictObject({
    endpoint: endpoint('localhost:4320').describe('Where HTTP listens.'),
    ...httpServerOptions,
    signatures: z
      .record(z.string(), signature)
      .default({})
      .describe('By path: who signs its requests. The signature is then what is asked for there, in the place of auth.'),
    decide: decideOption.optional(),
  })
  .superRefine(checkReach)
  .superRefine(checkTimes)
  .superRefine(({ signatures }, ctx) => {
    for (const path of Object.keys(signatures)) {
      if (routes.get(path)?.kind === 'adapter') continue;
      const signed = [...routes].flatMap(([one, { kind }]) => (kind === 'adapter' ? [one] : []));
      wrong(ctx, 'no path of a webhook', `Name one of ${signed.join(', ')}.`, ['signatures', path]);
    }
  })
  .describe("Runs of frameworks as their webhooks bring them, and OTLP traces under the paths of others' APIs.");

export type Options = z.output<typeof options>;

export function signingOf({ standard_webhooks: standard, langsmith }: Options['signatures'][string]): Signing {
  const bytes = (one: Secret) => secretBytes(one.reveal()) ?? new Uint8Array(0);
  return { standard: standard.map(bytes), langsmith: langsmith.map((one) => Buffer.from(one.reveal())) };
}
