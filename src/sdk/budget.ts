/**
 * Budgets that hold under concurrency: what a call may cost at most is reserved before it, what it did cost is settled after. At no
 * time do spent and reserved together pass the limit by reserving; only a call that costs more than it reserved passes it, by the
 * difference, and that is counted.
 */

/** Of any units that a program counts: `usd`, `tokens`, `calls` … */
export type Amounts = Readonly<Record<string, number>>;

export class BudgetExceeded extends Error {
  readonly unit: string;

  constructor(unit: string, asked: number, left: number, limit: number) {
    super(`budget: ${shown(asked)} ${unit} asked, ${shown(left)} left of ${shown(limit)}.`);
    this.name = 'BudgetExceeded';
    this.unit = unit;
  }
}

export interface Reservation {
  /** What the call did cost; units that are left out cost what was reserved. Once; later calls of either do nothing. */
  settle(actual?: Amounts): void;
  /** The call was not made. */
  release(): void;
}

interface Account {
  readonly limit: number;
  spent: number;
  reserved: number;
}

export class Budget {
  /** Settled beyond what was reserved, by unit. */
  readonly overruns: Record<string, number> = {};
  private readonly accounts = new Map<string, Account>();

  /** Units without a limit are not counted. Throws a RangeError for a limit that is none. */
  constructor(limits: Amounts) {
    for (const [unit, limit] of Object.entries(limits)) {
      check(unit, limit);
      this.accounts.set(unit, { limit, spent: 0, reserved: 0 });
    }
  }

  /** All units or none. Throws `BudgetExceeded` if one has too little left, a RangeError for an amount that is none. */
  reserve(most: Amounts): Reservation {
    const held: [string, Account, number][] = [];
    for (const [unit, amount] of Object.entries(most)) {
      check(unit, amount);
      const account = this.accounts.get(unit);
      if (account === undefined) continue;
      const left = account.limit - account.spent - account.reserved;
      // A hundredth of a millionth: sums of cents are not exact.
      if (amount > left + 1e-8) throw new BudgetExceeded(unit, amount, left, account.limit);
      held.push([unit, account, amount]);
    }
    for (const [, account, amount] of held) account.reserved += amount;
    let open = true;
    const close = (spent: (unit: string, reserved: number) => number): void => {
      if (!open) return;
      open = false;
      for (const [unit, account, amount] of held) {
        const cost = spent(unit, amount);
        account.reserved -= amount;
        account.spent += cost;
        if (cost > amount) this.overruns[unit] = (this.overruns[unit] ?? 0) + cost - amount;
      }
    };
    return {
      settle: (actual = {}) => {
        for (const [unit, amount] of Object.entries(actual)) check(unit, amount);
        close((unit, reserved) => actual[unit] ?? reserved);
      },
      release: () => close(() => 0),
    };
  }

  /** Reserves, calls, settles at what `cost` says of the result. If the call throws, what was reserved counts as spent: nobody knows. */
  async spend<T>(most: Amounts, call: () => Promise<T>, cost: (result: T) => Amounts = () => ({})): Promise<T> {
    const reservation = this.reserve(most);
    try {
      const result = await call();
      reservation.settle(cost(result));
      return result;
    } finally {
      reservation.settle();
    }
  }

  /** Neither spent nor reserved; below 0 after an overrun. */
  left(unit: string): number {
    const account = this.accounts.get(unit);
    return account === undefined ? Number.POSITIVE_INFINITY : account.limit - account.spent - account.reserved;
  }

  spent(unit: string): number {
    return this.accounts.get(unit)?.spent ?? 0;
  }
}

function check(unit: string, amount: number): void {
  if (typeof amount === 'number' && Number.isFinite(amount) && amount >= 0) return;
  throw new RangeError(`budget: ${unit} must be a number from 0, got ${String(amount)}.`);
}

function shown(amount: number): string {
  return String(Math.round(amount * 1e6) / 1e6);
}
