// node scripts/release-check.mjs v1.2.3: does everything that names the version agree with the tag? Prints what the changelog says of it,
// for the release's page; or every problem on stderr, with exit code 1. Reads the folder in which it runs.
import { readFileSync } from 'node:fs';

// SemVer's own, without build metadata: npm drops that.
const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;
const problems = [];
const [tag, ...rest] = process.argv.slice(2);

if (tag === undefined || rest.length > 0) {
  console.error('usage: node scripts/release-check.mjs vVERSION');
  process.exit(2);
}

const version = tag.replace(/^v/, '');
if (!tag.startsWith('v') || !VERSION.test(version))
  problems.push(`The tag is '${tag}'. Write v and a version of SemVer, e.g. v1.2.3.`);

const pack = json('package.json');
const lock = json('package-lock.json');
same('package.json: version', pack.version, 'Change it, then run npm install.');
same('package-lock.json: version', lock.version, 'Run npm install.');
same("package-lock.json: packages[''].version", lock.packages?.['']?.version, 'Run npm install.');
const chart = text('deploy/helm/misstep/Chart.yaml');
for (const key of ['version', 'appVersion']) {
  same(`deploy/helm/misstep/Chart.yaml: ${key}`, new RegExp(`^${key}: "?([^"\\s]+)"?$`, 'm').exec(chart)?.[1], 'Change it.');
}

// npm refuses provenance of a package that names another repository than the one that builds it.
const repository = process.env.GITHUB_REPOSITORY;
const named = typeof pack.repository === 'string' ? pack.repository : (pack.repository?.url ?? '');
if (repository !== undefined && !new RegExp(`[/:]${repository.replaceAll('.', '\\.')}(\\.git)?$`, 'i').test(named)) {
  problems.push(
    `package.json: repository is '${named}', this is ${repository}. Write { "type": "git", "url": "git+https://github.com/${repository}.git" }.`,
  );
}

const notes = changelog();
if (problems.length > 0) {
  for (const problem of problems) console.error(problem);
  process.exit(1);
}
console.log(notes);

/** The newest section: its version, its date, and that it says something. */
function changelog() {
  const [, newest = ''] = text('CHANGELOG.md').split(/^## /m);
  const end = newest.indexOf('\n');
  const heading = (end < 0 ? newest : newest.slice(0, end)).trim();
  const [of, date = ''] = heading.split(', ');
  same('CHANGELOG.md: newest section', of || undefined, `Write '## ${version}, YYYY-MM-DD' above what has changed.`);
  if (of === version && !isDay(date))
    problems.push(`CHANGELOG.md: ${version} is dated '${date}'. Write the day of the release, YYYY-MM-DD.`);
  const body = end < 0 ? '' : newest.slice(end).trim();
  if (body === '') problems.push(`CHANGELOG.md: nothing stands under '## ${heading}'. Say what has changed.`);
  return body;
}

function isDay(date) {
  const at = new Date(`${date}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(date) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(date);
}

function same(where, found, todo) {
  if (found !== version)
    problems.push(`${where} is ${found === undefined ? 'missing' : `'${found}'`}, the tag says '${version}'. ${todo}`);
}

function text(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    problems.push(`${path} cannot be read (${error.code}). Run this in the folder of package.json.`);
    return '';
  }
}

function json(path) {
  const content = text(path);
  try {
    return JSON.parse(content || '{}') ?? {};
  } catch (error) {
    problems.push(`${path} is no JSON: ${error.message}`);
    return {};
  }
}
