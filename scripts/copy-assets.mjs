// Copies into dist what tsc does not: shipped configurations, the JSON Schema, fitted numbers, the table of embeddings, the demo's recording.
// Then makes the command executable; tsc keeps the shebang but not the mode.
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'dist/bin/misstep.js');

for (const file of assets()) {
  const target = join(root, 'dist', file);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(root, file), target);
}

if (existsSync(bin)) {
  if (!readFileSync(bin, 'utf8').startsWith('#!'))
    throw new Error('dist/bin/misstep.js has no shebang: the installed command would not start.');
  chmodSync(bin, 0o755);
}

/** Paths relative to the root. Test data and scenarios stay out: they are not shipped. */
function assets() {
  const shipped = [
    ...list('config', (name) => /^config\/([^/]+\.yaml|[^/]+\.json)$/.test(name)),
    ...list('detectors', (name) => name.endsWith('.fit.json')),
    ...list('src', (name) => /\.(json|bin)$/.test(name) && !name.includes('/testdata/')),
    ...list('extensions', (name) => /^extensions\/zpages\/page\.(html|css|js)$/.test(name)),
    ...list('bin', (name) => /\.(yaml|json)$/.test(name) && !name.includes('/testdata/')),
  ];
  if (existsSync(join(root, 'examples/demo/recording.json'))) shipped.push('examples/demo/recording.json');
  return shipped;
}

function list(folder, wanted) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .filter(wanted);
}
