import { connect } from 'node:http2';
import { Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { Oversize, Permanent, Refused } from '../../src/component/component.ts';
import { readStatus } from '../../src/otlp/requests.ts';
import { percentEncode, timeoutMs } from './message.ts';
import { body, type Call, call, EXPORT, large, prefixed, type Rig, rig, until, withSession } from './testing.ts';

let running: Rig | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function started(grpc: object = {}, signals?: Parameters<typeof rig>[1]): Promise<Rig> {
  running = await rig({ grpc }, signals);
  return running;
}

async function works(on: Rig): Promise<void> {
  const before = on.got.length;
  const answer = await withSession(on.grpc, (session) => call(session, { parts: [prefixed(body())] }));
  expect(answer.status).toBe('0');
  expect(on.got.length).toBe(before + 1);
  await until(() => on.admission.held === 0, 'all admitted bytes are released');
}

const once = (on: Rig, sent: Call) => withSession(on.grpc, (session) => call(session, sent));

describe('takes', () => {
  test.each(['traces', 'metrics', 'logs'] as const)('%s, byte for byte', async (signal) => {
    const on = await started();
    const answer = await once(on, { path: EXPORT[signal], parts: [prefixed(body(signal))] });
    expect(answer).toMatchObject({
      status: '0',
      headers: { ':status': 200, 'content-type': 'application/grpc' },
      trailers: { 'grpc-status': '0' },
    });
    expect([...answer.body]).toEqual([0, 0, 0, 0, 0]);
    expect(on.got.map((batch) => [batch.signal, Buffer.concat(batch.chunks).equals(body(signal))])).toEqual([[signal, true]]);
    const items = signal === 'metrics' ? 2 : 1;
    expect(on.book.receivers()).toContainEqual({ receiver: 'otlp', transport: 'grpc', signal, accepted: items, refused: 0 });
    await works(on);
  });

  test('gzip, deflate, and an uncompressed message although an encoding is named', async () => {
    const on = await started();
    const gzip = { 'grpc-encoding': 'gzip' };
    expect((await once(on, { headers: gzip, parts: [prefixed(gzipSync(body()), true)] })).status).toBe('0');
    expect((await once(on, { headers: gzip, parts: [prefixed(body())] })).status).toBe('0');
    expect(
      (await once(on, { headers: { 'grpc-encoding': 'deflate' }, parts: [prefixed(deflateSync(body()), true)] })).status,
    ).toBe('0');
    expect(on.got.map((batch) => Buffer.concat(batch.chunks).equals(body()))).toEqual([true, true, true]);
    await works(on);
  });

  test('a message cut anywhere, even in its prefix', async () => {
    const on = await started();
    const framed = prefixed(body());
    await withSession(on.grpc, async (session) => {
      for (let at = 0; at <= framed.length; at++) {
        const answer = await call(session, { parts: [framed.subarray(0, at), framed.subarray(at)] });
        expect(answer.status).toBe('0');
      }
    });
    expect(on.got.every((batch) => Buffer.concat(batch.chunks).equals(body()))).toBe(true);
    await works(on);
  });

  test('large messages and many calls on one connection', async () => {
    const on = await started();
    const big = large(8_000_000);
    await withSession(on.grpc, async (session) => {
      const answers = await Promise.all([
        call(session, { parts: [prefixed(big)] }),
        ...Array.from({ length: 200 }, () => call(session, { parts: [prefixed(body())] })),
      ]);
      expect(answers.every(({ status }) => status === '0')).toBe(true);
    });
    expect(on.got.length).toBe(201);
    expect(on.got.some(({ bytes }) => bytes === big.length)).toBe(true);
    await works(on);
  });

  test('empty requests without calling the pipeline', async () => {
    const on = await started();
    expect((await once(on, { parts: [prefixed(Buffer.alloc(0))] })).status).toBe('0');
    expect((await once(on, { parts: [prefixed(Buffer.from([10, 0]))] })).status).toBe('0');
    expect(on.got).toEqual([]);
    await works(on);
  });

  test('metadata when asked', async () => {
    const on = await started({ include_metadata: true });
    await once(on, { headers: { 'x-tenant': 'a' }, parts: [prefixed(body())] });
    expect(on.got[0]?.metadata?.get('x-tenant')).toEqual(['a']);
    expect(on.got[0]?.metadata?.has(':path')).toBe(false);
  });
});

describe('refuses', () => {
  const gzip = { 'grpc-encoding': 'gzip' };
  const huge = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
  test.each<[string, Call, string, string]>([
    ['broken protobuf', { parts: [prefixed(Buffer.from([10, 200, 1, 1]))] }, '3', 'malformed request'],
    ['broken gzip', { headers: gzip, parts: [prefixed(body(), true)] }, '3', 'malformed compressed body'],
    ['truncated gzip', { headers: gzip, parts: [prefixed(gzipSync(body()).subarray(0, 20), true)] }, '3', 'compressed'],
    ['an unknown encoding', { headers: { 'grpc-encoding': 'snappy' }, parts: [prefixed(body(), true)] }, '12', 'snappy'],
    ['compression without encoding', { parts: [prefixed(body(), true)] }, '13', 'without grpc-encoding'],
    ['an unknown flag', { parts: [Buffer.from([7, 0, 0, 0, 0])] }, '13', 'flag 7'],
    ['no message', { parts: [] }, '13', 'no message'],
    ['a message that is cut off', { parts: [prefixed(body()).subarray(0, 20)] }, '13', 'cut off'],
    ['two messages', { parts: [prefixed(body()), prefixed(body())] }, '13', 'more than one'],
    ['4 GiB declared', { parts: [huge] }, '8', 'larger than'],
    ['4 GiB declared by a client that goes on', { parts: [huge, Buffer.alloc(100_000)], end: false }, '8', 'larger than'],
    ['64 MiB and a byte', { parts: [Buffer.from([0, 4, 0, 0, 1]), Buffer.alloc(1000)], end: false }, '8', '67108865 bytes'],
    ['a gzip bomb', { headers: gzip, parts: [prefixed(gzipSync(Buffer.alloc(70_000_000)), true)] }, '8', 'larger than'],
    ['an unknown method', { path: '/a.B/C', parts: [prefixed(body())] }, '12', 'unknown method /a.B/C'],
    ['a signal without pipeline', { path: EXPORT.logs, parts: [prefixed(body('logs'))] }, '12', 'unknown method'],
  ])('%s', async (_name, sent, status, said) => {
    const on = await started({}, ['traces', 'metrics']);
    const answer = await once(on, sent);
    expect(answer.status).toBe(status);
    expect(answer.message).toContain(said);
    expect(answer.headers[':status']).toBe(200);
    expect(on.got).toEqual([]);
    await works(on);
  });

  test('what is not gRPC', async () => {
    const on = await started();
    expect((await once(on, { headers: { 'content-type': 'application/json' }, parts: [body()] })).headers[':status']).toBe(415);
    expect((await once(on, { headers: { ':method': 'GET' }, parts: [] })).headers[':status']).toBe(405);
    const socket = new Socket();
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    socket.on('error', () => {});
    socket.resume();
    const [host, port] = on.grpc.split(':') as [string, string];
    socket.connect(Number(port), host, () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
    await until(() => closed, 'the connection is closed');
    await works(on);
  });

  test('a client that goes away in the middle is counted and costs nothing', async () => {
    const on = await started();
    const session = connect(`http://${on.grpc}`);
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': EXPORT.traces, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.write(prefixed(large(1000)).subarray(0, 500));
    await until(() => on.admission.held > 0, 'the message is admitted');
    session.destroy();
    await until(() => on.admission.held === 0, 'it is released');
    expect(on.registry.read('misstep_receiver_refused_requests').map(({ labels }) => labels['reason'])).toEqual(['aborted']);
    await works(on);
  });
});

describe('the pipeline refuses', () => {
  test.each<[string, Error, string, number | undefined]>([
    ['for now', new Refused('queue_full', 'the queue is full', 1_500), '14', 1_500],
    ['for good', new Permanent('not for us'), '3', undefined],
    ['as too large', new Oversize('larger than the queue'), '8', undefined],
    ['by a fault of its own', new Permanent('broken', 13), '13', undefined],
    ['with an unknown error', new Error('oops'), '14', 1_000],
  ])('%s', async (_name, error, status, retryAfterMs) => {
    const on = await started();
    on.reply = () => Promise.reject(error);
    const answer = await once(on, { parts: [prefixed(body())] });
    expect(answer.status).toBe(status);
    const details = answer.headers['grpc-status-details-bin'] as string | undefined;
    if (retryAfterMs === undefined) expect(details).toBeUndefined();
    else expect(readStatus(Buffer.from(details ?? '', 'base64'))).toMatchObject({ code: 14, retryAfterMs });
    on.reply = () => undefined;
    await works(on);
  });

  test('for want of memory, before the message is read', async () => {
    const on = await started();
    on.admission.limit(on, 10);
    const answer = await once(on, { parts: [prefixed(large(100_000)).subarray(0, 50_000)], end: false });
    expect(answer.status).toBe('14');
    expect(answer.headers).toHaveProperty('grpc-status-details-bin');
    on.admission.limit(on, undefined);
    await works(on);
  });

  test('grpc-timeout is kept, while sending and while the pipeline thinks', async () => {
    const on = await started();
    on.reply = () => new Promise(() => {});
    const headers = { 'grpc-timeout': '50m' };
    expect((await once(on, { headers, parts: [prefixed(body())] })).status).toBe('4');
    expect((await once(on, { headers, parts: [prefixed(body()).subarray(0, 10)], end: false })).status).toBe('4');
    await on.receiver.shutdown(AbortSignal.abort());
  });
});

describe('health', () => {
  const check = (service: string) => prefixed(Buffer.concat([Buffer.from([10, service.length]), Buffer.from(service)]));
  const path = '/grpc.health.v1.Health/Check';

  test('of the server and of its services', async () => {
    const on = await started({}, ['traces']);
    for (const sent of [prefixed(Buffer.alloc(0)), check('opentelemetry.proto.collector.trace.v1.TraceService')]) {
      const answer = await once(on, { path, parts: [sent] });
      expect([answer.status, [...answer.body]]).toEqual(['0', [0, 0, 0, 0, 2, 8, 1]]);
    }
    for (const service of ['opentelemetry.proto.collector.logs.v1.LogsService', 'x']) {
      expect((await once(on, { path, parts: [check(service)] })).status).toBe('5');
    }
    expect((await once(on, { path, parts: [prefixed(Buffer.from([10, 99]))] })).status).toBe('13');
    await works(on);
  });

  test('a watch is answered at once and told of the end', async () => {
    const on = await started();
    await withSession(on.grpc, async (session) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Watch',
        'content-type': 'application/grpc',
      });
      const heard: number[] = [];
      let trailers: object = {};
      stream.on('data', (part: Buffer) => heard.push(...part));
      stream.on('trailers', (given) => {
        trailers = given;
      });
      stream.end(prefixed(Buffer.alloc(0)));
      await until(() => heard.length === 7, 'the first answer');
      await on.stop();
      await until(() => heard.length === 14, 'the last answer');
      expect(heard).toEqual([0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2]);
      await until(() => 'grpc-status' in trailers, 'trailers');
    });
  });
});

describe('connections', () => {
  test.each([
    ['of age', { max_connection_age: '50ms' }],
    ['without calls', { max_connection_idle: '50ms' }],
  ])('%s are sent away', async (_name, server_parameters) => {
    const on = await started({ keepalive: { server_parameters } });
    await withSession(on.grpc, async (session) => {
      let away: number | undefined;
      let closed = false;
      session.on('goaway', (code) => {
        away = code;
      });
      session.on('close', () => {
        closed = true;
      });
      expect((await call(session, { parts: [prefixed(body())] })).status).toBe('0');
      await until(() => closed, 'the connection is closed');
      expect(away).toBe(0);
    });
    await works(on);
  });

  test('a call under way outlives the age of its connection, but not its grace', async () => {
    const on = await started({
      keepalive: { server_parameters: { max_connection_age: '50ms', max_connection_age_grace: '100ms' } },
    });
    let answered = () => {};
    on.reply = () =>
      new Promise((resolve) => {
        answered = resolve;
      });
    await withSession(on.grpc, async (session) => {
      const asked = call(session, { parts: [prefixed(body())] });
      await new Promise((resolve) => session.once('goaway', resolve));
      answered();
      expect((await asked).status).toBe('0');
    });
    await withSession(on.grpc, async (session) => {
      const asked = call(session, { parts: [prefixed(body())] }).catch((error: Error) => error);
      const result = await asked;
      expect(result instanceof Error || result.status === undefined).toBe(true);
      answered();
    });
  });

  test('shutdown lets the call under way end', async () => {
    const on = await started();
    let answered = () => {};
    on.reply = () =>
      new Promise((resolve) => {
        answered = resolve;
      });
    await withSession(on.grpc, async (session) => {
      const asked = call(session, { parts: [prefixed(body())] });
      await until(() => on.got.length === 1, 'the pipeline has it');
      const stopping = on.stop();
      answered();
      expect((await asked).status).toBe('0');
      await stopping;
    });
  });
});

test.each([
  ['1S', 1_000],
  ['99999999H', 99_999_999 * 3_600_000],
  ['20m', 20],
  ['5u', 0.005],
  ['7M', 420_000],
  ['S', undefined],
  ['1', undefined],
  ['-1S', undefined],
  ['123456789S', undefined],
  [undefined, undefined],
])('grpc-timeout %s', (text, ms) => {
  expect(timeoutMs(text)).toBe(ms);
});

test('grpc-message is percent-encoded', () => {
  expect(percentEncode('a b%\n~é')).toBe('a b%25%0A~%C3%A9');
});
