// Runs scripts/peers/*.peer.test.ts against the built command line. Peers are looked for in $BENCH_CACHE/bin; client
// libraries are installed into $BENCH_CACHE/peers, and kept there for the next run.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = ['run', '--config', 'scripts/peers/vitest.config.mjs', ...process.argv.slice(2)];
process.exitCode = spawnSync(`${root}node_modules/.bin/vitest`, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
