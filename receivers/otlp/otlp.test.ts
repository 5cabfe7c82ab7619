import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { ask } from '../../src/component/transport/testing.ts';
import { body, call, prefixed, rig, withSession } from './testing.ts';

test('serves both protocols at once and gives both ports back', async () => {
  const on = await rig();
  expect((await ask(on.http, { body: body() })).status).toBe(200);
  expect((await withSession(on.grpc, (session) => call(session, { parts: [prefixed(body())] }))).status).toBe('0');
  expect(on.got.length).toBe(2);
  await on.stop();
  expect(on.receiver.addresses()).toEqual({});
  const again = await rig({ grpc: { endpoint: on.grpc }, http: { endpoint: on.http } });
  expect([again.grpc, again.http]).toEqual([on.grpc, on.http]);
  await again.stop();
});

test('a port that is taken stops the start, says what to do, and leaves nothing open', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const grpc = await rig({ grpc: {} });
  await grpc.stop();
  await expect(rig({ grpc: { endpoint: grpc.grpc }, http: { endpoint: `127.0.0.1:${port}` } })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: the port is taken. Stop the other process, or set another endpoint.`,
  );
  const after = await rig({ grpc: { endpoint: grpc.grpc } });
  await after.stop();
  other.close();
});
