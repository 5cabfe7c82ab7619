// What a workflow may do and run, beyond what actionlint sees.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const folder = new URL('../.github/workflows/', import.meta.url);
const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

const workflows = readdirSync(folder).map((name) => {
  const text = readFileSync(new URL(name, folder), 'utf8');
  const { permissions, jobs } = parse(text) as {
    permissions: unknown;
    jobs: Record<string, { permissions?: object; steps: Step[] }>;
  };
  return { name, text, permissions, jobs, steps: Object.values(jobs).flatMap((job) => job.steps) };
});

test.each(workflows)('$name: actions by the hash of a commit, its version beside it', ({ text, steps }) => {
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  for (const [line] of text.matchAll(/uses: .*/g)) expect(line).toMatch(/ # v\d+\.\d+\.\d+$/);
});

test.each(workflows)('$name: nothing of an event gets into a shell unquoted', ({ steps }) => {
  for (const { run } of steps) expect(run ?? '').not.toContain('${{');
});

test.each(workflows)('$name: what is run exists', ({ steps }) => {
  const runs = steps.map(({ run }) => run ?? '').join('\n');
  for (const [, script = ''] of runs.matchAll(/npm run (?:--silent )?([\w:]+)/g)) expect(scripts).toHaveProperty(script);
  for (const [path] of runs.matchAll(/\.ci\/\w+|scripts\/[\w-]+\.mjs|deploy\/helm\/\w+/g)) {
    expect(existsSync(new URL(`../${path}`, import.meta.url)), path).toBe(true);
  }
});

test('a workflow writes nothing unless a job says what', () => {
  const permissions = Object.fromEntries(workflows.map((one) => [one.name, one.permissions]));
  expect(permissions).toEqual({ 'ci.yml': { contents: 'read' }, 'release.yml': {} });
  const jobs = workflows.flatMap(({ name, jobs }) =>
    Object.entries(jobs).map(([job, { permissions: of }]) => [`${name} ${job}`, of]),
  );
  expect(Object.fromEntries(jobs)).toEqual({
    'ci.yml test': undefined,
    'ci.yml deploy': undefined,
    'release.yml build': { contents: 'read' },
    'release.yml npm': { contents: 'read', 'id-token': 'write' },
    'release.yml image': { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
    'release.yml github': { contents: 'write', 'id-token': 'write', attestations: 'write' },
  });
});
