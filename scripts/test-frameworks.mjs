// Runs every scripts/frameworks/*/run.mjs with this Node: real frameworks, offline, into the built misstep. Exit 1 if one fails.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('frameworks', import.meta.url));
const only = process.argv.slice(2);
const names = readdirSync(folder).filter(
  (name) => existsSync(`${folder}/${name}/run.mjs`) && (only.length === 0 || only.includes(name)),
);
let failed = 0;
for (const name of names) {
  const ok = spawnSync(process.execPath, [`${folder}/${name}/run.mjs`], { stdio: 'inherit' }).status === 0;
  if (!ok) failed++;
  process.stdout.write(`${name}: ${ok ? 'ok' : 'failed'}\n`);
}
process.exitCode = failed > 0 ? 1 : 0;
