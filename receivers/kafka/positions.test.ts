import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Positions, startOf } from './positions.ts';

test.each([
  ['never committed, latest', [-1n, 0n, 50n, 'latest', 10], 50n],
  ['never committed, earliest', [-1n, 7n, 50n, 'earliest', 10], 7n],
  ['committed', [30n, 0n, 50n, 'latest', 10], 20n],
  ['no rewind', [30n, 0n, 50n, 'latest', 0], 30n],
  ['rewind before the first message', [30n, 25n, 50n, 'latest', 10], 25n],
  ['committed what retention has removed', [30n, 40n, 50n, 'latest', 10], 40n],
  ['a topic made anew', [30n, 0n, 5n, 'latest', 10], 0n],
  ['committed to the end', [50n, 0n, 50n, 'latest', 0], 50n],
] as const)('startOf: %s', (_name, [committed, earliest, latest, initial, rewind], expected) => {
  expect(startOf(committed, earliest, latest, initial, rewind)).toBe(expected);
});

describe('Positions', () => {
  test('nothing is due before something is done; a rewound partition is due when it has come past what was committed', () => {
    const positions = new Positions();
    positions.assign([{ topic: 't', partition: 0, offset: 8n, committed: 10n }]);
    expect(positions.due()).toEqual([]);
    positions.done({ topic: 't', partition: 0, offset: 9n });
    expect(positions.due()).toEqual([]);
    positions.done({ topic: 't', partition: 0, offset: 10n });
    expect(positions.due()).toEqual([{ topic: 't', partition: 0, offset: 11n }]);
    positions.committed(positions.due());
    expect(positions.due()).toEqual([]);
  });

  test('of a partition that went to somebody else nothing is committed', () => {
    const positions = new Positions();
    positions.assign([{ topic: 't', partition: 0, offset: 0n, committed: -1n }]);
    positions.assign([{ topic: 't', partition: 1, offset: 0n, committed: -1n }]);
    positions.done({ topic: 't', partition: 0, offset: 5n });
    expect(positions.due()).toEqual([]);
  });

  test('whatever is done and committed in whatever order: what is due is behind all that is done, and never goes back', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('done' as const), partition: fc.nat(2) }),
      fc.record({ kind: fc.constant('commit' as const), fails: fc.boolean() }),
      fc.record({ kind: fc.constant('assign' as const), rewind: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const positions = new Positions();
        const group = [-1n, -1n, -1n];
        const done = [0n, 0n, 0n];
        let next = [0n, 0n, 0n];
        const assign = (rewind: number) => {
          next = group.map((known) => startOf(known, 0n, 1_000n, 'earliest', rewind));
          positions.assign(
            next.map((offset, partition) => ({ topic: 't', partition, offset, committed: group[partition] as bigint })),
          );
        };
        assign(0);
        for (const one of steps) {
          if (one.kind === 'assign') assign(one.rewind);
          else if (one.kind === 'done') {
            const offset = next[one.partition] as bigint;
            positions.done({ topic: 't', partition: one.partition, offset });
            next[one.partition] = offset + 1n;
            if (offset >= (done[one.partition] as bigint)) done[one.partition] = offset + 1n;
          } else {
            const due = positions.due();
            for (const { partition, offset } of due) {
              expect(offset).toBe(next[partition]);
              expect(offset).toBeLessThanOrEqual(done[partition] as bigint);
              expect(offset).toBeGreaterThan(group[partition] as bigint);
            }
            if (one.fails) continue;
            for (const { partition, offset } of due) group[partition] = offset;
            positions.committed(due);
          }
        }
      }),
      { seed: 19 },
    );
  });
});
