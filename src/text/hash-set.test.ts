import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HashSet } from './hash-set.ts';

const hashes = fc.array(fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 })), { maxLength: 300 });

it('is a Set of what is no zero, in the order in which it came', () => {
  fc.assert(
    fc.property(hashes, hashes, (some, others) => {
      const plain = new Set(some.filter((hash) => hash !== 0));
      const set = new HashSet(Int32Array.from(some));
      const other = new HashSet(Int32Array.from(others));
      expect([...set]).toEqual([...plain]);
      expect(set.size).toBe(plain.size);
      for (const hash of [...some, ...others, 0]) expect(set.has(hash)).toBe(plain.has(hash));
      expect(set.missingIn(other)).toBe([...plain].filter((hash) => !others.includes(hash)).length);
    }),
    { seed: 5, numRuns: 300 },
  );
});
