/**
 * What zod does not say about a schema: that a number is a duration, that a text is a secret. The loader
 * asks for it to warn, to redact, to print and to write the JSON Schema.
 */
import { z } from 'zod';

export type Kind = 'duration' | 'secret' | 'headers' | 'unavailable';

const kinds = z.registry<{ readonly kind: Kind }>();

export function withKind<S extends z.ZodType>(schema: S, kind: Kind): S {
  kinds.add(schema, { kind });
  return schema;
}

/** Looks at this very schema (and what it was cloned from by `.describe()`), not at what it wraps. */
export function kindOf(schema: z.core.$ZodType): Kind | undefined {
  return kinds.get(schema as z.ZodType)?.kind;
}

/**
 * A custom issue in the form that the loader prints: `<wrong>, <the value seen>. <todo>`.
 * A message that ends with a full stop is printed as it stands, without the value.
 */
export function wrong(ctx: z.core.$RefinementCtx, message: string, todo: string, path: readonly PropertyKey[] = []): void {
  ctx.addIssue({ code: 'custom', message, params: { todo }, path: [...path] });
}

/** A key of the Collector that does not work yet: named, so that the problem can say so instead of "unknown key". */
export function unavailable(todo: string): z.ZodOptional<z.ZodUndefined> {
  const schema = z.unknown().superRefine((value, ctx) => {
    if (value !== undefined) ctx.addIssue({ code: 'custom', message: `not available yet. ${todo}` });
  });
  return withKind(schema.optional(), 'unavailable') as unknown as z.ZodOptional<z.ZodUndefined>;
}
