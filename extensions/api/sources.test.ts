import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readSource } from './sources.ts';

const base = mkdtempSync(join(tmpdir(), 'misstep-sources-'));
const root = join(base, 'root');
mkdirSync(join(root, 'src'), { recursive: true });
const put = (path: string, what: string | Uint8Array) => writeFileSync(join(base, path), what);
put('root/src/agent.py', 'a = 1\r\n');
put('root/bom.py', '\uFEFFa = 1\n');
put('outside.py', 'secret = 1\n');
put('root/notes.txt', 'x');
put('root/.env', 'x');
put('root/binary.py', Uint8Array.of(0x61, 0xff, 0xfe));
put('root/nul.py', 'a\0b');
put('root/full.py', 'x'.repeat(256 * 1024));
put('root/long.py', 'x'.repeat(256 * 1024 + 1));
mkdirSync(join(root, 'folder.py'));
symlinkSync(join(base, 'outside.py'), join(root, 'link.py'));
symlinkSync(join(root, 'src/agent.py'), join(root, 'inner.py'));
symlinkSync(base, join(root, 'up'));
symlinkSync(join(root, 'src'), join(root, 'same'));
symlinkSync(root, join(base, 'by-link'));
execFileSync('mkfifo', [join(root, 'pipe.py')]);
afterAll(() => rmSync(base, { recursive: true }));

const read = (path: string, tenant = 'default') => readSource({ root, tenants: ['default'] }, tenant, path);

test('a file, as it is', async () => {
  expect(await read('src/agent.py')).toEqual({ path: 'src/agent.py', text: 'a = 1\r\n' });
  expect((await read('bom.py')).text).toBe('\uFEFFa = 1\n');
  expect((await read('full.py')).text).toHaveLength(256 * 1024);
  // The root itself may be a link: whoever runs misstep named it.
  expect((await readSource({ root: join(base, 'by-link'), tenants: ['default'] }, 'default', 'src/agent.py')).text).toBe(
    'a = 1\r\n',
  );
});

test.each<[path: string, status: number, code: string]>([
  ['../outside.py', 422, 'not-valid'],
  ['src/../../outside.py', 422, 'not-valid'],
  ['./src/agent.py', 422, 'not-valid'],
  ['/etc/hosts.py', 422, 'not-valid'],
  ['src//agent.py', 422, 'not-valid'],
  ['src\\..\\agent.py', 422, 'not-valid'],
  ['src/agent.py\0.py', 422, 'not-valid'],
  ['%2e%2e/outside.py', 404, 'not-found'],
  ['notes.txt', 422, 'not-valid'],
  ['.env', 422, 'not-valid'],
  ['', 422, 'not-valid'],
  [`${'a/'.repeat(500)}b.py`, 422, 'not-valid'],
  ['none.py', 404, 'not-found'],
  ['src/agent.py/x.py', 404, 'not-found'],
  ['folder.py', 404, 'not-found'],
  ['link.py', 404, 'not-found'],
  ['inner.py', 404, 'not-found'],
  ['up/outside.py', 404, 'not-found'],
  ['same/agent.py', 404, 'not-found'],
  ['pipe.py', 404, 'not-found'],
  ['binary.py', 422, 'not-text'],
  ['nul.py', 422, 'not-text'],
  ['long.py', 422, 'too-large'],
])('%j is refused', async (path, status, code) => {
  await expect(read(path)).rejects.toMatchObject({ status, code });
});

test('of another tenant, or without the option, nothing is read', async () => {
  for (const path of ['src/agent.py', 'none.py', '../outside.py']) {
    await expect(read(path, 'other')).rejects.toMatchObject({ status: 409, code: 'no-sources' });
    await expect(readSource(undefined, 'default', path)).rejects.toMatchObject({ status: 409, code: 'no-sources' });
  }
});
