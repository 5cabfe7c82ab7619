// `npm run docs [-- FOLDER]`: the documentation as a site in a folder, default dist-docs. Exit code 1 if a link is broken; it is written all the same.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSite } from './site.ts';

const root = dirname(fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, ''));
const out = process.argv[2] ?? join(root, 'dist-docs');
const { pages, problems } = readSite(root);
rmSync(out, { recursive: true, force: true });
for (const [path, { html, images }] of pages) {
  const file = join(out, path.replace(/\.md$/, '.html'));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, html);
  for (const image of images) cpSync(join(root, image), join(out, image));
}
for (const problem of problems) console.error(problem);
console.log(`${pages.size} pages in ${out}; begin with README.html`);
process.exitCode = problems.length === 0 ? 0 : 1;
