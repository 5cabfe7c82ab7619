// The commands of docs/webhooks.md, run as they stand against the built command line, answer what the page says.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../src/component/testing.ts';

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const built = file('dist/bin/misstep.js');
const page = readFileSync(file('docs/webhooks.md'), 'utf8');
const commands = [...page.matchAll(/```sh\n(curl [\s\S]*?)```\n```json\n(.*)\n```/g)].map(
  ([, command = '', answer = '']) => [command, answer] as const,
);

describe.skipIf(!existsSync(built))('docs/webhooks.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'misstep-docs-'));
  const stop = new AbortController();
  let address = '';
  afterAll(() => {
    stop.abort();
    rmSync(folder, { recursive: true });
  });
  beforeAll(async () => {
    const written = {
      receivers: { webhook: { endpoint: '127.0.0.1:0' } },
      exporters: { nop: null },
      service: {
        pipelines: { traces: { receivers: ['webhook'], exporters: ['nop'] } },
        telemetry: { metrics: { level: 'none' } },
      },
    };
    writeFileSync(join(folder, 'misstep.yaml'), JSON.stringify(written));
    const child = spawn('node', [built, 'run', '--config', join(folder, 'misstep.yaml')], { signal: stop.signal });
    child.on('error', () => {});
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
    await until(() => said.includes('Everything is ready'));
    address = /"http":"([^"]+)"/.exec(said)?.[1] ?? '';
  });

  test('has commands', () => expect(commands.length).toBeGreaterThanOrEqual(5));

  test.each(commands)('%s', (command, answer) => {
    const out = execFileSync('sh', ['-c', command.replaceAll('localhost:4320', address)], { encoding: 'utf8' });
    expect(JSON.parse(out)).toEqual(JSON.parse(answer));
  });

  test('the grade of docs/frameworks/claude-managed-agents.md', () => {
    const grades = readFileSync(file('docs/frameworks/claude-managed-agents.md'), 'utf8');
    const [, command = ''] = /```sh\n(curl [\s\S]*?)```/.exec(grades) ?? [];
    const out = execFileSync('sh', ['-c', command.replaceAll('localhost:4320', address)], { encoding: 'utf8' });
    const explanation = 'The session ended with retries_exhausted.';
    expect(JSON.parse(out)).toMatchObject({ result: 'needs_revision', explanation, iteration: 0, session_id: 'sesn_1' });
  });
});
