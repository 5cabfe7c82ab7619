import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const script = fileURLToPath(new URL('release-check.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'misstep-release-'));
afterAll(() => rmSync(folder, { recursive: true }));

const GOOD: Readonly<Record<string, string>> = {
  'package.json': '{"version":"1.2.3","repository":{"url":"git+https://github.com/o/misstep.git"}}',
  'package-lock.json': '{"version":"1.2.3","packages":{"":{"version":"1.2.3"}}}',
  'CHANGELOG.md': '# Changelog\n\n## 1.2.3, 2026-02-28\n\n- New.\n\n## 1.2.2, 2026-01-01\n\n- Old.\n',
  'deploy/helm/misstep/Chart.yaml': 'name: misstep\nversion: 1.2.3\nappVersion: "1.2.3"\n',
};

function check(changed: Readonly<Record<string, string>>, args: readonly string[] = ['v1.2.3'], repository = 'o/misstep') {
  const cwd = mkdtempSync(join(folder, 'tree-'));
  for (const [path, content] of Object.entries({ ...GOOD, ...changed })) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), content);
  }
  const env = { ...process.env, GITHUB_REPOSITORY: repository };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('what agrees: the section of the version, and no other', () => {
  expect(check({})).toEqual({ status: 0, stdout: '- New.\n', stderr: '' });
});

test.each<[string, Record<string, string>, string]>([
  [
    'package',
    { 'package.json': GOOD['package.json']?.replace('1.2.3', '1.2.4') ?? '' },
    "package.json: version is '1.2.4', the tag says '1.2.3'",
  ],
  ['lock', { 'package-lock.json': '{"version":"1.2.2","packages":{"":{"version":"1.2.3"}}}' }, 'Run npm install'],
  ['lock without root', { 'package-lock.json': '{"version":"1.2.3"}' }, "packages[''].version is missing"],
  ['no JSON', { 'package-lock.json': '{' }, 'package-lock.json is no JSON'],
  ['null', { 'package-lock.json': 'null' }, 'package-lock.json: version is missing'],
  ['chart', { 'deploy/helm/misstep/Chart.yaml': 'version: 1.2.3\nappVersion: "1.2.2"\n' }, "appVersion is '1.2.2'"],
  ['unreleased', { 'CHANGELOG.md': '## 1.2.3, unreleased\n\n- New.\n' }, "is dated 'unreleased'"],
  ['no such day', { 'CHANGELOG.md': '## 1.2.3, 2026-02-30\n\n- New.\n' }, "is dated '2026-02-30'"],
  ['other version', { 'CHANGELOG.md': '## 1.2.2, 2026-02-28\n\n- New.\n' }, "newest section is '1.2.2'"],
  ['nothing under it', { 'CHANGELOG.md': '## 1.2.3, 2026-02-28\n' }, 'nothing stands under'],
  ['empty changelog', { 'CHANGELOG.md': '' }, 'newest section is missing'],
  ['no repository', { 'package.json': '{"version":"1.2.3"}' }, "repository is '', this is o/misstep"],
  ['another repository', { 'package.json': '{"version":"1.2.3","repository":"github:x/o-misstep"}' }, 'this is o/misstep'],
])('%s', (_name, changed, said) => {
  const { status, stdout, stderr } = check(changed);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain(said);
});

test.each(['1.2.3', 'v1.2', 'v01.2.3', 'v1.2.3+build', 'v1.2.3\n', '$(id)', ''])('tag %j', (tag) => {
  expect(check({}, [tag])).toMatchObject({ status: 1, stderr: expect.stringContaining('Write v and a version') });
});

test('all problems at once; no tag is a usage error', () => {
  const { stderr } = check({ 'package.json': '{}', 'CHANGELOG.md': '' });
  expect(stderr.trim().split('\n')).toHaveLength(4);
  expect(check({}, [])).toMatchObject({ status: 2, stderr: expect.stringContaining('usage') });
});
