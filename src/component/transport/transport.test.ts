import { createServer } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { httpStatus, retryAfterSeconds } from './code.ts';
import { encodings, inflateOf, isIdentity, TooLarge } from './content.ts';
import { isLoopback, listen, parseEndpoint } from './endpoint.ts';

describe('content', () => {
  test('gives back what was squeezed, at a limit of exactly its size and not a byte less', async () => {
    const squeezed = { gzip: gzipSync, deflate: deflateSync } as const;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), fc.constantFrom('gzip', 'deflate'), async (bytes, name) => {
        const inflate = inflateOf(name);
        const sent = squeezed[name as keyof typeof squeezed](bytes);
        expect(Buffer.from((await inflate?.(sent, Math.max(1, bytes.length))) ?? []).equals(bytes)).toBe(true);
        if (bytes.length > 1) expect(() => inflate?.(sent, bytes.length - 1)).toThrow(TooLarge);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  test('a size that the gzip claims and does not have changes nothing', async () => {
    const sent = gzipSync(Buffer.alloc(10_000, 'x'));
    const lying = Buffer.from(sent);
    lying.writeUInt32LE(500_000, lying.length - 4);
    expect(() => inflateOf('gzip')?.(lying, 100_000)).toThrow('incorrect length check');
    // Several members: the last one's size is not the whole's.
    const two = Buffer.concat([sent, gzipSync(Buffer.alloc(100, 'y'))]);
    expect((await inflateOf('gzip')?.(two, 100_000))?.length).toBe(10_100);
  });

  test('a large input is inflated on the thread pool, under the same limit', async () => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> 3));
    const sent = gzipSync(bytes, { level: 0 });
    const inflate = inflateOf('gzip');
    expect(Buffer.from((await inflate?.(sent, bytes.length)) ?? []).equals(bytes)).toBe(true);
    await expect(inflate?.(sent, bytes.length - 1)).rejects.toThrow(TooLarge);
    await expect(inflate?.(sent.subarray(0, 100_000), bytes.length)).rejects.toThrow('unexpected end of file');
  });

  test('names', () => {
    expect(encodings.slice(0, 3)).toEqual(['gzip', 'deflate', 'zlib']);
    expect(inflateOf('GZip')).toBeDefined();
    expect(inflateOf('snappy')).toBeUndefined();
    expect([undefined, '', 'identity', 'Identity', 'gzip'].map(isIdentity)).toEqual([true, true, true, true, false]);
  });
});

describe('endpoint', () => {
  test.each([
    ['localhost:4317', { host: 'localhost', port: 4317 }],
    [':4317', { host: '0.0.0.0', port: 4317 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['0.0.0.0:65535', { host: '0.0.0.0', port: 65_535 }],
    ['localhost', undefined],
    ['localhost:', undefined],
    ['localhost:65536', undefined],
    ['::1:4317', undefined],
    ['http://localhost:4317', undefined],
    ['a b:1', undefined],
  ])('%s', (text, expected) => {
    expect(parseEndpoint(text)).toEqual(expected);
  });

  test('loopback', () => {
    expect(['localhost', '::1', '127.0.0.1', '127.9.9.9'].map(isLoopback)).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.test', 'localhost.test'].map(isLoopback)).toEqual(Array(5).fill(false));
  });

  test('says which port it got, and what to do when it is taken', async () => {
    const [one, two] = [createServer(), createServer()];
    const bound = await listen(one, 'localhost:0');
    expect(bound).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    await expect(listen(two, bound)).rejects.toThrow(`cannot listen on ${bound}: the port is taken.`);
    one.close();
  });
});

test('codes in HTTP', () => {
  const all = Array.from({ length: 18 }, (_, code) => httpStatus(code));
  expect(all).toEqual([500, 503, 500, 400, 503, 500, 500, 403, 429, 500, 503, 503, 404, 500, 503, 503, 401, 500]);
  expect([0, 1, 999, 1000, 1001].map(retryAfterSeconds)).toEqual([1, 1, 1, 1, 2]);
});
