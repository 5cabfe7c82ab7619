import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { register } from './health.ts';
import { startSidecar } from './run.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Exit code and what was written. */
async function health(args: readonly string[]) {
  const said: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  }
  const program = new Command('misstep');
  register(program);
  await program.parseAsync(['health', ...args], { from: 'user' });
  return { code: process.exitCode ?? 0, said: said.join('') };
}

async function answering(listener: RequestListener): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

test.each([[[]], [['--ready']]])('a sidecar that runs: 0 (%j)', async (more) => {
  const { url, close } = await answering(() => {});
  close();
  const any = '127.0.0.1:0';
  const sidecar = await startSidecar(
    JSON.stringify({
      receivers: { otlp: { protocols: { grpc: { endpoint: any }, http: { endpoint: any } } } },
      extensions: { health_check: { endpoint: url.slice('http://'.length) } },
      service: { telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } } },
    }),
  );
  expect(await health(['--url', url, ...more])).toMatchObject({ code: 0 });
  await sidecar.shutdown();
});

test('what is not ready says why, without what drives a terminal: 1', async () => {
  const reasons = ['exporter:otlp_grpc \u001b[31mfails'];
  const { url, close } = await answering((request, response) => {
    response.writeHead(request.url === '/ready' ? 503 : 200).end(JSON.stringify({ ready: false, reasons }));
  });
  expect(await health(['--url', url])).toMatchObject({ code: 0 });
  const { code, said } = await health(['--url', url, '--ready']);
  close();
  expect(code).toBe(1);
  expect(said).toContain('answers with 503');
  expect(said).toContain('otlp_grpc');
  expect(said).not.toContain('\u001b');
});

describe.skipIf(!existsSync(built))('the built command', () => {
  test.each([
    [['--url', 'http://127.0.0.1:9'], 1, 'does not answer'],
    [['--url', 'file:///etc/passwd'], 2, 'Not a URL of http or https'],
  ] as const)('%j: %i', (args, code, text) => {
    const { status, stderr } = spawnSync(process.execPath, [built, 'health', ...args], { encoding: 'utf8' });
    expect(status).toBe(code);
    expect(stderr).toContain(text);
  });
});
