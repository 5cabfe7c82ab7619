/** The options of `redact`: those of the Collector's redaction processor, and what misstep knows besides. */
import { z } from 'zod';
import { secret } from '../../config/secret.ts';
import { Automaton } from '../../src/text/linear/automaton.ts';
import { parsePattern } from '../../src/text/linear/syntax.ts';
import { personalKinds } from '../../src/text/personal.ts';

const patterns = z.array(z.string());
const keys = z.array(z.string());

/** Bytes of a key, as the Collector asks: a shorter one is guessed sooner than the value. */
const HMAC_KEY_BYTES = { 'hmac-sha256': 32, 'hmac-sha512': 64 } as const;

export const options = z
  .strictObject({
    allow_all_keys: z
      .boolean()
      .optional()
      .describe('Keep attributes of every key. Default: true, false where `allowed_keys` names some (the Collector: false).'),
    allowed_keys: keys.default([]).describe('Attributes of other keys are removed.'),
    ignored_keys: keys.default([]).describe('Attributes that are neither removed nor looked at.'),
    ignored_key_patterns: patterns
      .default([])
      .describe('The same, for keys in which one of these regular expressions (RE2) matches.'),
    blocked_key_patterns: patterns
      .default([])
      .describe(
        'The whole value is masked, of attributes and of members of JSON in which one of these regular expressions (RE2) matches the key.',
      ),
    blocked_values: patterns.default([]).describe('What one of these regular expressions (RE2) matches in a value is masked.'),
    allowed_values: patterns.default([]).describe('A value in which one of these matches is left as it is.'),
    redact_all_types: z.boolean().default(false).describe('Look at numbers and booleans too; what is masked becomes a string.'),
    builtin: z
      .union([z.boolean(), z.array(z.enum(personalKinds))])
      .default(true)
      .describe('Mask what `misstep scrub` finds, as [kind]: true, false, or these kinds only.'),
    json: z.boolean().default(true).describe('Look into strings that are JSON, however they are escaped, and leave them JSON.'),
    hash_function: z
      .enum(['', 'md5', 'sha1', 'sha3', 'hmac-sha256', 'hmac-sha512'])
      .default('')
      .describe('Put a hash, in hex, in the place of what is masked and not ****. Without a key anybody can try values.'),
    hmac_key: secret().optional().describe('The key of hmac-sha256 (at least 32 bytes) and hmac-sha512 (64).'),
    summary: z
      .enum(['debug', 'info', 'silent'])
      .default('silent')
      .describe('Attributes that say what was done: info = counts, debug = the keys too.'),
  })
  .superRefine((value, context) => {
    for (const name of ['ignored_key_patterns', 'blocked_key_patterns', 'blocked_values', 'allowed_values'] as const)
      value[name].forEach((source, i) => {
        try {
          automaton([source]);
        } catch (error) {
          const message = `not a regular expression that is taken here: ${(error as Error).message}.`;
          context.addIssue({ code: 'custom', path: [name, i], message });
        }
      });
    if (value.allow_all_keys === false && value.allowed_keys.length === 0) {
      const message = 'removes every attribute of every span. Name keys in allowed_keys, or leave it out.';
      context.addIssue({ code: 'custom', path: ['allow_all_keys'], message });
    }
    if (value.hash_function !== 'hmac-sha256' && value.hash_function !== 'hmac-sha512') return;
    const least = HMAC_KEY_BYTES[value.hash_function];
    if (Buffer.byteLength(value.hmac_key?.reveal() ?? '') >= least) return;
    const message = `${value.hash_function} needs one of at least ${least} bytes.`;
    context.addIssue({ code: 'custom', path: ['hmac_key'], message });
  });

export type RedactOptions = z.output<typeof options>;

/** Of all patterns together. Throws `PatternError`. */
export function automaton(sources: readonly string[]): Automaton {
  return new Automaton(sources.map((source) => parsePattern(source)));
}
