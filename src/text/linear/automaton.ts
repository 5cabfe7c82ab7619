/**
 * Searches bytes for any of several patterns in one pass: states are made when the text first leads to them, after that a byte costs one
 * look-up. Time is linear in the text whatever the patterns are; memory is bounded, for states that are too many are forgotten and made again.
 */
import { ASSERTIONS, compile, OP, type Program } from './program.ts';
import { type Assertion, type Node, PatternError } from './syntax.ts';

/** In the place of a byte: the text is over. */
export const END = 256;

/** With 60 classes of bytes 1 MB. Patterns of the shape people write need some hundreds. */
const MAX_STATES = 4_000;
/** Steps of all threads of one `find`, beside those in proportion to the text: what masks itself over and over ends in a mask of the whole. */
const FREE_STEPS = 1_000_000;
const STEPS_PER_BYTE = 100;

/** What stands before a position, as far as assertions ask. */
const BEFORE = { start: 0, line: 1, word: 2, other: 3 } as const;

interface State {
  /** Where matches that have begun are; that one may begin here holds in every state, and is not repeated. Empty: none has begun. */
  readonly pcs: readonly number[];
  readonly before: number;
}

export class Automaton {
  private readonly program: Program;
  /** Class of each byte and of `END`: bytes that no instruction tells apart share one. */
  readonly classOf = new Uint16Array(END + 1);
  private readonly example: number[] = [];
  private readonly asserts: boolean;
  private readonly seeds: readonly number[];
  /** For loops that take the step themselves. Row of a state × class → row of the next; negative: a match ended before this byte; 0: not known yet, ask `step`, which may put another table in the place of this. Row 0 is no state. */
  table = new Int32Array(0);
  private states: State[] = [];
  private known = new Map<string, number>();
  private starts: (number | undefined)[] = [];

  /** Throws `PatternError` if a pattern is too large, or matches the empty text. */
  constructor(nodes: readonly Node[]) {
    this.program = compile(nodes);
    this.asserts = this.program.op.includes(OP.assert);
    this.classify();
    this.seeds = this.closure([this.program.start]);
    if (this.closure(this.seeds, () => true).some((pc) => this.program.op[pc] === OP.match))
      throw new PatternError('matches the empty text, and so every place of every text');
    this.forget();
  }

  private classify(): void {
    const { op, x, y } = this.program;
    const edges = new Set<number>([0, END]);
    op.forEach((kind, pc) => {
      if (kind === OP.byte && (x[pc] as number) <= (y[pc] as number)) edges.add(x[pc] as number).add((y[pc] as number) + 1);
    });
    if (this.asserts) for (const edge of [10, 11, 48, 58, 65, 91, 95, 96, 97, 123]) edges.add(edge);
    for (let byte = 0; byte <= END; byte++) {
      if (edges.has(byte)) this.example.push(byte);
      this.classOf[byte] = this.example.length - 1;
    }
  }

  private forget(): void {
    this.states = [{ pcs: [], before: 0 }];
    this.known = new Map();
    this.starts = [];
    this.table = new Int32Array(64 * this.example.length);
  }

  private rowOf(pcs: readonly number[], before: number): number {
    // Without assertions it is all the same what stood before.
    const context = this.asserts ? before : 0;
    const key = `${pcs.join()}/${context}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const stride = this.example.length;
    const row = this.states.length * stride;
    if (row + stride > this.table.length) {
      const larger = new Int32Array(this.table.length * 2);
      larger.set(this.table);
      this.table = larger;
    }
    this.states.push({ pcs, before: context });
    this.known.set(key, row);
    return row;
  }

  /** The state at a position: `previous` is the byte before it, -1 at the start. */
  start(previous = -1): number {
    const context = before(previous);
    this.starts[context] ??= this.rowOf([], context);
    return this.starts[context] as number;
  }

  /** The next state. Negative: a match ended before this byte; the state then is the number without its sign. */
  step(state: number, byte: number): number {
    return (this.table[state + (this.classOf[byte] as number)] as number) || this.make(state, byte);
  }

  private make(state: number, byte: number): number {
    const stride = this.example.length;
    let row = state;
    const from = this.states[state / stride] as State;
    if (this.states.length >= MAX_STATES) {
      this.forget();
      row = this.rowOf(from.pcs, from.before);
    }
    const { op, x, y, next } = this.program;
    const all = [...from.pcs, ...this.seeds];
    const here = this.asserts ? this.closure(all, (assertion) => holds(assertion, from.before, byte)) : all;
    const targets: number[] = [];
    let matched = false;
    for (const pc of here) {
      if (op[pc] === OP.match) matched = true;
      else if (op[pc] === OP.byte && byte >= (x[pc] as number) && byte <= (y[pc] as number)) targets.push(next[pc] as number);
    }
    const to = this.rowOf(this.closure(targets), before(byte));
    const result = matched ? -to : to;
    this.table[row + (this.classOf[byte] as number)] = result;
    return result;
  }

  /** What can be reached without a byte, ascending. Without `holding` assertions stay for the byte that decides them. */
  private closure(from: readonly number[], holding?: (assertion: Assertion) => boolean): number[] {
    const { op, x, next } = this.program;
    const seen = new Set<number>();
    const out: number[] = [];
    const stack = [...from];
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (seen.has(pc)) continue;
      seen.add(pc);
      if (op[pc] === OP.split) stack.push(next[pc] as number, x[pc] as number);
      else if (op[pc] !== OP.assert || !holding) out.push(pc);
      else if (holding(ASSERTIONS[x[pc] as number] as Assertion)) stack.push(next[pc] as number);
    }
    return out.sort((a, b) => a - b);
  }

  /** Whether [from, end) has a match. */
  test(bytes: Uint8Array, from: number, end: number): boolean {
    const { classOf } = this;
    let state = this.start();
    let { table } = this;
    for (let i = from; i < end; i++) {
      const byte = bytes[i] as number;
      let next = table[state + (classOf[byte] as number)] as number;
      if (next <= 0) {
        next = this.step(state, byte);
        if (next < 0) return true;
        table = this.table;
      }
      state = next;
    }
    return this.step(state, END) < 0;
  }

  /**
   * The matches in [from, end) as pairs of offsets, one behind the other; each begins where the first one can and is as long as it
   * can be. `undefined`: it would take too long to tell them apart.
   */
  find(bytes: Uint8Array, from: number, end: number): number[] | undefined {
    const found: number[] = [];
    const budget = { steps: FREE_STEPS + STEPS_PER_BYTE * (end - from) };
    let at = from;
    while (at < end) {
      let state = this.start(at === from ? -1 : bytes[at - 1]);
      let idleAt = at;
      let hit = false;
      for (let i = at; i <= end && !hit; i++) {
        state = this.step(state, i === end ? END : (bytes[i] as number));
        budget.steps--;
        if (state < 0) hit = true;
        else if (this.states[state / this.example.length]?.pcs.length === 0) idleAt = i + 1;
      }
      if (!hit) break;
      const match = this.longest(bytes, idleAt, from, end, budget);
      if (match === undefined) return undefined;
      found.push(...match);
      at = match[1];
    }
    return found;
  }

  /** The first match that begins at `at` or later, which is known to be there. Each thread carries where it began. */
  private longest(
    bytes: Uint8Array,
    at: number,
    from: number,
    end: number,
    budget: { steps: number },
  ): readonly [number, number] | undefined {
    const { op, x, y, next, start } = this.program;
    let best: readonly [number, number] | undefined;
    let threads: [pc: number, began: number][] = [];
    for (let i = at; i <= end; i++) {
      if (best === undefined) threads.push([start, i]);
      const byte = i === end ? END : (bytes[i] as number);
      const context = before(i === from ? -1 : (bytes[i - 1] as number));
      const seen = new Set<number>();
      const after: [number, number][] = [];
      // The older a thread the earlier it stands: whoever comes first to an instruction began first.
      for (const [from, began] of threads) {
        if (best !== undefined && began > best[0]) break;
        const stack = [from];
        for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
          if (seen.has(pc)) continue;
          seen.add(pc);
          if (--budget.steps < 0) return undefined;
          const kind = op[pc];
          if (kind === OP.split) stack.push(next[pc] as number, x[pc] as number);
          else if (kind === OP.match) best = best !== undefined && best[0] < began ? best : [began, i];
          else if (kind === OP.assert) {
            if (holds(ASSERTIONS[x[pc] as number] as Assertion, context, byte)) stack.push(next[pc] as number);
          } else if (byte >= (x[pc] as number) && byte <= (y[pc] as number)) after.push([next[pc] as number, began]);
        }
      }
      threads = after;
      if (best !== undefined && threads.length === 0) break;
    }
    return best;
  }
}

function before(previous: number): number {
  if (previous < 0) return BEFORE.start;
  return previous === 10 ? BEFORE.line : isWord(previous) ? BEFORE.word : BEFORE.other;
}

function holds(assertion: Assertion, context: number, byte: number): boolean {
  switch (assertion) {
    case 'start':
      return context === BEFORE.start;
    case 'end':
      return byte === END;
    case 'lineStart':
      return context === BEFORE.start || context === BEFORE.line;
    case 'lineEnd':
      return byte === END || byte === 10;
    case 'edge':
      return (context === BEFORE.word) !== isWord(byte);
    case 'noEdge':
      return (context === BEFORE.word) === isWord(byte);
  }
}

/** ASCII, as in RE2. */
function isWord(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95 || (byte >= 97 && byte <= 122);
}
