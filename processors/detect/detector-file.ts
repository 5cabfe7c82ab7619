/**
 * Detectors in a module of the user's: the default export is one, or a list. The module is trusted as misstep's own code is; what it runs at a
 * step runs in a worker with a deadline. Read once for the process: a changed file counts after a restart.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { AnyDetector } from '../../src/detector/detector.ts';

const word = z.string().regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, 'must be lower_snake_case.');
const sentence = z.string().min(1);
const code = z.custom<unknown>((value) => typeof value === 'function', 'must be a function.');
const version = z.int().min(1);

/** What the host relies on; the types of `defineDetector` say more. */
const shape = z.object({
  meta: z.object({
    id: word,
    family: z.string(),
    scope: z.enum(['trace', 'session', 'agent']),
    version,
    stateVersion: version,
    needs: z.array(z.union([z.string(), z.object({ fact: z.string(), settled: z.literal(true) })])),
    summary: sentence,
    docs: z.object({ what: sentence, why: sentence, fix: sentence, limits: sentence, sources: z.array(z.string()) }),
    options: z.record(word, z.looseObject({ type: z.string(), text: z.string(), default: z.unknown() })),
    messages: z
      .record(
        word,
        z.object({
          text: sentence,
          tier: z.literal([1, 2, 3]),
          severity: z.enum(['low', 'medium', 'high', 'critical']),
          impact: z.string(),
          action: z.string(),
          taxonomy: z.looseObject({}),
        }),
      )
      .refine((messages) => Object.keys(messages).length > 0, 'needs a message at least.'),
  }),
  init: code,
  onStep: code,
  onUpdate: code.optional(),
  onEnd: code.optional(),
  migrate: code.optional(),
});

/** Throws an `Error` that says what is wrong, without the name of the file. */
export function readDetectorFile(name: string): readonly AnyDetector[] {
  const path = resolve(name);
  if (!existsSync(path)) throw new Error('the file does not exist. Check the path; it is relative to the working directory.');
  if (/\.[cm]?ts$/.test(path) && !('typescript' in process.features && process.features.typescript !== false)) {
    throw new Error(
      `Node ${process.versions.node} runs no TypeScript; 22.18 and later do. Compile it (\`npx tsc --module nodenext ${name}\`) and name the .js.`,
    );
  }
  const exported = defaultOf(load(path));
  const list: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (list.length === 0) throw new Error('the default export is an empty list. Export a detector.');
  list.forEach((one, i) => {
    const { error } = shape.safeParse(one);
    if (error === undefined) return;
    const where = list.length === 1 ? 'the default export' : `number ${i + 1} of the default export`;
    const said = error.issues
      .slice(0, 5)
      .map(({ path: at, message }) => `${at.join('.') || 'it'}: ${message.replace(/\.$/, '')}`);
    throw new Error(`${where} is no detector: ${said.join('; ')}. defineDetector of misstep has its types.`);
  });
  return list as readonly AnyDetector[];
}

function load(path: string): unknown {
  try {
    return createRequire(import.meta.url)(path);
  } catch (error) {
    const { code: reason, message } = error as NodeJS.ErrnoException;
    if (reason === 'ERR_REQUIRE_ASYNC_MODULE')
      throw new Error('it waits (`await`) while it is loaded, which is not possible here.');
    throw new Error(`it cannot be loaded: ${(message ?? String(error)).split('\n')[0]}`, { cause: error });
  }
}

function defaultOf(module: unknown): unknown {
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : module;
}
