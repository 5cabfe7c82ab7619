// The GitHub action: its steps are run with bash as a runner would, with the built package in the place of the one on npm.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'dist/bin/misstep.js');
const folder = mkdtempSync(join(tmpdir(), 'misstep-action-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}
interface Step {
  readonly id: string;
  readonly shell: string;
  readonly env: Readonly<Record<string, string>>;
  readonly run: string;
}

const action = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as Action;
const [step] = action.runs.steps as [Step];

/** As the runner: inputs into the environment, the script into a file, GitHub's files at hand. */
function run(inputs: Readonly<Record<string, string>>) {
  for (const name of Object.keys(inputs)) expect(action.inputs).toHaveProperty(name);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(step.env)) {
    const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(value)?.[1] ?? '';
    env[name] = inputs[input] ?? action.inputs[input]?.default ?? '';
  }
  const files = { GITHUB_STEP_SUMMARY: join(folder, 'summary'), GITHUB_OUTPUT: join(folder, 'output') };
  for (const file of Object.values(files)) writeFileSync(file, '');
  writeFileSync(join(folder, 'step.sh'), step.run);
  const { status, stdout, stderr } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', join(folder, 'step.sh')], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...env, ...files, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` },
  });
  const read = (file: string) => readFileSync(file, 'utf8');
  return { status, stdout, stderr, summary: read(files.GITHUB_STEP_SUMMARY), output: read(files.GITHUB_OUTPUT) };
}

test('the inputs reach the script by the environment alone, and its version is that of the package', () => {
  expect(step.run).not.toContain('${{');
  expect([action.runs.using, step.shell]).toEqual(['composite', 'bash']);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(action.inputs['version']?.default).toBe(version);
  for (const { value } of Object.values(action.outputs)) expect(value).toContain(`steps.${step.id}.outputs.`);
});

describe.skipIf(!existsSync(built))('its step', () => {
  beforeAll(() => {
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'runs/deep er'), { recursive: true });
    // What npx would do with the package from npm.
    const npx = `#!/usr/bin/env bash\nset -e\n[[ $1 == --yes && $2 == --package && $3 == misstep@* && $4 == -- && $5 == misstep ]]\nexec node '${built}' "\${@:6}"\n`;
    writeFileSync(join(folder, 'bin/npx'), npx);
    chmodSync(join(folder, 'bin/npx'), 0o755);
    cpSync(join(root, 'examples/demo/recording.json'), join(folder, 'runs/deep er/a run.json'));
    const { stdout } = spawnSync('node', [built, 'replay', '--output', 'jsonl', 'runs/deep er/a run.json'], {
      cwd: folder,
      encoding: 'utf8',
    });
    writeFileSync(join(folder, 'base.jsonl'), stdout);
    const without = stdout.split('\n').filter((line) => !line.includes('"detector":"loop"'));
    writeFileSync(join(folder, 'less.jsonl'), without.join('\n'));
    writeFileSync(join(folder, 'no-loop.yaml'), 'processors: {detect: {detectors: {loop: {enabled: false}}}}\n');
  });

  test('no difference: it passes and the summary says so', () => {
    const { status, summary, output } = run({ files: 'runs/**/*.json', baseline: 'base.jsonl' });
    expect([status, output]).toEqual([0, 'found=0\nnew=0\nchanged=0\ngone=0\nsame=3\n']);
    expect(summary).toBe('### misstep: 0 new, 0 changed, 0 gone, 3 same\n\n');
  });

  test('a new finding fails it, with an annotation on the file', () => {
    const { status, stdout, summary } = run({ files: '\nruns/**/*.json\n', baseline: 'less.jsonl' });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^::error file=runs\/deep er\/a run\.json,title=new high%3A loop::/);
    expect(summary).toContain('| new | high | loop |');
    expect(run({ files: 'runs/**/*.json', baseline: 'less.jsonl', 'fail-on': 'new-critical' }).status).toBe(0);
  });

  test('without a baseline findings of severity high fail it', () => {
    const { status, output } = run({ files: 'runs/deep er/a run.json' });
    expect([status, output]).toEqual([1, expect.stringContaining('found=3\nnew=0\n')]);
  });

  test.each([
    [{ files: '' }, 'the input files names none'],
    [{ files: 'none/*.json' }, 'no file matches none/*.json'],
    [{ files: 'none.json' }, 'no file matches none.json'],
    [{ files: '$(touch hacked) `touch hacked`; touch hacked' }, 'no file matches'],
    [{ files: 'runs/**/*.json', 'fail-on': 'new' }, 'Give --diff <baseline>'],
    [{ files: 'runs/**/*.json', 'fail-on': 'sometimes' }, "argument 'sometimes' is invalid"],
    [{ files: 'runs/**/*.json', baseline: 'runs' }, 'a folder'],
    [{ files: 'runs/**/*.json', config: 'no-loop.yaml' }, 'no-loop.yaml'],
  ])('%j is refused', (inputs, message) => {
    const { status, stdout, stderr } = run(inputs);
    expect([status, stdout + stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(existsSync(join(folder, 'hacked'))).toBe(false);
  });
});
