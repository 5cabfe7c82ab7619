/**
 * How far each assigned partition has been read, and how far the group knows. A partition's messages are done one after the other, so
 * that the offset after the last one done stands behind everything that is not.
 */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface Offset extends Place {
  readonly offset: bigint;
}

interface Position extends Place {
  /** The next message to do. */
  next: bigint;
  /** What the group has committed; below 0 if nothing. While a partition is rewound `next` is behind it. */
  committed: bigint;
}

export class Positions {
  private readonly positions = new Map<string, Position>();

  /** What was assigned before is forgotten. */
  assign(assigned: readonly (Offset & { readonly committed: bigint })[]): void {
    this.positions.clear();
    for (const { topic, partition, offset, committed } of assigned) {
      this.positions.set(keyOf({ topic, partition }), { topic, partition, next: offset, committed });
    }
  }

  /** Where each is to be read from. */
  starts(): Offset[] {
    return [...this.positions.values()].map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
  }

  /** Of a partition that is no longer assigned nothing is noted. */
  done({ topic, partition, offset }: Offset): void {
    const position = this.positions.get(keyOf({ topic, partition }));
    if (position !== undefined && offset >= position.next) position.next = offset + 1n;
  }

  /** What the group does not know yet. An offset never goes back. */
  due(): Offset[] {
    return [...this.positions.values()]
      .filter(({ next, committed }) => next > committed && (committed >= 0n || next > 0n))
      .map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
  }

  committed(offsets: readonly Offset[]): void {
    for (const one of offsets) {
      const position = this.positions.get(keyOf(one));
      if (position !== undefined && one.offset > position.committed) position.committed = one.offset;
    }
  }

  /** Messages between what was done and the end of the partition, by the offsets at the ends. */
  *lags(endOf: (place: Place) => bigint | undefined): Iterable<Place & { readonly lag: number }> {
    for (const { topic, partition, next } of this.positions.values()) {
      const end = endOf({ topic, partition });
      if (end !== undefined) yield { topic, partition, lag: Math.max(0, Number(end - next)) };
    }
  }
}

export function keyOf({ topic, partition }: Place): string {
  return `${topic}:${partition}`;
}

/** Where reading begins: `rewind` messages before what was committed, but not before the partition's first. */
export function startOf(
  committed: bigint,
  earliest: bigint,
  latest: bigint,
  initial: 'latest' | 'earliest',
  rewind: number,
): bigint {
  if (committed < 0n) return initial === 'latest' ? latest : earliest;
  const from = committed - BigInt(rewind);
  // A topic that was made anew ends before what was committed of the old one.
  if (from > latest) return earliest;
  return from < earliest ? earliest : from;
}
