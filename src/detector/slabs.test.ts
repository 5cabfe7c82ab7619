// Pieces stay as they are while others come and go, and what is gone is given back.
import { expect, test } from 'vitest';
import { seeded } from '../otlp/testing/encode.ts';
import { type Place, Slabs } from './slabs.ts';

test('pieces keep what is in them; slabs hold at most a third more than the pieces', () => {
  const random = seeded(1);
  const slabs = new Slabs();
  const kept: { readonly place: Place; readonly fill: number; readonly length: number }[] = [];
  let live = 0;
  for (let i = 0; i < 60_000; i++) {
    if (kept.length > 4_000 || (kept.length > 0 && random() < 0.3)) {
      const at = Math.floor(random() * kept.length);
      const [gone] = kept.splice(at, 1) as [(typeof kept)[number]];
      slabs.free(gone.place);
      live -= gone.length;
    }
    const length = random() < 0.001 ? 300_000 : Math.floor(random() * 4_000);
    const fill = i % 256;
    kept.push({ place: slabs.put(new Uint8Array(length).fill(fill)), fill, length });
    live += length;
  }
  for (const { place, fill, length } of kept) {
    const bytes = slabs.get(place);
    expect(bytes.length).toBe(length);
    expect(bytes.every((byte) => byte === fill)).toBe(true);
  }
  expect(slabs.bytes).toBeLessThan((live * 4) / 3 + 3 * 1024 * 1024);
  for (const { place } of kept) slabs.free(place);
  expect(slabs.bytes).toBeLessThanOrEqual(1024 * 1024);
});

test('a place that was given back is no place', () => {
  const slabs = new Slabs();
  const place = slabs.put(new Uint8Array(3));
  slabs.free(place);
  slabs.free(place);
  expect(() => slabs.get(place)).toThrow('given back');
});
