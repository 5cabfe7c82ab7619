// The image without Docker: what its file names exists, and agrees with the package and the configuration inside.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Instructions in order, lines that go on joined. */
const instructions = read('Dockerfile')
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return { name, rest };
  });
const last = (name: string): string => instructions.findLast((one) => one.name === name)?.rest ?? '';
const pack = JSON.parse(read('package.json'));
const config = parse(read('config/container.yaml'));

test('what is copied from the tree exists and is sent to the build', () => {
  const ignored = read('.dockerignore').split('\n');
  const sources = instructions
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
    .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1));
  expect(sources).toContain('config/container.yaml');
  for (const source of sources) {
    expect(existsSync(join(root, source)), source).toBe(true);
    expect(ignored, source).not.toContain(source.split('/')[0]);
  }
});

test('every script that is run is one of the package', () => {
  const runs = instructions.filter(({ name }) => name === 'RUN').flatMap(({ rest }) => [...rest.matchAll(/npm run ([\w:-]+)/g)]);
  expect(runs.map(([, script]) => script)).toEqual(['build']);
  for (const [, script = ''] of runs) expect(pack.scripts).toHaveProperty(script);
});

test('entry point, health check and command are those of the package', () => {
  const entry: string[] = JSON.parse(last('ENTRYPOINT'));
  expect(entry.at(-1)).toBe(pack.bin.misstep);
  const check: string[] = JSON.parse(/CMD (\[.*\])/.exec(last('HEALTHCHECK'))?.[1] ?? '[]');
  expect(check).toEqual(['node', pack.bin.misstep, 'health']);
  expect(existsSync(join(root, 'bin/commands/health.ts'))).toBe(true);
  const [command, , file] = JSON.parse(last('CMD'));
  expect(command).toBe('run');
  expect(instructions.some(({ name, rest }) => name === 'COPY' && rest === `config/container.yaml ${file}`)).toBe(true);
});

test('the user is not root; Node is one that the package runs on', () => {
  expect(last('USER')).toBe('node');
  const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => /^node:(\d+)-slim/.exec(rest)?.[1]);
  expect(new Set(bases).size).toBe(1);
  expect(Number(bases[0])).toBeGreaterThanOrEqual(Number(/\d+/.exec(pack.engines.node)?.[0]));
});

test('the ports that are exposed are those that others reach', () => {
  const endpoints = [
    config.receivers.otlp.protocols.grpc.endpoint,
    config.receivers.otlp.protocols.http.endpoint,
    config.extensions.health_check.endpoint,
  ];
  expect(last('EXPOSE').split(' ')).toEqual(endpoints.map((endpoint: string) => /^0\.0\.0\.0:(\d+)$/.exec(endpoint)?.[1]));
});
