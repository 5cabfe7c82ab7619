/**
 * Many small pieces of bytes in few large ones. A buffer of its own costs some 250 bytes beside what is in it, and leaves holes
 * between others when it goes. A slab of which a quarter is gone is given up: what is left of it moves.
 */
const SLAB_BYTES = 1024 * 1024;

interface Slab {
  readonly bytes: Buffer;
  /** Where the next piece goes. */
  end: number;
  live: number;
  /** In no order; those that are gone are left out when it moves. */
  readonly places: Place[];
}

/** Where a piece is; it moves. The owner keeps it and hands it back. */
export class Place {
  /** `undefined` when it is given back. */
  slab: Slab | undefined;
  at = 0;
  length = 0;
}

export class Slabs {
  private current = createSlab(SLAB_BYTES);
  /** Bytes of all slabs. */
  bytes = SLAB_BYTES;

  /** A copy of them. */
  put(bytes: Uint8Array): Place {
    const place = new Place();
    this.copy(bytes, place);
    return place;
  }

  /** Valid until the next `put` or `free`. */
  get({ slab, at, length }: Place): Buffer {
    if (slab === undefined) throw new Error('slabs: this place was given back');
    return slab.bytes.subarray(at, at + length);
  }

  free(place: Place): void {
    const { slab } = place;
    if (slab === undefined) return;
    place.slab = undefined;
    slab.live -= place.length;
    if (slab !== this.current && slab.live * 4 < slab.bytes.length * 3) this.move(slab);
  }

  private copy(bytes: Uint8Array, place: Place): void {
    const { length } = bytes;
    let slab = this.current;
    if (length > SLAB_BYTES / 8) slab = this.open(length);
    else if (slab.end + length > SLAB_BYTES) {
      slab = this.open(SLAB_BYTES);
      const full = this.current;
      this.current = slab;
      if (full.live * 4 < SLAB_BYTES * 3) this.move(full);
      slab = this.current;
    }
    slab.bytes.set(bytes, slab.end);
    place.slab = slab;
    place.at = slab.end;
    place.length = length;
    slab.end += length;
    slab.live += length;
    slab.places.push(place);
  }

  /** Pieces of at most three quarters of a slab: the one they go to is not full before the last. */
  private move(slab: Slab): void {
    this.bytes -= slab.bytes.length;
    for (const place of slab.places) if (place.slab === slab) this.copy(this.get(place), place);
  }

  private open(length: number): Slab {
    this.bytes += length;
    return createSlab(length);
  }
}

function createSlab(length: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(length), end: 0, live: 0, places: [] };
}
