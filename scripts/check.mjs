// Everything CI demands, cheap first, stopping at the first failure. `--skip a,b` leaves steps out (CI has run the tests before).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { skip: { type: 'string', default: '' } } });
const skipped = new Set(values.skip.split(',').filter(Boolean));

/** The table of embeddings is 4 of its 5 MB; a fifth more than now is worth a look at what came in. */
const MAX_PACKED_BYTES = 6_000_000;
/** Tests, what only this repository runs, and any folder that nobody has named. */
const UNPACKED =
  /\.(map|tsbuildinfo|test\.[cm]?js)$|(^|\/)(testdata|testing\.js|node_modules|bench|scripts)(\/|$)|^(?!dist|config|examples\/demo)[^/]+\//;
const PACKED = [
  'LICENSE',
  'NOTICE',
  'README.md',
  'CHANGELOG.md',
  'config/schema.json',
  'dist/bin/misstep.js',
  'dist/bin/sdk/index.d.ts',
];

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

/** What npm publishes holds what it must and no more, installs into an empty folder, and starts there. */
function checkPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'misstep-packed-'));
  try {
    const packed = spawnSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    if (packed.status !== 0) return `$ npm pack\n${packed.stdout}${packed.stderr}`;
    const [{ filename, size, files }] = JSON.parse(packed.stdout);
    const npx = ['--yes', '--ignore-scripts', '--prefer-offline', `./${filename}`];
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
    return (
      contents(
        size,
        files.map(({ path }) => path),
      ) ??
      // As somebody tries it who has nothing but the tarball.
      says('npx', [...npx, '--version'], [version], folder) ??
      says('npx', [...npx, 'demo', '--exit', '--grpc', '127.0.0.1:34317', '--http', '127.0.0.1:34318'], findings(), folder) ??
      run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', `./${filename}`], {
        cwd: folder,
      }) ??
      run('node', ['-e', 'await import("misstep")', '--input-type=module'], { cwd: folder })
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function contents(size, paths) {
  const wrong = paths.filter((path) => UNPACKED.test(path) && !path.startsWith('dist/src/detector/testing/'));
  if (wrong.length > 0) return `These files do not belong into the package: ${wrong.join(', ')}. See "files" in package.json.`;
  const missing = PACKED.filter((path) => !paths.includes(path));
  if (missing.length > 0) return `The package lacks ${missing.join(', ')}. See "files" in package.json.`;
  const there = new Set(paths);
  const loose = paths.filter((path) => path.endsWith('.js')).flatMap((path) => imports(path).filter((one) => !there.has(one)));
  if (loose.length > 0) return `The package lacks what its own files import: ${loose.join(', ')}. See "files" in package.json.`;
  if (size > MAX_PACKED_BYTES) return `The package has ${size} bytes, more than ${MAX_PACKED_BYTES}.`;
  return undefined;
}

/** Files of the package that one of them imports. */
function imports(path) {
  const found = readFileSync(join(root, path), 'utf8').matchAll(/(?:from|import|import\(|new URL\() ?'(\.{1,2}\/[^']+\.js)'/g);
  return [...found].map(([, to]) => posix.join(posix.dirname(path), to));
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
  return (
    says('node', [bin, 'replay', '--output', 'jsonl', 'examples/demo/recording.json'], ['"kind":"detection"']) ??
    says('node', [bin, ...demo], findings()) ??
    // Who has read enough goes away: the command ends with it and has not failed.
    run('bash', ['-c', 'set -o pipefail; node "$@" | head -1', '-', bin, ...demo])
  );
}

/** What the README shows of the demo. */
function findings() {
  const shown = readFileSync(join(root, 'README.md'), 'utf8').split('```')[1].split('\n');
  return shown.filter((line) => /^ {2,}\S/.test(line) && !line.includes('…'));
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
