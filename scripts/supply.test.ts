/** Claim 31: what is installed with misstep is little, known by its hash, and runs nothing when it is installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface Package {
  readonly dev?: boolean;
  readonly optional?: boolean;
  /** Optional, and a development package wants it too. */
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
  readonly link?: boolean;
}

const read = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, '..', file), 'utf8')) as Record<string, unknown>;
const lock = Object.entries(read('package-lock.json')['packages'] as Record<string, Package>).filter(([path]) => path !== '');
const shipped = lock.filter(([, { dev }]) => dev !== true);

/** 33 when this was written; a new one is a decision. */
const MOST_NEEDED = 35;
/** What the database and the API take besides (ADR 12, 14): 68 when this was written, 9 of them libsql for one platform each. */
const MOST_OPTIONAL = 70;

test('claim 31: no package that is installed with misstep has an install script, nor has misstep', () => {
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
  const scripts = Object.keys(read('package.json')['scripts'] as object);
  expect(scripts.filter((name) => /^(pre|post)?(install|prepare|pack|publish)|dependencies$/.test(name))).toEqual([]);
});

test('claim 31: each of them is known by its SHA-512', () => {
  expect(shipped.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
});

test('claim 31: few packages are installed with misstep', () => {
  const optional = shipped.filter(([, one]) => one.optional === true || one.devOptional === true).length;
  expect(shipped.length - optional).toBeLessThanOrEqual(MOST_NEEDED);
  expect(optional).toBeLessThanOrEqual(MOST_OPTIONAL);
});
