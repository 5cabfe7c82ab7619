// Nothing is exported that only its own file names; and the checker sees a planted one in every form.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { unusedExports } from './exports.ts';
import { type Rooms, readModules } from './rooms.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What package.json exports; and the generator, whose text holds the exports of what it writes. */
const ENTRIES = [
  'bin/sdk/index.ts',
  'bin/sdk/agent.ts',
  'bin/sdk/register.ts',
  'src/index.ts',
  'src/detector/testing/tester.ts',
  'scripts/generate.ts',
];

test('the tree exports nothing that only its own file names', () => {
  const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
  const path = 'rooms.test.ts';
  const modules = [...readModules(JSON.parse(read('rooms.json')) as Rooms, root), { path, text: read(path) }];
  expect(modules.length).toBeGreaterThan(10);
  expect(unusedExports(modules, ENTRIES)).toEqual([]);
});

test.each([
  ['export const a = 1;', '', ['src/x.ts: a']],
  ['export async function a() {}', '', ['src/x.ts: a']],
  ['export class a {}\nexport const b = 1;', "import { b } from './x.ts';", ['src/x.ts: a']],
  ['export const a = 1;', "import { a } from '../x.ts';", ['src/x.ts: a']],
  ['export const a = 1;', "import { aa } from './x.ts';", ['src/x.ts: a']],
  ['export const a = 1;', "import {\n  type B,\n  a,\n} from './x.ts';", []],
  ['export const a = 1;', "export { a as b } from './x.ts';", []],
  ['export const a = 1;', "import * as x from './x.ts';", []],
  ['export const a = 1;', "const { a } = await import('./x.ts');", []],
  ['export const a = 1;', "const { b } = await import('./x.ts');", ['src/x.ts: a']],
  ['export const a = 1;', "const load = () => import('./x.ts');", []],
  ['export interface A {}\nexport type B = A;', '', []],
])('%j beside %j', (exporting, importing, unused) => {
  const modules = [
    { path: 'src/x.ts', text: exporting },
    { path: 'src/y.ts', text: importing },
  ];
  expect(unusedExports(modules, [])).toEqual(unused);
  expect(unusedExports(modules, ['src/x.ts'])).toEqual([]);
});
