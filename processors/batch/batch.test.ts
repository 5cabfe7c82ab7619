import { expect, test } from 'vitest';
import { factory } from './batch.ts';

test.each<[unknown, unknown]>([
  [{}, { flushTimeoutMs: 200, minItems: 8192, maxItems: 0 }],
  [
    { send_batch_size: 10, timeout: '1s', send_batch_max_size: 20 },
    { flushTimeoutMs: 1000, minItems: 10, maxItems: 20 },
  ],
  [{ send_batch_size: 0 }, { flushTimeoutMs: 200, minItems: Number.MAX_SAFE_INTEGER, maxItems: 0 }],
  [{ timeout: '0s' }, { flushTimeoutMs: 0, minItems: 0, maxItems: 0 }],
])('%o becomes %o', (options, hint) => {
  expect(factory.batcher?.(factory.options.parse(options))).toEqual(hint);
});

test.each<[unknown, string]>([
  [{ send_batch_size: 10, send_batch_max_size: 9 }, 'must be 0 or at least send_batch_size (10), is 9'],
  [{ send_batch_sise: 10 }, 'send_batch_sise'],
  [{ metadata_keys: ['tenant'] }, 'metadata_keys'],
])('%o is refused: %s', (options, wrong) => {
  expect(factory.options.safeParse(options).error?.message).toContain(wrong);
});
