/** The configuration as misstep sees it: merged, substituted, every default filled in, secrets redacted. */
import { stringify } from 'yaml';
import type { LoadedConfig } from './load.ts';
import { nodeAt } from './node.ts';
import { REDACTED, Secret, withoutCredentials } from './secret.ts';
import { parseId, SECTIONS } from './section.ts';
import type { ConfigFactory } from './service-config.ts';
import { childOf, inputFor, keysOf, type Schema, shapeOf } from './shape.ts';
import { telemetrySchema } from './telemetry.ts';
import { formatDuration } from './units.ts';

export interface PrintOptions {
  readonly format: 'yaml' | 'json';
  /** Show secrets. Default false. */
  readonly unredacted?: boolean;
}

/** Prints what `validateConfig` accepts; it can be read back, but for what is redacted. */
export function printConfig(loaded: LoadedConfig, factories: readonly ConfigFactory[], options: PrintOptions): string {
  const show = options.unredacted === true;
  const out: Record<string, unknown> = {};
  for (const [section, kind] of SECTIONS) {
    const node = nodeAt(loaded.root, [section]);
    if (node?.kind !== 'map' || node.entries.size === 0) continue;
    out[section] = Object.fromEntries(
      [...node.entries].map(([key, { value }]) => {
        const parsed = parseId(key);
        const type = 'type' in parsed ? parsed.type : key;
        const factory = factories.find((each) => each.kind === kind && (each.type === type || each.aliases?.includes(type)));
        if (factory === undefined) return [key, inputFor(undefined, value)];
        return [key, fill(factory.options, inputFor(factory.options, value) ?? {}, show)];
      }),
    );
  }
  const service = nodeAt(loaded.root, ['service']);
  const written = (key: string) => {
    const node = service?.kind === 'map' ? service.entries.get(key)?.value : undefined;
    return node === undefined ? undefined : inputFor(key === 'telemetry' ? telemetrySchema : undefined, node);
  };
  out['service'] = {
    extensions: written('extensions') ?? [],
    pipelines: written('pipelines') ?? {},
    telemetry: fill(telemetrySchema, written('telemetry') ?? {}, show),
  };
  return options.format === 'json' ? `${JSON.stringify(out, null, 2)}\n` : stringify(out, { lineWidth: 0 });
}

function fill(schema: Schema | undefined, input: unknown, show: boolean): unknown {
  if (schema === undefined) return input;
  const { kind, fallback } = shapeOf(schema);
  const value = input === undefined ? fallback?.value : input;
  if (value === undefined || value === null) return value;
  if (value instanceof Secret) return show ? value.reveal() : REDACTED;
  if (kind === 'secret') return show ? value : REDACTED;
  if (kind === 'headers') return show ? value : redactHeaders(value);
  if (kind === 'duration') return typeof value === 'number' ? formatDuration(value / 1e6) : value;
  if (Array.isArray(value)) return value.map((item, i) => fill(childOf(schema, i), item, show));
  if (typeof value === 'string' && !show) return withoutCredentials(value);
  if (typeof value !== 'object') return value;
  const keys = new Set([...keysOf(schema), ...Object.keys(value)]);
  return Object.fromEntries(
    [...keys].flatMap((key) => {
      const filled = fill(childOf(schema, key), (value as Readonly<Record<string, unknown>>)[key], show);
      return filled === undefined ? [] : [[key, filled]];
    }),
  );
}

function redactHeaders(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each: { name?: unknown }) => ({ name: each.name, value: REDACTED }));
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.keys(value).map((key) => [key, REDACTED]))
    : REDACTED;
}
