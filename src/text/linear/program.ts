/** Patterns as one program over the bytes of UTF-8: a list of instructions, of which several are at work at once. */
import type { Assertion, Node } from './syntax.ts';
import { PatternError } from './syntax.ts';

export const OP = { byte: 0, split: 1, assert: 2, match: 3 } as const;
export const ASSERTIONS: readonly Assertion[] = ['start', 'end', 'lineStart', 'lineEnd', 'edge', 'noEdge'];

/** Instruction i: byte in [x, y] then next; split to x and next; assertion number x then next; match. */
export interface Program {
  readonly op: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly next: readonly number[];
  readonly start: number;
}

/** All patterns together: a state of the automaton is a set of instructions. As RE2 bounds its programs by memory. */
const MAX_INSTRUCTIONS = 20_000;

/** Matches where any of `nodes` does. Throws `PatternError` if they are too large together. */
export function compile(nodes: readonly Node[]): Program {
  const op: number[] = [];
  const xs: number[] = [];
  const ys: number[] = [];
  const nexts: number[] = [];
  const emit = (kind: number, x: number, y: number, next: number): number => {
    if (op.length >= MAX_INSTRUCTIONS)
      throw new PatternError(`too large: more than ${MAX_INSTRUCTIONS} steps, mostly by repetitions such as {1,1000}`);
    op.push(kind);
    xs.push(x);
    ys.push(y);
    nexts.push(next);
    return op.length - 1;
  };
  const set = (ranges: readonly number[], next: number): number => {
    let start = -1;
    for (let i = 0; i < ranges.length; i += 2) {
      for (const bytes of sequences(ranges[i] as number, ranges[i + 1] as number)) {
        let at = next;
        for (let b = bytes.length - 2; b >= 0; b -= 2) at = emit(OP.byte, bytes[b] as number, bytes[b + 1] as number, at);
        start = start < 0 ? at : emit(OP.split, start, 0, at);
      }
    }
    // Nothing is in the set: a byte that no text has.
    return start < 0 ? emit(OP.byte, 1, 0, next) : start;
  };
  const build = (node: Node, next: number): number => {
    switch (node.kind) {
      case 'set':
        return set(node.ranges, next);
      case 'all':
        return node.nodes.reduceRight((after, one) => build(one, after), next);
      case 'any':
        return node.nodes.map((one) => build(one, next)).reduce((a, b) => emit(OP.split, a, 0, b));
      case 'assert':
        return emit(OP.assert, ASSERTIONS.indexOf(node.assertion), 0, next);
      case 'repeat': {
        let at = next;
        if (node.max === Number.POSITIVE_INFINITY) {
          const loop = emit(OP.split, 0, 0, next);
          xs[loop] = build(node.node, loop);
          at = loop;
        } else for (let i = node.min; i < node.max; i++) at = emit(OP.split, build(node.node, at), 0, next);
        for (let i = 0; i < node.min; i++) at = build(node.node, at);
        return at;
      }
    }
  };
  const match = emit(OP.match, 0, 0, -1);
  const start =
    nodes.length === 0
      ? emit(OP.byte, 1, 0, match)
      : nodes.map((node) => build(node, match)).reduce((a, b) => emit(OP.split, a, 0, b));
  return { op, x: xs, y: ys, next: nexts, start };
}

/** The UTF-8 forms of [from, to], as ranges of bytes (low, high, low, high …) of which each combination is one character. */
function sequences(from: number, to: number): number[][] {
  for (const limit of [0x7f, 0x7ff, 0xffff]) {
    if (from <= limit && to > limit) return [...sequences(from, limit), ...sequences(limit + 1, to)];
  }
  if (to < 0x80) return [[from, to]];
  // Below a leading byte all following ones must be whole ranges, else the range is cut.
  for (const bits of [6, 12, 18]) {
    const mask = (1 << bits) - 1;
    if ((from & ~mask) === (to & ~mask)) continue;
    if ((from & mask) !== 0) return [...sequences(from, from | mask), ...sequences((from | mask) + 1, to)];
    if ((to & mask) !== mask) return [...sequences(from, (to & ~mask) - 1), ...sequences(to & ~mask, to)];
  }
  const [low, high] = [bytesOf(from), bytesOf(to)];
  return [low.flatMap((byte, i) => [byte, high[i] as number])];
}

function bytesOf(code: number): number[] {
  if (code < 0x800) return [0xc0 | (code >> 6), 0x80 | (code & 63)];
  if (code < 0x10000) return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
}
