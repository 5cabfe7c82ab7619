/** Who the spans of this process come from, as OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say. */
import type { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';

/** The SDK's own class is in a package that misstep does not name; it asks for no more than this. */
export type Resource = NonNullable<NonNullable<ConstructorParameters<typeof BasicTracerProvider>[0]>['resource']>;

export function resourceOf(env: NodeJS.ProcessEnv): Resource {
  const attributes: Record<string, string> = {
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.name': 'opentelemetry',
    ...parsed(env['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
  };
  const name = env['OTEL_SERVICE_NAME'];
  if (name) attributes['service.name'] = name;
  attributes['service.name'] ??= 'unknown_service:node';
  return fixed(attributes);
}

/** `key=value,…`, values percent-encoded; a pair that is none is left out. */
function parsed(text: string): Record<string, string> {
  const pairs: [string, string][] = [];
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    if (at <= 0) continue;
    try {
      pairs.push([decodeURIComponent(pair.slice(0, at).trim()), decodeURIComponent(pair.slice(at + 1).trim())]);
    } catch {
      // Not percent-encoded: the specification leaves the whole out, the others are still right.
    }
  }
  return Object.fromEntries(pairs);
}

function fixed(attributes: Resource['attributes']): Resource {
  return {
    attributes,
    getRawAttributes: () => Object.entries(attributes),
    merge: (other) => (other === null ? fixed(attributes) : fixed({ ...attributes, ...other.attributes })),
  };
}
