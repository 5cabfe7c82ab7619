// Everything CI demands, cheap first, stopping at the first failure. `--skip a,b` leaves steps out (CI has run the tests before).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { skip: { type: 'string', default: '' } } });
const skipped = new Set(values.skip.split(',').filter(Boolean));

const steps = {
  format: () => run(tool('biome'), ['format', '.']),
  lint: () => run(tool('biome'), ['ci', '--formatter-enabled=false', '.']),
  types: () => run(tool('tsc'), ['--noEmit']),
  rooms: () => run(tool('vitest'), ['run', 'rooms.test.ts']),
  unit: () => run(tool('vitest'), ['run', '--exclude', 'rooms.test.ts', '--exclude', '**/*scenarios.test.ts']),
  scenarios: () => run(tool('vitest'), ['run', '--passWithNoTests', 'scenarios.test.ts']),
  build: () => run('npm', ['run', '--silent', 'build']),
  // That they run; their figures depend on the machine and decide nothing.
  bench: () => run('npm', ['run', '--silent', 'bench']),
  supply: checkSupply,
  generated: checkGenerated,
  packed: checkPacked,
  examples: checkExamples,
};

for (const name of skipped) if (!(name in steps)) fail(`--skip ${name}: no such step. Steps: ${Object.keys(steps).join(', ')}.`);

for (const [name, step] of Object.entries(steps)) {
  if (skipped.has(name)) {
    console.log(`  -  ${name} (skipped)`);
    continue;
  }
  const started = performance.now();
  const problem = step();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (problem !== undefined) {
    console.error(problem);
    fail(`FAIL ${name} ${seconds} s`);
  }
  console.log(`  ok ${name} ${seconds} s`);
}

function tool(name) {
  return join(root, 'node_modules/.bin', name);
}

/** undefined on success, else all that the command said. */
function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    ...options,
  });
  if (status === 0) return undefined;
  return `$ ${command} ${args.join(' ')}\n${stdout ?? ''}${stderr ?? ''}${error ?? ''}`;
}

/** What is installed with misstep runs nothing when it is installed, and can be listed. */
function checkSupply() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const running = Object.keys(packages).filter((path) => packages[path].hasInstallScript && !packages[path].dev);
  if (running.length > 0) return `These packages run a script when they are installed: ${running.join(', ')}. Do without them.`;
  return says('npm', ['run', '--silent', 'sbom'], ['"bomFormat": "CycloneDX"', '"purl": "pkg:npm/zod@']);
}

/** The generators write into the tree; what stood there before must be what they write. */
function checkGenerated() {
  const script = join(root, 'dist/scripts/generate.js');
  if (!existsSync(script)) return 'dist/scripts/generate.js is missing: run the build step first.';
  const problem = run('node', [script, '--check']);
  return problem && `${problem}\nRun 'npm run generate' and commit what it writes.`;
}

/** What npm publishes installs into an empty folder and starts there. */
function checkPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'misstep-packed-'));
  try {
    const problem = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]);
    if (problem) return problem;
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
    return (
      run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', `./${tarball}`], {
        cwd: folder,
      }) ??
      says(
        'npx',
        ['--no-install', 'misstep', '--version'],
        [JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version],
        folder,
      ) ??
      run('node', ['-e', 'await import("misstep")', '--input-type=module'], { cwd: folder })
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The built command line accepts every example's configuration, and the demo says what the README shows. */
function checkExamples() {
  const bin = join(root, 'dist/bin/misstep.js');
  for (const file of configurations()) {
    // Keys that an example takes from the environment.
    const env = { ...process.env, N8N_API_KEY: 'any', ANTHROPIC_API_KEY: 'any' };
    const problem = run('node', [bin, 'validate', '--config', file], { env });
    if (problem) return problem;
  }
  // Not the usual ports: something may listen there.
  const demo = ['demo', '--exit', '--grpc', '127.0.0.1:34317', '--http', '127.0.0.1:34318'];
  const shown = readFileSync(join(root, 'README.md'), 'utf8').split('```')[1].split('\n');
  const findings = shown.filter((line) => /^ {2,}\S/.test(line) && !line.includes('…'));
  return (
    says('node', [bin, 'replay', '--output', 'jsonl', 'examples/demo/recording.json'], ['"kind":"detection"']) ??
    says('node', [bin, ...demo], findings) ??
    // Who has read enough goes away: the command ends with it and has not failed.
    run('bash', ['-c', 'set -o pipefail; node "$@" | head -1', '-', bin, ...demo])
  );
}

function configurations() {
  return readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('examples', name))
    .filter((name) => /misstep[^/]*\.yaml$/.test(name))
    .sort();
}

/** undefined if the command succeeds and its stdout holds every one of `wanted`. */
function says(command, args, wanted, cwd = root) {
  try {
    const said = execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const missing = wanted.filter((text) => !said.includes(text));
    return missing.length === 0 ? undefined : `$ ${command} ${args.join(' ')}\n${said}\nexpected to read:\n${missing.join('\n')}`;
  } catch (error) {
    return `$ ${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}${error.message}`;
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
