/**
 * Claim 22: what is made to break a receiver is answered 4xx, and afterwards it works and holds nothing. Memory is
 * counted in what Node allocates outside its heap, where bodies are.
 */
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import * as zlib from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/component/component.ts';
import { encodings } from '../../src/component/transport/content.ts';
import { ask } from '../../src/component/transport/testing.ts';
import { body, call, EXPORT, prefixed, type Rig, rig, until, withSession } from './testing.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const MIB = 1024 * 1024;

async function started(clock?: Clock): Promise<Rig> {
  const on = await rig({ http: {}, grpc: {} }, undefined, clock === undefined ? {} : { clock });
  open.push(() => on.receiver.shutdown(AbortSignal.abort()));
  return on;
}

async function works(on: Rig): Promise<void> {
  expect((await ask(on.http, { body: body() })).status).toBe(200);
  expect((await withSession(on.grpc, (session) => call(session, { parts: [prefixed(body())] }))).status).toBe('0');
  await until(() => on.admission.held === 0, 'all admitted bytes are released');
}

/** Bytes outside the heap that `work` adds at its highest, looked at every few ms. */
async function peak(work: () => Promise<void>): Promise<number> {
  const { arrayBuffers } = process.memoryUsage();
  let highest = 0;
  const timer = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage().arrayBuffers - arrayBuffers);
  }, 5);
  await work();
  clearInterval(timer);
  return Math.max(highest, process.memoryUsage().arrayBuffers - arrayBuffers);
}

type Squeeze = (bytes: Uint8Array) => Buffer;
const { zstdCompressSync } = zlib as { zstdCompressSync?: Squeeze };
const squeezers: Record<string, Squeeze | undefined> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  zlib: zlib.deflateSync,
  zstd: zstdCompressSync,
};

describe('claim 22: bombs', () => {
  test('there is one for every codec that is taken', () => {
    expect(encodings.every((name) => squeezers[name] !== undefined)).toBe(true);
  });

  test.each(encodings)('%s: 512 MiB out of little', async (encoding) => {
    const on = await started();
    const bomb = squeezers[encoding]?.(Buffer.alloc(512 * MIB, 10)) ?? Buffer.alloc(0);
    const added = await peak(async () => {
      const answer = await ask(on.http, { body: bomb, headers: { 'content-encoding': encoding } });
      expect(answer.status).toBe(413);
      if (encoding === 'zlib') return;
      const headers = { 'grpc-encoding': encoding };
      const status = await withSession(on.grpc, (session) => call(session, { headers, parts: [prefixed(bomb, true)] }));
      expect(status.status).toBe('8');
    });
    // At most the pieces up to the limit of 20 MiB over HTTP and 64 MiB over gRPC, as garbage that is not yet collected.
    expect(added).toBeLessThan(2 * 84 * MIB);
    await works(on);
  });

  test('gzip within gzip is opened once; a hundred thousand empty members are nothing', async () => {
    const on = await started();
    const twice = zlib.gzipSync(zlib.gzipSync(Buffer.alloc(64 * MIB)));
    expect((await ask(on.http, { body: twice, headers: { 'content-encoding': 'gzip' } })).status).toBe(400);
    const empty = zlib.gzipSync(Buffer.alloc(0));
    const members = Buffer.concat(Array.from({ length: 100_000 }, () => empty));
    const began = performance.now();
    expect((await ask(on.http, { body: members, headers: { 'content-encoding': 'gzip' } })).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(5_000);
    await works(on);
  });

  test.each(['br', 'snappy', 'lz4', 'compress', 'gzip, gzip', 'x'.repeat(5_000)])('%.20s is not taken', async (encoding) => {
    const on = await started();
    expect((await ask(on.http, { body: body(), headers: { 'content-encoding': encoding } })).status).toBe(400);
    const headers = { 'grpc-encoding': encoding };
    expect((await withSession(on.grpc, (session) => call(session, { headers, parts: [prefixed(body())] }))).status).toBe('12');
    await works(on);
  });
});

/** A raw connection that keeps what it is told. */
function raw(address: string): { readonly socket: Socket; readonly said: () => string; readonly over: () => boolean } {
  const { hostname, port } = new URL(`http://${address}`);
  const socket = connect(Number(port), hostname);
  let said = '';
  let over = false;
  socket.on('data', (part) => {
    said += part;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    over = true;
  });
  open.push(() => socket.destroy());
  return { socket, said: () => said, over: () => over };
}

describe('claim 22: headers', () => {
  test.each([
    ['one of 17 KiB', `X: ${'a'.repeat(17 * 1024)}\r\n`],
    ['four thousand', 'X-Header: a\r\n'.repeat(4_000)],
    ['one that never ends', `X: ${'a'.repeat(2 * MIB)}`],
  ])('over HTTP: %s', async (_name, headers) => {
    const on = await started();
    const { socket, said, over } = raw(on.http);
    socket.write(`POST /v1/traces HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
    await until(over, 'the connection is closed');
    expect(said() === '' || said().startsWith('HTTP/1.1 431')).toBe(true);
    await works(on);
  });

  test.each([
    ['one of 17 KiB', { x: 'a'.repeat(17 * 1024) }],
    ['one of 100 KiB', { x: 'a'.repeat(100 * 1024) }],
    ['a thousand', Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x-${i}`, 'a']))],
  ])('over gRPC: %s', async (_name, headers) => {
    const on = await started();
    const session = connectHttp2(`http://${on.grpc}`, { maxSendHeaderBlockLength: MIB });
    open.push(() => session.destroy());
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': EXPORT.traces, 'content-type': 'application/grpc', ...headers });
    let status: unknown;
    stream.on('response', (given) => {
      status = given['grpc-status'];
    });
    stream.on('error', () => {});
    stream.resume();
    stream.end(prefixed(body()));
    await new Promise((resolve) => stream.on('close', resolve));
    expect(status).not.toBe('0');
    expect(on.got).toEqual([]);
    await works(on);
  });

  test('a number of headers on a stream that is never opened (CONTINUATION without end)', async () => {
    const on = await started();
    const { socket, over } = raw(on.grpc);
    const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head[3] = type;
      head[4] = flags;
      head.writeUInt32BE(stream, 5);
      return Buffer.concat([head, payload]);
    };
    // Literal header fields without indexing, `x: a`, and no frame that says END_HEADERS.
    const fields = Buffer.concat(Array.from({ length: 2_000 }, () => Buffer.from([0, 1, 0x78, 1, 0x61])));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 0, 1, fields)]));
    const added = await peak(async () => {
      for (let i = 0; i < 2_000 && !over(); i++) {
        socket.write(frame(9, 0, 1, fields));
        if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until(over, 'the connection is closed');
    });
    expect(added).toBeLessThan(64 * MIB);
    await works(on);
  });
});

describe('claim 22: lengths that are declared', () => {
  test('and not sent take no memory', async () => {
    const on = await started();
    const session = connectHttp2(`http://${on.grpc}`);
    open.push(() => session.destroy());
    const added = await peak(async () => {
      const head =
        'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 20000000\r\n\r\nab';
      const raws = Array.from({ length: 200 }, () => raw(on.http));
      for (const { socket } of raws) socket.write(head);
      for (let i = 0; i < 200; i++) {
        const stream = session.request({ ':method': 'POST', ':path': EXPORT.traces, 'content-type': 'application/grpc' });
        stream.on('error', () => {});
        const part = Buffer.alloc(6);
        part.writeUInt32BE(60_000_000, 1);
        stream.write(part);
      }
      await until(() => on.admission.held === 200 * 80_000_000, 'all have begun');
    });
    expect(added).toBeLessThan(64 * MIB);
    for (const close of open.splice(1)) close();
    await works(on);
  });

  test.each([
    ['beyond the limit', 'Content-Length: 2147483648', 413],
    ['beyond what a number holds', 'Content-Length: 99999999999999999999', 400],
    ['below nothing', 'Content-Length: -1', 400],
    ['twice', 'Content-Length: 5\r\nContent-Length: 6', 400],
    ['and chunked', 'Content-Length: 5\r\nTransfer-Encoding: chunked', 400],
    ['in chunks of a size without end', `Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}`, 400],
  ])('%s', async (_name, header, status) => {
    const on = await started();
    const { socket, said } = raw(on.http);
    socket.write(`POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n${header}\r\n\r\n`);
    await until(() => said().includes('\r\n\r\n'), 'an answer');
    expect([status, 400]).toContain(Number(said().slice(9, 12)));
    await works(on);
  });
});

test('claim 22: a message that drips in over gRPC is cut off at a minute', async () => {
  let later = 0;
  const on = await started({ now: () => Date.now() + later, monotonic: () => performance.now() + later });
  await withSession(on.grpc, async (session) => {
    const answer = call(session, { parts: [prefixed(body()).subarray(0, 10)], end: false });
    await until(() => on.admission.held > 0, 'it has begun');
    later = 61_000;
    expect((await answer).status).toBe('4');
  });
  const refused = on.registry.read('misstep_receiver_refused_requests').filter(({ value }) => value > 0);
  expect(refused.map(({ labels }) => labels['reason'])).toEqual(['timeout']);
  await works(on);
});
