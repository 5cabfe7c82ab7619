// The whole demo in this process: SDK exporter, sidecar, sink.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { demo } from './demo.ts';

afterEach(() => vi.restoreAllMocks());

/** What is written to a stream of the process from here on. */
function capture(stream: 'stdout' | 'stderr'): () => string {
  let text = '';
  vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  return () => text;
}

async function takePort(): Promise<{ readonly address: string; free(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, free: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('plays the recording and prints what misstep wrote on the spans', async () => {
  const [grpc, http] = [await takePort(), await takePort()];
  await Promise.all([grpc.free(), http.free()]);
  const said = capture('stdout');
  expect(await demo({ exit: true, grpc: grpc.address, http: http.address })).toBe(0);
  expect(said()).toContain('Playing 21 spans');
  expect(said()).toMatch(/HIGH +loop +Tool 'web_search' ran 5 times/);
  expect(said()).toMatch(/injection .*http_post/);
  expect(said()).toContain('gen_ai.evaluation.name = loop');
});

test('a port that is taken is named, with what to do', async () => {
  const taken = await takePort();
  const said = capture('stderr');
  expect(await demo({ exit: true, grpc: '127.0.0.1:0', http: taken.address })).toBe(2);
  await taken.free();
  expect(said()).toContain(taken.address);
  expect(said()).toContain('Stop what listens there');
});
