import { expect, test } from 'vitest';
import { cutBytes, cutNumbers } from './slab.ts';

test.each([
  ['numbers', cutNumbers],
  ['bytes', cutBytes],
])('%s: zeros of the length asked for, that overlap with no other piece', (_, cut) => {
  const lengths = [0, 1, 7, 16_384, 16_385, 100_000, ...Array.from({ length: 40 }, (_, i) => 97 * i)];
  const pieces = lengths.map((length, i) => {
    const piece = cut(length);
    expect(piece.length).toBe(length);
    expect(piece.every((value) => value === 0)).toBe(true);
    return piece.fill(i + 1);
  });
  pieces.forEach((piece, i) => {
    expect(piece.every((value) => value === i + 1)).toBe(true);
  });
});
