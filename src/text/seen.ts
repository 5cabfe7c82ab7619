/**
 * A set of 32-bit hashes that a detector's state may hold: plain numbers, small while few are in it, bounded when many are. Layers of
 * Bloom filters, each four times the one before. What was added is always found; something else is found by mistake in 1 to 2 of 100 cases,
 * so a detector may rest on "not seen" and must not rest on "seen". When the last layer is full, everything new counts as seen.
 */
export interface Seen {
  /** Bits, 32 to a number, of each layer. */
  layers: number[][];
  /** Hashes added to the last layer. */
  added: number;
}

/** Numbers of the first layer: 1,024 bits hold 85 hashes. */
const FIRST_WORDS = 32;
/** 32 + 128 + 512 + 2,048 numbers hold about 7,200 hashes in 30 KB of JSON. */
const MAX_LAYERS = 4;
/** Bits for a hash: with five probes a full layer finds one in 250 by mistake. */
const BITS_PER_HASH = 12;
const PROBES = 5;

export function emptySeen(): Seen {
  return { layers: [], added: 0 };
}

export function addSeen(seen: Seen, hash: number): void {
  if (hasSeen(seen, hash)) return;
  let layer = seen.layers[seen.layers.length - 1];
  if (layer === undefined || seen.added * BITS_PER_HASH >= layer.length * 32) {
    if (seen.layers.length >= MAX_LAYERS) return;
    layer = new Array<number>(FIRST_WORDS * 4 ** seen.layers.length).fill(0);
    seen.layers.push(layer);
    seen.added = 0;
  }
  probe(layer, hash, true);
  seen.added++;
}

export function hasSeen(seen: Seen, hash: number): boolean {
  const { layers } = seen;
  for (let i = layers.length - 1; i >= 0; i--) if (probe(layers[i] as number[], hash, false)) return true;
  return layers.length === MAX_LAYERS && seen.added * BITS_PER_HASH >= (layers[MAX_LAYERS - 1] as number[]).length * 32;
}

/** True if all bits of the hash are set in the layer; sets them if asked. */
function probe(layer: number[], hash: number, set: boolean): boolean {
  const bits = layer.length * 32;
  let all = true;
  let h = hash >>> 0;
  for (let k = 0; k < PROBES; k++) {
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    const bit = h % bits;
    const at = bit >>> 5;
    const mask = 1 << (bit & 31);
    if (((layer[at] as number) & mask) !== 0) continue;
    all = false;
    if (!set) return false;
    layer[at] = (layer[at] as number) | mask;
  }
  return all;
}
