/** So many at the same time; a bounded number waits, in order. */

/** At two seconds a call and two at a time this is a hundred seconds; what is asked later would be answered too late for anybody. */
const MAX_WAITING = 100;

export class Slots {
  #free: number;
  #waiting: ((taken: boolean) => void)[] = [];
  #over = false;

  constructor(slots: number) {
    this.#free = slots;
  }

  /** False if too many wait, or after `end`. Whoever got true calls `give`. */
  take(): Promise<boolean> {
    if (this.#over) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    if (this.#waiting.length >= MAX_WAITING) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next(true);
  }

  end(): void {
    this.#over = true;
    for (const waiting of this.#waiting.splice(0)) waiting(false);
  }
}
