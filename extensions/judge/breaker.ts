/** Stops asking somebody who does not answer. Closed, it lets all through; open, none until a time; then one at a time until one succeeds. */

/** One slow answer is chance, five in a row are none. */
const FAILURES = 5;
/** Half a minute is what APIs ask for, ten minutes an outage; as receivers that ask an API wait. */
const FIRST_MS = 30_000;
const LONGEST_MS = 600_000;

export class Breaker {
  #failures = 0;
  #openUntilMs = Number.NEGATIVE_INFINITY;
  #waitMs = FIRST_MS;
  #trying = false;

  /** Call `succeeded`, `failed` or `abandoned` for each that was let through. Monotonic ms. */
  lets(nowMs: number): boolean {
    if (this.#failures < FAILURES) return nowMs >= this.#openUntilMs;
    if (nowMs < this.#openUntilMs || this.#trying) return false;
    this.#trying = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#waitMs = FIRST_MS;
    this.#trying = false;
  }

  /** Nothing was learnt of the other side. */
  abandoned(): void {
    this.#trying = false;
  }

  /** `waitMs`: how long it asks to be left alone. */
  failed(nowMs: number, waitMs = 0): void {
    this.#trying = false;
    this.#failures++;
    let wait = waitMs;
    if (this.#failures >= FAILURES) {
      wait = Math.max(wait, this.#waitMs);
      this.#waitMs = Math.min(LONGEST_MS, 2 * this.#waitMs);
    }
    this.#openUntilMs = Math.max(this.#openUntilMs, nowMs + wait);
  }
}
