// The pages of docs/backends: every YAML block is a configuration that `misstep validate` accepts without a word, every page has its parts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { configure } from './configure.ts';

const folder = fileURLToPath(new URL('../docs/backends/', import.meta.url));
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md' && name !== 'sampling.md');
const read = (page: string): string => readFileSync(`${folder}${page}`, 'utf8');
const blocks = pages.flatMap((page) =>
  [...read(page).matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml], i) => ({ page, n: i + 1, yaml: yaml as string })),
);

test.each(blocks)('$page, block $n, is valid', async ({ yaml }) => {
  const names = [...yaml.matchAll(/\$\{env:(\w+)\}/g)].map(([, name]) => name as string);
  const env = Object.fromEntries(
    names.map((name) => [name, name.endsWith('_ENDPOINT') ? 'https://intake.test/v1' : 'value-of-it']),
  );
  const { spec, problems } = await configure({ files: [`yaml:${yaml}`], sets: [], env, cwd: folder });
  // In a container localhost is doubted; that is about where the test runs.
  expect(problems.filter((problem) => !problem.includes('container'))).toEqual([]);
  expect(spec).toBeDefined();
});

test.each(pages)('%s has a configuration, queries, limits, what is not shown, and no dead link', (page) => {
  const text = read(page);
  expect(blocks.some((block) => block.page === page)).toBe(true);
  for (const heading of ['## Limits', '## Not shown']) expect(text).toContain(heading);
  expect(/^## (Search|Where it appears|Queries)$/m.test(text)).toBe(true);
  for (const [, target] of text.matchAll(/\]\(([^)#:]+)[)#]/g)) expect(existsSync(`${folder}${target}`), target).toBe(true);
});

test('the index names every page', () => {
  for (const page of pages) expect(read('README.md')).toContain(`](${page})`);
});

test('a key that is not set is an error with its place', async () => {
  const yaml = `
receivers: {otlp: {protocols: {http: }}}
processors: {detect: }
connectors: {detections: }
exporters: {nop: , langfuse: {public_key: "", secret_key: x}}
service: {pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [nop, detections]}, logs: {receivers: [detections], exporters: [langfuse]}}}
`;
  const { spec, problems } = await configure({ files: [`yaml:${yaml}`], sets: [], env: {}, cwd: folder });
  expect(spec).toBeUndefined();
  expect(problems.join('\n')).toMatch(/5:\d+ .*exporters\.langfuse\.public_key: empty/);
});

test('a score exporter in a pipeline of traces is told what feeds it', async () => {
  const yaml = `
receivers: {otlp: {protocols: {http: }}}
exporters: {phoenix: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [phoenix]}}}
`;
  const { spec, problems } = await configure({ files: [`yaml:${yaml}`], sets: [], env: {}, cwd: folder });
  expect(spec).toBeUndefined();
  expect(problems.join('\n')).toContain('phoenix');
});
