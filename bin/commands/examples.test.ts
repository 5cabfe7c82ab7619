// Examples that need an account or a program that cannot be run here: the part that is ours, through the built command line.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { until } from '../../src/component/testing.ts';

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const built = file('dist/bin/misstep.js');
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  spawnSync('node', [built, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });

describe.skipIf(!existsSync(built))('examples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'misstep-examples-'));
  const stop = new AbortController();
  afterAll(() => {
    stop.abort();
    rmSync(folder, { recursive: true });
  });

  test('conversations: the loop is found in the recording', () => {
    const { status, stdout } = run(['replay', '--format', 'conversation', file('examples/conversations/conversation.json')]);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/loop \(\d+ %\).*'book_table' ran 3 times/)]);
    const wrong = run(['replay', '--format', 'bedrock', file('examples/conversations/conversation.json')]);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('events of invoke_agent')]);
  });

  test('managed-agents: valid with a key, and without one it says what is missing', () => {
    const config = file('examples/managed-agents/misstep.yaml');
    expect(run(['validate', '--config', config], { ANTHROPIC_API_KEY: 'sk-ant-x' })).toMatchObject({ status: 0, stderr: '' });
    const { status, stderr } = run(['validate', '--config', config], { ANTHROPIC_API_KEY: '' });
    expect([status, stderr]).toEqual([2, expect.stringContaining('api_key')]);
  });

  test.each([1, 2, 3])('load-balancing: sidecar %i is valid, and an address that is none is named', (n) => {
    const config = file(`examples/load-balancing/misstep-${n}.yaml`);
    expect(run(['validate', '--config', config]).status).toBe(0);
    const { status, stderr } = run(['validate', '--config', config], { [`MISSTEP_${n}`]: 'nowhere' });
    expect([status, stderr]).toEqual([2, expect.stringContaining('must be host:port')]);
  });

  test('cursor: what connect says', () => {
    const { paste } = JSON.parse(run(['connect', 'cursor', '--json']).stdout) as { readonly paste: string };
    expect(JSON.parse(paste)).toEqual(JSON.parse(readFileSync(file('examples/cursor/hooks.json'), 'utf8')));
  });

  test.skipIf(spawnSync('python3', ['--version']).status !== 0)(
    'bedrock: `tell` hands parts on; one that is none is refused',
    async () => {
      const config = join(folder, 'misstep.yaml');
      writeFileSync(
        config,
        JSON.stringify({
          receivers: { webhook: { endpoint: '127.0.0.1:0' } },
          exporters: { nop: null },
          service: {
            pipelines: { traces: { receivers: ['webhook'], exporters: ['nop'] } },
            telemetry: { metrics: { level: 'none' } },
          },
        }),
      );
      const child = spawn('node', [built, 'run', '--config', config], { signal: stop.signal });
      child.on('error', () => {});
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
      await until(() => said.includes('Everything is ready'));
      const address = /"http":"([^"]+)"/.exec(said)?.[1] ?? '';
      const call = {
        agentId: 'A',
        sessionId: 's',
        trace: {
          orchestrationTrace: {
            modelInvocationInput: {
              traceId: '6f1e2d3c-0000-4000-8000-000000000001-0',
              text: 'Where is my order?',
              type: 'ORCHESTRATION',
            },
          },
        },
      };
      const tell = (events: unknown) =>
        spawnSync(
          'python3',
          ['-c', `import json, invoke\nprint(json.dumps(invoke.tell(json.loads('''${JSON.stringify(events)}'''))))`],
          {
            cwd: file('examples/bedrock'),
            encoding: 'utf8',
            env: { ...process.env, MISSTEP_WEBHOOK: `http://${address}`, PYTHONDONTWRITEBYTECODE: '1' },
          },
        );
      expect(JSON.parse(tell([call]).stdout)).toMatchObject({ success: true, states_created: 1 });
      expect(tell({ no: 'list' }).stderr).toContain('HTTP Error 400');
    },
  );
});
