/** Payloads of frameworks that stand beside the repository, with the counts that an adapter's spans must reproduce. For tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '../../../shared/eval/frameworks');
/** Where they are missing, CI fails and other runs skip. */
export const samplesExpected = existsSync(join(folder, 'EXPECTED.json')) || process.env['CI'] !== undefined;

const expected: Readonly<Record<string, unknown>> = existsSync(join(folder, 'EXPECTED.json'))
  ? (JSON.parse(readFileSync(join(folder, 'EXPECTED.json'), 'utf8')) as Record<string, unknown>)
  : {};

/** Files of a framework's folder but its README. */
export function sampleNames(framework: string): readonly string[] {
  const at = join(folder, framework);
  return existsSync(at) ? readdirSync(at).filter((name) => name !== 'README.md') : [];
}

export function sampleText(framework: string, name: string): string {
  return readFileSync(join(folder, framework, name), 'utf8');
}

/** The expected counts; `undefined` where none are settled. */
export function expectedOf<T>(framework: string, name: string): T | undefined {
  return expected[`${framework}/${name}`] as T | undefined;
}
