/**
 * Watches the detectors of one host: which one runs now, how long it runs, which are switched off.
 *
 * Times: a step of all detectors is timed as a whole, which costs two looks at the clock. One that took too long arms the watch: for
 * the steps after it each detector is timed by itself, and one that overruns again is off for its window. Whoever overruns in
 * several windows is off in all of them: it would take its time once in each new one.
 * Inline, an overrun is seen after it returns. What never returns is seen from outside, by the cell that a worker shares.
 */

/**
 * Milliseconds of one call. A step of all detectors takes 0.3 ms at its p99 (docs/performance.md): this is a thousand times that, and more
 * than a collection of garbage or a turn without the processor takes.
 */
export const OVERRUN_MS = 250;
/** Steps that are timed detector by detector after one that was slow: a few sessions' worth. */
const ARMED_STEPS = 1_000;
/** Windows in which a detector may overrun before it is off in all of them. */
const WINDOWS_UNTIL_OFF = 3;

/** Why a detector is off: it did not come back in time. */
export class Overran extends Error {
  constructor(ms: number, limitMs: number) {
    super(`took ${Math.round(ms)} ms for one step, the limit is ${limitMs} ms`);
    this.name = 'Overran';
  }
}

/** A window in which a detector is off from the start. */
export interface OffIn {
  /** `<tenant>|<window key>`. */
  readonly window: string;
  /** Its id. */
  readonly detector: string;
}

const KEY_BYTES = 500;
const TEXT_AT = 12;
/** Bytes of the cell that a worker shares: detector, calls and windows so far, length of the window's name, its name. */
export const CELL_BYTES = TEXT_AT + KEY_BYTES;

/** What stands in a cell. `detector` is a place among `WatchOptions.ids`, -1 while none runs. */
export interface CellReading {
  readonly window: string;
  readonly detector: number;
  readonly calls: number;
}

export function readCell(cell: SharedArrayBuffer): CellReading {
  const numbers = new Int32Array(cell, 0, 3);
  const length = Math.min(Math.max(Atomics.load(numbers, 2), 0), KEY_BYTES);
  const window = Buffer.from(Buffer.from(cell, TEXT_AT, length)).toString('utf8');
  return { detector: Atomics.load(numbers, 0) - 1, calls: Atomics.load(numbers, 1), window };
}

/** A window's name as a cell holds it: cut, where it is very long. */
function cellName(window: string): string {
  return window.length * 3 <= KEY_BYTES ? window : Buffer.from(window).subarray(0, KEY_BYTES).toString('utf8');
}

export interface WatchOptions {
  readonly overrunMs: number;
  /** Monotonic ms. */
  readonly monotonic: () => number;
  /** Written before each call, for whoever has to end a thread that does not answer. */
  readonly cell?: SharedArrayBuffer;
  /** Of the detectors, for the cell. */
  readonly ids?: readonly string[];
}

export class Watch {
  readonly overrunMs: number;
  private readonly monotonic: () => number;
  private readonly numbers: Int32Array | undefined;
  private readonly text: Buffer | undefined;
  private armed = 0;
  private stepMs = 0;
  private callMs = 0;
  private readonly places: ReadonlyMap<string, number>;
  /** By id of the detector. */
  private readonly overruns = new Map<string, number>();
  private readonly everywhere = new Set<string>();
  private readonly inWindow = new Map<string, Set<string>>();

  constructor({ overrunMs, monotonic, cell, ids = [] }: WatchOptions) {
    this.overrunMs = overrunMs;
    this.monotonic = monotonic;
    this.places = new Map(ids.map((id, i) => [id, i]));
    if (cell === undefined) return;
    this.numbers = new Int32Array(cell, 0, 3);
    this.text = Buffer.from(cell, TEXT_AT, KEY_BYTES);
  }

  stepBegins(): void {
    this.stepMs = this.monotonic();
  }

  stepEnds(): void {
    // A detector that threw did not end its call.
    if (this.numbers !== undefined) this.numbers[0] = 0;
    if (this.armed > 0) this.armed--;
    if (this.monotonic() - this.stepMs > this.overrunMs) this.armed = ARMED_STEPS;
  }

  /** The calls that follow are in this window. */
  enter(tenant: string, windowKey: string): void {
    if (this.text === undefined || this.numbers === undefined) return;
    this.numbers[1] = ((this.numbers[1] as number) + 1) | 0;
    this.numbers[2] = this.text.write(`${tenant}|${windowKey}`);
  }

  callBegins(detector: string): void {
    if (this.numbers !== undefined) {
      this.numbers[0] = (this.places.get(detector) ?? -1) + 1;
      this.numbers[1] = ((this.numbers[1] as number) + 1) | 0;
    }
    if (this.armed > 0) this.callMs = this.monotonic();
  }

  /** Says how a call overran; `undefined` if it did not, or was not timed. */
  callEnds(detector: string): Overran | undefined {
    if (this.numbers !== undefined) this.numbers[0] = 0;
    if (this.armed === 0) return undefined;
    const ms = this.monotonic() - this.callMs;
    if (ms <= this.overrunMs) return undefined;
    const windows = (this.overruns.get(detector) ?? 0) + 1;
    this.overruns.set(detector, windows);
    if (windows >= WINDOWS_UNTIL_OFF) this.turnOff(detector);
    return new Overran(ms, this.overrunMs);
  }

  /** In every window, open ones too. */
  turnOff(detector: string): void {
    this.everywhere.add(detector);
  }

  /** In a window that opens later. */
  turnOffIn({ window, detector }: OffIn): void {
    const name = cellName(window);
    const off = this.inWindow.get(name) ?? new Set();
    this.inWindow.set(name, off.add(detector));
  }

  isOff(detector: string): boolean {
    return this.everywhere.size > 0 && this.everywhere.has(detector);
  }

  /** The detectors that are off in a window from its start. */
  offIn(tenant: string, windowKey: string): Iterable<string> {
    if (this.inWindow.size === 0) return [];
    return this.inWindow.get(cellName(`${tenant}|${windowKey}`)) ?? [];
  }
}
