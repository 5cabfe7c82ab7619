/** Files that are shipped beside the code, found the same way from source and from dist. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The configuration of `run` without `--config`. */
export function defaultConfigFile(): string {
  return shippedConfig('default.yaml');
}

export function shippedConfig(name: string): string {
  return fileURLToPath(new URL(`../config/${name}`, import.meta.url));
}

/** The table behind `embed`. */
export const embeddingFile = new URL('../src/text/embedding.bin', import.meta.url);

/** Its bytes. Throws if the file is missing. */
export function embeddingTable(): Uint8Array {
  return readFileSync(embeddingFile);
}

/** From package.json: one folder up from the source, two from dist. */
export function version(): string {
  for (const up of ['../package.json', '../../package.json']) {
    const url = new URL(up, import.meta.url);
    if (!existsSync(url)) continue;
    const parsed = JSON.parse(readFileSync(url, 'utf8')) as { name?: unknown; version?: unknown };
    if (parsed.name === 'misstep' && typeof parsed.version === 'string') return parsed.version;
  }
  return '0.0.0-unknown';
}
