import { expect, test } from 'vitest';
import { type Begun, type Claim, type Outcome, Repeats } from './repeats.ts';

const time = { now: 0 };
const make = () => new Repeats({ now: () => 0, monotonic: () => time.now });
const outcome = (bytes = 2): Outcome => ({ reply: { status: 200, body: Buffer.alloc(bytes) } });

function claimOf(begun: Begun): Claim {
  if ('claim' in begun) return begun.claim;
  throw new Error('no claim');
}

test('the first claims, the next repeats, by any key; the key with another content is a conflict', async () => {
  const repeats = make();
  const claim = claimOf(repeats.begin(['n', 'k'], 'c'));
  const early = repeats.begin(['n'], 'c');
  const said = outcome();
  claim.settle(said);
  expect(await ('repeat' in early ? early.repeat : undefined)).toBe(said);
  expect(repeats.begin(['n', 'k2'], 'c')).toEqual({ repeat: said });
  expect(repeats.begin(['other', 'k'], 'c2')).toEqual({ conflict: true });
});

test('what was refused is forgotten, under all its keys', () => {
  const repeats = make();
  claimOf(repeats.begin(['n', 'k'], 'c')).settle({ failure: { code: 14, message: 'full' } });
  expect(repeats.size).toBe(0);
  expect(repeats.begin(['n', 'k'], 'c')).toHaveProperty('claim');
});

test('bounded in age', () => {
  const repeats = make();
  claimOf(repeats.begin(['n'], 'c')).settle(outcome());
  time.now += 24 * 60 * 60 * 1000 - 1;
  expect(repeats.begin(['n'], 'c')).toHaveProperty('repeat');
  time.now += 1;
  expect(repeats.begin(['n'], 'c')).toHaveProperty('claim');
});

test('bounded in count, the oldest first', () => {
  const repeats = make();
  for (let i = 0; i < 50_000; i++) claimOf(repeats.begin([`n${i}`], 'c')).settle(outcome());
  expect(repeats.size).toBe(40_000);
  // Room is made before it is looked.
  expect(repeats.begin(['n10001'], 'c')).toHaveProperty('repeat');
  expect(repeats.begin(['n9999'], 'c')).toHaveProperty('claim');
});

test('bounded in bytes of the answers', () => {
  const repeats = make();
  for (let i = 0; i < 100; i++) claimOf(repeats.begin([`n${i}`], 'c')).settle(outcome(1024 * 1024));
  expect(repeats.size).toBeLessThanOrEqual(17);
  expect(repeats.begin(['n99'], 'c')).toHaveProperty('repeat');
});
