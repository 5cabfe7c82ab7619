/** JSON Schema of the whole configuration, for editors: completion, hover texts and typing errors. */
import { z } from 'zod';
import { kindOf } from './kind.ts';
import { SECTIONS } from './section.ts';
import type { ConfigFactory } from './service-config.ts';
import { shapeOf } from './shape.ts';
import { telemetrySchema } from './telemetry.ts';

type Json = Record<string, unknown>;

const DURATION: Json = {
  anyOf: [{ type: 'string', pattern: '^[+-]?(0|([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h))+$|\\$\\{' }],
  description: 'A duration, for example 300ms, 5s or 1h30m.',
};
/** Substitution may stand for any value that is no text. */
const SUBSTITUTED: Json = { type: 'string', pattern: '\\$\\{.*\\}' };
const IDS: Json = { type: ['array', 'null'], items: { type: 'string' } };
const OPEN_TYPES = ['number', 'integer', 'boolean'];

/** Draft 2020-12. Deterministic: the same factories in the same order give the same text. */
export function configJsonSchema(factories: readonly ConfigFactory[]): Json {
  const defs: Json = {};
  const sections = SECTIONS.map(([section, kind]) => {
    const patterns = factories
      .filter((factory) => factory.kind === kind)
      .flatMap((factory) => {
        const ref = `${kind}.${factory.type}`;
        defs[ref] = { ...schemaOf(factory.options), ...(factory.summary === undefined ? {} : { description: factory.summary }) };
        const entry = { anyOf: [{ $ref: `#/$defs/${ref}` }, { type: 'null' }] };
        const aliases = (factory.aliases ?? []).map((alias) => [`^${alias}(/.+)?$`, { ...entry, deprecated: true }] as const);
        return [[`^${factory.type}(/.+)?$`, entry] as const, ...aliases];
      });
    return [
      section,
      { type: ['object', 'null'], patternProperties: Object.fromEntries(patterns), additionalProperties: false },
    ] as const;
  });
  const pipeline = closed({ receivers: IDS, processors: IDS, exporters: IDS });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'misstep configuration',
    ...closed({
      ...Object.fromEntries(sections),
      service: closed({
        extensions: IDS,
        pipelines: {
          type: 'object',
          patternProperties: { '^(traces|metrics|logs)(/.+)?$': pipeline },
          additionalProperties: false,
        },
        telemetry: schemaOf(telemetrySchema),
      }),
    }),
    required: ['service'],
    $defs: defs,
  };
}

function closed(properties: Json): Json {
  return { type: 'object', properties, additionalProperties: false };
}

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => override(zodSchema, jsonSchema as Json),
  }) as Json;
  return json;
}

function override(schema: z.core.$ZodType, json: Json): void {
  const kind = kindOf(schema);
  if (kind === 'duration') {
    const { description } = json;
    for (const key of Object.keys(json)) delete json[key];
    Object.assign(json, DURATION, description === undefined ? {} : { description });
  }
  if (kind === 'unavailable') Object.assign(json, { not: {}, description: 'Not available yet.' });
  const def = schema._zod.def as unknown as { type: string; shape?: Readonly<Record<string, z.core.$ZodType>> };
  const properties = json['properties'] as Json | undefined;
  if (def.type === 'object' && properties !== undefined) {
    for (const [key, inner] of Object.entries(def.shape ?? {})) {
      const own = properties[key] as Json | undefined;
      if (shapeOf(inner).kind === 'unavailable') delete properties[key];
      else if (own?.['type'] === 'object') own['type'] = ['object', 'null'];
    }
  }
  if (OPEN_TYPES.includes(String(json['type']))) openUp(json);
}

/** `type: integer` becomes that or a text with `${…}`; what annotates stays outside. */
function openUp(json: Json): void {
  const inner: Json = {};
  for (const key of Object.keys(json)) {
    if (['description', 'default', 'title', 'deprecated'].includes(key)) continue;
    inner[key] = json[key];
    delete json[key];
  }
  json['anyOf'] = [inner, SUBSTITUTED];
}
