/**
 * As much of Python as it takes to find a call and its arguments: strings and comments are blanked, brackets counted. It is no parser: what
 * is not plain is not found, and nothing is run.
 */

/** Same length, lines and code; strings are `~`, comments spaces. `undefined`: a string or a bracket does not end. */
export function blanked(source: string): string | undefined {
  let code = '';
  let from = 0;
  for (const opening = /#|"""|'''|["']/g; ; ) {
    opening.lastIndex = from;
    const found = opening.exec(source);
    if (found === null) break;
    const to = found[0] === '#' ? endOfLine(source, found.index) : endOfString(source, found.index + found[0].length, found[0]);
    if (to === undefined) return undefined;
    code += source.slice(from, found.index);
    code += source.slice(found.index, to).replace(/[^\r\n]/g, found[0] === '#' ? ' ' : '~');
    from = to;
  }
  code += source.slice(from);
  const stack: string[] = [];
  for (const [bracket] of code.matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(bracket)) stack.push(bracket === '(' ? ')' : bracket === '[' ? ']' : '}');
    else if (stack.pop() !== bracket) return undefined;
  }
  return stack.length === 0 ? code : undefined;
}

function endOfLine(source: string, from: number): number {
  const at = source.indexOf('\n', from);
  return at < 0 ? source.length : at;
}

function endOfString(source: string, from: number, quote: string): number | undefined {
  for (let at = from; at < source.length; at++) {
    if (source[at] === '\\') at++;
    else if (source.startsWith(quote, at)) return at + quote.length;
    else if (quote.length === 1 && source[at] === '\n') return undefined;
  }
  return undefined;
}

export interface Argument {
  /** Absent: by position, or `*` and `**`. */
  readonly name: string | undefined;
  /** Of the value, in the source. */
  readonly from: number;
  readonly to: number;
}

export interface Call {
  /** Of the brackets. */
  readonly open: number;
  readonly close: number;
  readonly arguments: readonly Argument[];
}

/** Calls of a name, as it is written; definitions of it are none. */
export function callsOf(code: string, name: string): Call[] {
  const places = code.matchAll(new RegExp(`(?<![\\w.])${name.replaceAll('.', '\\.')}(?=\\()`, 'g'));
  return [...places].flatMap(({ index }) => {
    if (/(?:def|class)\s+$/.test(code.slice(Math.max(0, index - 80), index))) return [];
    const open = index + name.length;
    const close = closing(code, open);
    return [{ open, close, arguments: between(code, open + 1, close).map(({ from, to }) => argument(code, from, to)) }];
  });
}

/** Parts between commas of this level, without the spaces around them; empty ones are left out. */
export function between(code: string, start: number, end: number): { readonly from: number; readonly to: number }[] {
  const parts: { from: number; to: number }[] = [];
  let depth = 0;
  let from = start;
  for (let at = start; at <= end; at++) {
    const char = at === end ? ',' : (code[at] as string);
    if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
    else if (char === ',' && (depth === 0 || at === end)) {
      parts.push({ from, to: at });
      from = at + 1;
    }
  }
  return parts;
}

function closing(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if ('([{'.includes(code[at] as string)) depth++;
    else if (')]}'.includes(code[at] as string) && --depth === 0) return at;
  }
  throw new Error('brackets were counted before');
}

function argument(code: string, from: number, to: number): Argument {
  const [head = '', name] = /^\s*(\w+)\s*=(?!=)\s*/.exec(code.slice(from, to)) ?? [];
  return { name, from: from + head.length, to };
}
