import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireError } from './error.ts';
import { countItems, readResponse, readStatus, splitItems, splitRequest, writeResponse, writeStatus } from './requests.ts';
import { requestOf } from './schema.ts';
import type { Signal } from './signal.ts';
import { logs, metrics, traces } from './testing/arbitrary.ts';
import { ascending, type Document, encode, seeded } from './testing/encode.ts';
import { decode } from './testing/oracle.ts';

const levels = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const;
const generators = [
  ['traces', traces],
  ['metrics', metrics],
  ['logs', logs],
] as const;

interface Placed {
  readonly resource: unknown;
  readonly scope: unknown;
  readonly item: Document;
}

/** Every item with what it stands in. */
function itemsOf(signal: Signal, body: Uint8Array): Placed[] {
  const [first, second, third] = levels[signal];
  return ((decode(signal, body)[first] ?? []) as Document[]).flatMap(({ [second]: scopes, ...resource }) =>
    ((scopes ?? []) as Document[]).flatMap(({ [third]: items, ...scope }) =>
      ((items ?? []) as Document[]).map((item) => ({ resource, scope, item })),
    ),
  );
}

const kinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

function size(signal: Signal, item: Document): number {
  if (signal !== 'metrics') return 1;
  const points = kinds.map((kind) => ((item[kind] as Document | undefined)?.['dataPoints'] ?? []) as unknown[]);
  return points.reduce((sum, list) => sum + list.length, 0);
}

describe.each(generators)('%s', (signal, arbitrary) => {
  const sizes = (items: readonly Placed[]): number => items.reduce((sum, { item }) => sum + size(signal, item), 0);
  const bodies = fc
    .tuple(arbitrary, fc.nat())
    .map(([document, seed]) =>
      encode(requestOf[signal], document, { order: 'shuffled', padding: seed % 3, random: seeded(seed) }),
    );

  test('items are counted as the full decoder counts them', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(countItems(signal, body)).toBe(sizes(itemsOf(signal, body)));
      }),
      { seed: 51, numRuns: 200 },
    );
  });

  test('split by bytes: every item once, in its place, parts no larger than asked unless of one item', () => {
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 700 }), (body, most) => {
        const parts = splitRequest(signal, body, most);
        expect(parts.flatMap((part) => itemsOf(signal, part))).toEqual(itemsOf(signal, body));
        for (const part of parts) expect(part.length <= most || itemsOf(signal, part).length <= 1).toBe(true);
      }),
      { seed: 52, numRuns: 200 },
    );
  });

  test('split by items: every item once, parts no larger than asked unless of one item, and none could be joined', () => {
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 6 }), (body, most) => {
        const parts = splitItems(signal, body, most).map((part) => itemsOf(signal, part));
        expect(parts.flat()).toEqual(itemsOf(signal, body));
        for (const part of parts) expect(sizes(part) <= most || part.length === 1).toBe(true);
        if (signal === 'metrics') return;
        for (const part of parts.slice(0, -1)) expect(part.length).toBe(most);
      }),
      { seed: 53, numRuns: 200 },
    );
  });

  test('mutated bodies: counted or refused', () => {
    const random = seeded(8);
    for (const document of fc.sample(arbitrary, { seed: 54, numRuns: 300 })) {
      const body = encode(requestOf[signal], document, ascending);
      if (body.length === 0) continue;
      body[Math.floor(random() * body.length)] = Math.floor(random() * 256);
      try {
        const count = countItems(signal, body);
        const parts = splitItems(signal, body, 1);
        expect(parts.reduce((sum, part) => sum + countItems(signal, part), 0)).toBe(count);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }
  });
});

test.each(['traces', 'metrics', 'logs'] as const)('more %s groups than any request has are refused', (signal) => {
  const body = new Uint8Array(2 * 1_000_001);
  for (let at = 0; at < body.length; at += 2) body[at] = 0x0a;
  expect(() => countItems(signal, body)).toThrow(/more than 1000000/);
});

describe('replies', () => {
  test('a full success is empty', () => {
    expect(writeResponse('traces').length).toBe(0);
    expect(readResponse('traces', new Uint8Array(0))).toBeUndefined();
    expect(readResponse('traces', Uint8Array.from([0x0a, 0]))).toBeUndefined();
  });

  test('partial success there and back', () => {
    for (const partial of [
      { rejected: 3, message: 'three' },
      { rejected: 0, message: 'a warning' },
      { rejected: 2 ** 40, message: '' },
    ]) {
      expect(readResponse('logs', writeResponse('logs', partial))).toEqual(partial);
    }
  });

  test.each([
    [undefined, undefined],
    [0, 0],
    [30_000, 30_000],
    [1_250, 1_250],
    [0.5, 0.5],
  ])('status with retry after %s ms', (retryAfterMs, expected) => {
    expect(readStatus(writeStatus(14, 'busy', retryAfterMs))).toEqual({ code: 14, message: 'busy', retryAfterMs: expected });
  });

  test('a negative delay is none, other details are passed over, broken ones are refused', () => {
    const details = (value: readonly number[]): number[] => {
      const url = [...Buffer.from('type.googleapis.com/google.rpc.RetryInfo')];
      const any = [0x0a, url.length, ...url, 0x12, value.length, ...value];
      return [0x08, 14, 0x1a, any.length, ...any];
    };
    const minusOne = [0x0a, 11, 0x08, ...Array(9).fill(0xff), 0x01];
    expect(readStatus(Uint8Array.from(details(minusOne))).retryAfterMs).toBe(0);
    expect(readStatus(Uint8Array.from([0x08, 3, 0x1a, 3, 0x0a, 1, 65])).retryAfterMs).toBeUndefined();
    expect(() => readStatus(Uint8Array.from([0x08, 3, 0x1a, 30, 0x0a]))).toThrow(WireError);
    expect(() => readStatus(Uint8Array.from(details([0x0a, 9, 0x08])))).toThrow(WireError);
    expect(() => readResponse('traces', Uint8Array.from([0x0a, 2, 0x08]))).toThrow(WireError);
  });
});
