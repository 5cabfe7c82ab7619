/**
 * Kubernetes' own OpenAPI document (from its Go module) as JSON Schemas in the layout that kubeconform reads: a file for each kind that
 * has a group and version, all pointing into one file of definitions. A member that Kubernetes does not know is an error.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

export function writeKubernetesSchemas(openapi: string, folder: string): void {
  const { definitions } = JSON.parse(readFileSync(openapi, 'utf8'), relaxed) as { definitions: Record<string, Schema> };
  writeFileSync(join(folder, '_definitions.json'), JSON.stringify({ definitions }));
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = definition['x-kubernetes-group-version-kind'] ?? [];
    // More than one: types of the API's own (DeleteOptions), which are in no manifest.
    if (kinds.length !== 1) continue;
    for (const { group, version, kind } of kinds) {
      const suffix = [group.split('.')[0], version].filter(Boolean).join('-');
      writeFileSync(
        join(folder, `${kind}-${suffix}.json`.toLowerCase()),
        JSON.stringify({ $ref: `_definitions.json#/definitions/${name}` }),
      );
    }
  }
}

/** JSON Schema for what OpenAPI 2 says in words of its own. */
function relaxed(_key: string, value: unknown): unknown {
  const schema = value as Schema | null;
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return value;
  if (schema.type === 'string' && schema.format === 'int-or-string') return { type: ['string', 'integer'] };
  if (typeof schema.properties === 'object' && schema.type === 'object') return { ...schema, additionalProperties: false };
  return value;
}
