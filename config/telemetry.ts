/** `service.telemetry`: misstep's own logs and metrics, under the Collector's keys. */
import { z } from 'zod';
import type { TelemetryConfig } from './service-config.ts';
import { count } from './units.ts';

/** What the page prints anyway; other values do not work, so they are refused. */
const always = () => z.literal(true).optional();

const reader = z.strictObject({
  pull: z.strictObject({
    exporter: z.strictObject({
      prometheus: z.strictObject({
        host: z.string().default('localhost'),
        port: count(8_888, { min: 0, max: 65_535 }),
        without_scope_info: always(),
        without_units: always(),
        without_type_suffix: always(),
      }),
    }),
  }),
});

const DEFAULT_READERS = [{ pull: { exporter: { prometheus: { host: 'localhost', port: 8_888 } } } }];

export const telemetrySchema = z
  .strictObject({
    logs: z
      .strictObject({
        level: z.enum(['debug', 'info', 'warn', 'error', 'DEBUG', 'INFO', 'WARN', 'ERROR']).default('info'),
        encoding: z.enum(['console', 'json']).default('console'),
      })
      .prefault({}),
    metrics: z
      .strictObject({
        level: z.enum(['none', 'basic', 'normal', 'detailed']).default('normal'),
        /** Null or empty = no page. */
        readers: z.array(reader).max(1, 'only one reader works. Keep one.').nullable().prefault(DEFAULT_READERS),
      })
      .prefault({}),
    resource: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).nullable()).default({}),
  })
  .prefault({});

export function telemetryOf(parsed: z.output<typeof telemetrySchema>): TelemetryConfig {
  const { logs, metrics, resource } = parsed;
  const page = metrics.readers?.[0]?.pull.exporter.prometheus;
  return {
    logs: { level: logs.level.toLowerCase() as TelemetryConfig['logs']['level'], encoding: logs.encoding },
    ...(page === undefined || metrics.level === 'none'
      ? {}
      : { metrics: { level: metrics.level, host: page.host, port: page.port } }),
    resource: Object.fromEntries(Object.entries(resource).map(([key, value]) => [key, value === null ? null : String(value)])),
  };
}

/** Resource attributes of misstep itself: the defaults, over them what is written, null taking away. */
export function resourceAttributes(
  written: TelemetryConfig['resource'],
  defaults: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const merged: [string, string | null][] = Object.entries({ ...defaults, ...written });
  return Object.fromEntries(merged.filter((pair): pair is [string, string] => pair[1] !== null));
}
