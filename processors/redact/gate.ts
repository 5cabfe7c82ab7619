/**
 * Whether a value could hold anything to mask, told from its bytes in one pass. Nearly no value does, and then nothing of it is decoded.
 * Says yes too often, never no too often: assertions are left out, and JSON is read on across the ends of its strings.
 */
import { Automaton, END } from '../../src/text/linear/automaton.ts';
import { parsePattern } from '../../src/text/linear/syntax.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
/** Of escapes, what stands after the backslash. */
const ESCAPES = new Uint8Array(256);
Buffer.from('"/\\bfnrt').forEach((letter, i) => {
  ESCAPES[letter] = [0x22, 0x2f, BACKSLASH, 8, 12, 10, 13, 9][i] as number;
});
/** Bytes that JSON has outside of strings, quotes apart. */
const MARK = { none: 0, open: 1, close: 2, part: 3, space: 4, scalar: 5 } as const;
const OUTSIDE = new Uint8Array(256);
for (const [mark, signs] of [
  [MARK.open, '{['],
  [MARK.close, '}]'],
  [MARK.part, ',:'],
  [MARK.space, ' \t\r\n'],
  [MARK.scalar, '0123456789+-.eEtrufalsn'],
] as const)
  for (const byte of Buffer.from(signs)) OUTSIDE[byte] = mark;
const SPACE = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) SPACE[byte] = 1;

export class Gate {
  private readonly automaton: Automaton;
  private readonly json: boolean;

  /** `sources` are the user's, `builtin` those of the repository. */
  constructor(sources: readonly string[], builtin: readonly RegExp[], json: boolean) {
    const own = builtin.map(({ source, flags }) => parsePattern(source, { lenient: true, flags }));
    this.automaton = new Automaton([...sources.map((source) => parsePattern(source, { lenient: true })), ...own]);
    this.json = json;
  }

  /** Whether [from, end) must be looked at. */
  opens(bytes: Uint8Array, from: number, end: number): boolean {
    if (this.json && opensJson(bytes, from, end)) {
      const said = this.scan(bytes, from, end);
      if (said !== undefined) return said;
    }
    return this.automaton.test(bytes, from, end);
  }

  /** As JSON, with escapes undone; `undefined` if it is none. A string that holds JSON itself and escapes in it is not followed: it is looked at. */
  private scan(bytes: Uint8Array, from: number, end: number): boolean | undefined {
    const { automaton } = this;
    const { classOf } = automaton;
    let state = automaton.start();
    let { table } = automaton;
    let inString = false;
    let inScalar = false;
    /** A value has ended, and nothing that parts it from the next has come: two in a row are no JSON. */
    let ended = false;
    /** It has its name: no second colon may come. */
    let named = false;
    /** Nothing of the string but space has been read. */
    let fresh = false;
    let nested = false;
    let afterColon = false;
    let i = from;
    while (i < end) {
      let byte = bytes[i++] as number;
      if (!inString) {
        if (byte === QUOTE) {
          if (ended || inScalar) return undefined;
          // Quotes part nothing: a name and its value are looked at together.
          inString = fresh = true;
          nested = afterColon = false;
          continue;
        }
        switch (OUTSIDE[byte]) {
          case 0:
            return undefined;
          case MARK.space:
            ended ||= inScalar;
            inScalar = false;
            // However much space is between a name and its value.
            if (afterColon) continue;
            break;
          case MARK.open:
            if (ended || inScalar) return undefined;
            named = false;
            break;
          case MARK.close:
            ended = named = true;
            inScalar = false;
            break;
          case MARK.part:
            if (byte === COLON && named) return undefined;
            named = byte === COLON;
            ended = inScalar = false;
            break;
          default:
            if (ended) return undefined;
            inScalar = true;
        }
        afterColon = byte === COLON;
      } else if (byte === QUOTE) {
        inString = false;
        ended = true;
        continue;
      } else {
        if (byte === BACKSLASH) {
          // Cut within an escape.
          if (i === end) return true;
          const letter = bytes[i++] as number;
          byte = ESCAPES[letter] as number;
          if (letter === 0x75) {
            const code = hexAt(bytes, i, end);
            // Half an escape, or half a character: looked at.
            if (code < 0 || (code & 0xf800) === 0xd800) return true;
            i += 4;
            byte = code;
            if (code > 0x7f) {
              if (code > 0x7ff) {
                state = automaton.step(state, 0xe0 | (code >> 12));
                if (state >= 0) state = automaton.step(state, 0x80 | ((code >> 6) & 63));
              } else state = automaton.step(state, 0xc0 | (code >> 6));
              if (state < 0) return true;
              table = automaton.table;
              byte = 0x80 | (code & 63);
            }
          } else if (byte === 0) return undefined;
          if (byte === BACKSLASH && nested) return true;
        }
        if (fresh && SPACE[byte] === 0) {
          fresh = false;
          nested = byte === 0x7b || byte === 0x5b;
        }
      }
      for (;;) {
        let next = table[state + (classOf[byte] as number)] as number;
        if (next <= 0) {
          next = automaton.step(state, byte);
          if (next < 0) return true;
          table = automaton.table;
        }
        state = next;
        // The inside of strings is most of it.
        if (!inString || fresh || i === end) break;
        byte = bytes[i] as number;
        if (byte === QUOTE || byte === BACKSLASH) break;
        i++;
      }
    }
    return automaton.step(state, END) < 0;
  }
}

function hexAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let code = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i] as number;
    const lower = byte | 0x20;
    const digit = byte >= 48 && byte <= 57 ? byte - 48 : lower >= 97 && lower <= 102 ? lower - 87 : -1;
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

/** Whether the first sign in [from, end) that is no space begins an object or a list. */
function opensJson(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (at < end && SPACE[bytes[at] as number] === 1) at++;
  return at < end && (bytes[at] === 0x7b || bytes[at] === 0x5b);
}
