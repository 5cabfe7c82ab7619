/**
 * Regular expressions as RE2 has them (what the Collector's options take): no look-around and no back-reference, so that they can be
 * matched in time linear in the text. `lenient` reads those of JavaScript in the repository into something that matches at least
 * what they do: assertions hold everywhere, and large bounds of repetition are none.
 */

/** Whether a position is the start or end of the text or of a line, or the edge of a word. */
export type Assertion = 'start' | 'end' | 'lineStart' | 'lineEnd' | 'edge' | 'noEdge';

export type Node =
  /** One character of these ranges of code points: from, to, from, to … ascending. */
  | { readonly kind: 'set'; readonly ranges: readonly number[] }
  | { readonly kind: 'all'; readonly nodes: readonly Node[] }
  | { readonly kind: 'any'; readonly nodes: readonly Node[] }
  /** `max` may be Infinity. */
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion };

/** What is wrong with a pattern, at which character. */
export class PatternError extends Error {}

const LAST = 0x10ffff;
/** As in RE2. */
const MAX_REPEAT = 1000;
/** lenient: a bound above this is left out. Low, for each step of a count is a state. */
const LENIENT_REPEAT = 8;
const MAX_DEPTH = 100;

const digit = [48, 57];
const word = [48, 57, 65, 90, 95, 95, 97, 122];
const space = [9, 10, 12, 13, 32, 32];
/** What JavaScript's \s has besides. */
const wideSpace = [
  9, 13, 32, 32, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000,
  0xfeff, 0xfeff,
];
const posix: Readonly<Record<string, readonly number[]>> = {
  alnum: [48, 57, 65, 90, 97, 122],
  alpha: [65, 90, 97, 122],
  ascii: [0, 127],
  blank: [9, 9, 32, 32],
  cntrl: [0, 31, 127, 127],
  digit,
  graph: [33, 126],
  lower: [97, 122],
  print: [32, 126],
  punct: [33, 47, 58, 64, 91, 96, 123, 126],
  space: [9, 13, 32, 32],
  upper: [65, 90],
  word,
  xdigit: [48, 57, 65, 70, 97, 102],
};
const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/** Throws `PatternError`. `flags` as of a RegExp: i, m and s count. */
export function parsePattern(source: string, { lenient = false, flags = '' } = {}): Node {
  return new Parser(source, lenient).whole({ i: flags.includes('i'), m: flags.includes('m'), s: flags.includes('s') });
}

class Parser {
  private at = 0;
  private readonly source: string;
  private readonly lenient: boolean;
  private flags: Flags = { i: false, m: false, s: false };

  constructor(source: string, lenient: boolean) {
    this.source = source;
    this.lenient = lenient;
  }

  whole(flags: Flags): Node {
    this.flags = flags;
    const node = this.alternatives(0);
    if (this.at < this.source.length) this.fail('a ) without its (');
    return node;
  }

  private fail(what: string): never {
    throw new PatternError(`${what}, at character ${this.at + 1}`);
  }

  private take(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private alternatives(depth: number): Node {
    if (depth > MAX_DEPTH) this.fail(`groups nested deeper than ${MAX_DEPTH}`);
    // (?i) holds to the end of its group.
    const outside = this.flags;
    const nodes = [this.sequence(depth)];
    while (this.take('|')) nodes.push(this.sequence(depth));
    this.flags = outside;
    return nodes.length === 1 ? (nodes[0] as Node) : { kind: 'any', nodes };
  }

  private sequence(depth: number): Node {
    const nodes: Node[] = [];
    while (this.at < this.source.length && this.source[this.at] !== '|' && this.source[this.at] !== ')') {
      const atom = this.atom(depth);
      if (atom) nodes.push(this.repeated(atom));
    }
    return nodes.length === 1 ? (nodes[0] as Node) : { kind: 'all', nodes };
  }

  /** `undefined` for what takes no place: flags, and look-around if lenient. */
  private atom(depth: number): Node | undefined {
    const character = String.fromCodePoint(this.source.codePointAt(this.at) as number);
    this.at += character.length;
    switch (character) {
      case '(':
        return this.group(depth);
      case '[':
        return this.set();
      case '.':
        return { kind: 'set', ranges: this.flags.s ? [0, LAST] : [0, 9, 11, LAST] };
      case '^':
        return this.assert(this.flags.m ? 'lineStart' : 'start');
      case '$':
        return this.assert(this.flags.m ? 'lineEnd' : 'end');
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
        this.at--;
        return this.fail(`nothing for ${character} to repeat`);
      default:
        return this.literal(character.codePointAt(0) as number);
    }
  }

  private literal(code: number): Node {
    return { kind: 'set', ranges: this.flags.i ? folded([code, code]) : [code, code] };
  }

  private assert(assertion: Assertion): Node {
    return this.lenient ? { kind: 'all', nodes: [] } : { kind: 'assert', assertion };
  }

  private group(depth: number): Node | undefined {
    if (!this.take('?')) return this.close(this.alternatives(depth + 1));
    if (/^(?:<?[=!])/.test(this.source.slice(this.at))) {
      if (!this.lenient) this.fail('look-around is not linear and is not known here');
      this.at += this.source[this.at] === '<' ? 2 : 1;
      this.close(this.alternatives(depth + 1));
      return undefined;
    }
    const name = /^P?<\w+>/.exec(this.source.slice(this.at));
    if (name) {
      this.at += name[0].length;
      return this.close(this.alternatives(depth + 1));
    }
    const set = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.source.slice(this.at));
    if (!set) return this.fail('an unknown kind of group');
    this.at += set[0].length;
    const outside = this.flags;
    const flag = (one: 'i' | 'm' | 's') => !set[2]?.includes(one) && (outside[one] || (set[1] ?? '').includes(one));
    this.flags = { i: flag('i'), m: flag('m'), s: flag('s') };
    if (set[3] === ')') return undefined;
    const node = this.close(this.alternatives(depth + 1));
    this.flags = outside;
    return node;
  }

  private close(node: Node): Node {
    if (!this.take(')')) this.fail('a ( without its )');
    return node;
  }

  private repeated(atom: Node): Node {
    let node = atom;
    for (;;) {
      const bounds = this.bounds();
      if (bounds === undefined) return node;
      // Lazy or not: all of the longest match is taken.
      this.take('?');
      let [min, max] = bounds;
      if (this.lenient) {
        if (max > LENIENT_REPEAT) max = Number.POSITIVE_INFINITY;
        min = Math.min(min, 2 * LENIENT_REPEAT);
      }
      node = { kind: 'repeat', node, min, max };
    }
  }

  private bounds(): readonly [number, number] | undefined {
    if (this.take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.take('?')) return [0, 1];
    // As in RE2 a brace that is no repetition stands for itself.
    const braces = /^\{(\d+)(,?)(\d*)\}/.exec(this.source.slice(this.at));
    if (!braces) return undefined;
    this.at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === '' ? min : braces[3] === '' ? Number.POSITIVE_INFINITY : Number(braces[3]);
    if (!this.lenient && (min > MAX_REPEAT || (max !== Number.POSITIVE_INFINITY && max > MAX_REPEAT)))
      this.fail(`a repetition of more than ${MAX_REPEAT}`);
    if (max < min) this.fail('a repetition whose end is before its start');
    return [min, max];
  }

  private escape(): Node {
    const letter = this.source[this.at] ?? '';
    if (letter === 'b' || letter === 'B' || letter === 'A' || letter === 'z') {
      this.at++;
      return this.assert(letter === 'b' ? 'edge' : letter === 'B' ? 'noEdge' : letter === 'A' ? 'start' : 'end');
    }
    if (/[1-9]/.test(letter)) this.fail('a back-reference is not linear and is not known here');
    const ranges = this.escaped();
    return { kind: 'set', ranges: this.flags.i ? folded(ranges) : ranges };
  }

  /** After a backslash, inside a set or outside. */
  private escaped(): readonly number[] {
    const letter = this.source[this.at] ?? this.fail('a \\ at the end');
    const classes: Readonly<Record<string, readonly number[]>> = { d: digit, w: word, s: this.lenient ? wideSpace : space };
    const lower = letter.toLowerCase();
    const known = classes[lower];
    if (known) {
      this.at++;
      return letter === lower ? known : inverted(known);
    }
    const hex = /^(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\})/.exec(
      this.source.slice(this.at),
    );
    const code = hex
      ? Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? (hex[4] as string), 16)
      : (controls[letter] ?? (/[A-Za-z0-9]/.test(letter) ? this.fail(`\\${letter} is not known here`) : letter.codePointAt(0)));
    if (code === undefined || code > LAST) return this.fail('no character');
    this.at += hex ? hex[0].length : 1;
    return [code, code];
  }

  private set(): Node {
    const not = this.take('^');
    const ranges: number[] = [];
    let first = true;
    for (;;) {
      if (this.at >= this.source.length) this.fail('a [ without its ]');
      if (!first && this.take(']')) break;
      // In JavaScript [] is empty; none is in the repository.
      first = false;
      const name = /^\[:(\^?)(\w+):\]/.exec(this.source.slice(this.at));
      if (name) {
        const known = posix[name[2] ?? ''] ?? this.fail(`[:${name[2]}:] is not known`);
        this.at += name[0].length;
        ranges.push(...(name[1] === '' ? known : inverted(known)));
        continue;
      }
      const from = this.member();
      if (from.length === 2 && from[0] === from[1] && this.source[this.at] === '-' && this.source[this.at + 1] !== ']') {
        this.at++;
        const to = this.member();
        if (to.length !== 2 || to[0] !== to[1] || (to[0] as number) < (from[0] as number)) this.fail('a range that is none');
        ranges.push(from[0] as number, to[1] as number);
      } else ranges.push(...from);
    }
    const wanted = this.flags.i ? folded(ranges) : merged(ranges);
    return { kind: 'set', ranges: not ? inverted(wanted) : wanted };
  }

  private member(): readonly number[] {
    if (this.take('\\')) return this.escaped();
    const code = this.source.codePointAt(this.at) as number;
    this.at += code > 0xffff ? 2 : 1;
    return [code, code];
  }
}

/** Sorted, none touching another. */
function merged(ranges: readonly number[]): number[] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i] as number, ranges[i + 1] as number]);
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [from, to] of pairs) {
    const last = out.length - 1;
    if (out.length > 0 && from <= (out[last] as number) + 1) out[last] = Math.max(out[last] as number, to);
    else out.push(from, to);
  }
  return out;
}

function inverted(ranges: readonly number[]): number[] {
  const out: number[] = [];
  let next = 0;
  const sorted = merged(ranges);
  for (let i = 0; i < sorted.length; i += 2) {
    if ((sorted[i] as number) > next) out.push(next, (sorted[i] as number) - 1);
    next = (sorted[i + 1] as number) + 1;
  }
  if (next <= LAST) out.push(next, LAST);
  return out;
}

/** With the other case of ASCII letters, and of others where they stand alone. */
function folded(ranges: readonly number[]): number[] {
  const out = [...ranges];
  for (let i = 0; i < ranges.length; i += 2) {
    const [from, to] = [ranges[i] as number, ranges[i + 1] as number];
    for (const [low, high, shift] of [
      [65, 90, 32],
      [97, 122, -32],
    ] as const) {
      const [a, b] = [Math.max(from, low), Math.min(to, high)];
      if (a <= b) out.push(a + shift, b + shift);
    }
    if (from !== to || from < 128) continue;
    const text = String.fromCodePoint(from);
    for (const other of [text.toLowerCase(), text.toUpperCase()])
      if ([...other].length === 1) out.push(other.codePointAt(0) as number, other.codePointAt(0) as number);
  }
  return merged(out);
}
