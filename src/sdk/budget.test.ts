// Whatever the order of reserving, settling and releasing, nobody overspends by reserving.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget, BudgetExceeded, type Reservation } from './budget.ts';

describe('Budget', () => {
  it('never has more spent and reserved than the limit while calls cost at most what they reserved', () => {
    const step = fc.record({
      most: fc.double({ min: 0, max: 4, noNaN: true }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      what: fc.nat(2),
      which: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new Budget({ usd: 10 });
        const open: [Reservation, number][] = [];
        let spent = 0;
        for (const { most, share, what, which } of steps) {
          if (what === 0 || open.length === 0) {
            try {
              open.push([budget.reserve({ usd: most }), most]);
            } catch (error) {
              expect(error).toBeInstanceOf(BudgetExceeded);
              expect(most).toBeGreaterThan(budget.left('usd'));
            }
          } else {
            const [[reservation, reserved]] = open.splice(which % open.length, 1) as [[Reservation, number]];
            if (what === 1) reservation.release();
            else {
              reservation.settle({ usd: reserved * share });
              spent += reserved * share;
            }
            reservation.settle({ usd: 100 });
          }
          expect(budget.left('usd')).toBeGreaterThanOrEqual(-1e-6);
          expect(budget.spent('usd')).toBeCloseTo(spent, 6);
        }
        expect(budget.overruns).toEqual({});
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('lets exactly as many calls at the same time through as it has', async () => {
    const budget = new Budget({ calls: 7, usd: 1 });
    let running = 0;
    const call = async () => {
      running++;
      await Promise.resolve();
      return { usd: 0.05 };
    };
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, () => budget.spend({ calls: 1, usd: 0.1 }, call, ({ usd }) => ({ usd }))),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    expect([running, budget.spent('calls'), budget.left('calls')]).toEqual([7, 7, 0]);
    expect(budget.spent('usd')).toBeCloseTo(0.35, 9);
  });

  it('takes all units or none', () => {
    const budget = new Budget({ calls: 5, usd: 1 });
    expect(() => budget.reserve({ calls: 1, usd: 2 })).toThrow('budget: 2 usd asked, 1 left of 1.');
    expect(budget.left('calls')).toBe(5);
    budget.reserve({ tokens: 1e9 }).release();
    expect(budget.left('tokens')).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts a call that threw as if it had cost what it reserved', async () => {
    const budget = new Budget({ usd: 1 });
    await expect(budget.spend({ usd: 0.4 }, () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(budget.spent('usd')).toBe(0.4);
  });

  it('counts what a call cost beyond its reservation, and lets no further one through', () => {
    const budget = new Budget({ usd: 1 });
    budget.reserve({ usd: 0.5 }).settle({ usd: 2 });
    expect(budget.overruns).toEqual({ usd: 1.5 });
    expect(budget.left('usd')).toBe(-1);
    expect(() => budget.reserve({ usd: 0.01 })).toThrow(BudgetExceeded);
  });

  it('reserves sums of cents to the last one', () => {
    const budget = new Budget({ usd: 1 });
    for (let i = 0; i < 10; i++) budget.reserve({ usd: 0.1 });
    expect(() => budget.reserve({ usd: 0.1 })).toThrow(BudgetExceeded);
  });

  it.each([[{ usd: -1 }], [{ usd: Number.NaN }], [{ usd: Number.POSITIVE_INFINITY }], [{ usd: '1' as unknown as number }]])(
    'refuses %j',
    (amounts) => {
      expect(() => new Budget(amounts)).toThrow(RangeError);
      expect(() => new Budget({ usd: 5 }).reserve(amounts)).toThrow(RangeError);
      expect(() => new Budget({ usd: 5 }).reserve({ usd: 1 }).settle(amounts)).toThrow(RangeError);
    },
  );
});
