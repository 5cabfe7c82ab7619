/** Masks within JSON text: strings and numbers that are values; names, structure and spacing stay as they are. */

/** What is masked of one value. `name`: that of the member which it is. The same text = nothing. */
export interface Masks {
  readonly value: (text: string, name: string | undefined) => string;
  /** Whether whatever stands under this name is masked whole. */
  readonly blocked: (name: string) => boolean;
  readonly whole: (text: string) => string;
}

/** JSON in JSON in …: tools' arguments within messages within an attribute are 3. Deeper ones are text. */
const MAX_DEPTH = 8;

/** Cut within an escape; two backslashes before it are one that is whole. */
const HALF_ESCAPE = /((?:^|[^\\])(?:\\\\)*)\\(?:u[\da-fA-F]{0,3})?$/;

interface Container {
  readonly object: boolean;
  /** It stands under a blocked name. */
  readonly masked: boolean;
}

/** `undefined` if it is not JSON. A text that was cut is JSON as far as it goes. */
export function maskJson(text: string, masks: Masks, depth = 0): string | undefined {
  if (depth > MAX_DEPTH || !/^\s*[[{]/.test(text)) return undefined;
  const stack: Container[] = [];
  let out = '';
  let kept = 0;
  let at = 0;
  let name: string | undefined;
  let nameNext = false;
  let colonNext = false;
  /** A value has ended, and no sign that parts it from the next has come: two in a row are no JSON. */
  let ended = false;
  const put = (from: number, to: number, masked: string): void => {
    out += text.slice(kept, from) + masked;
    kept = to;
  };
  const under = (): boolean => stack.at(-1)?.masked === true || (name !== undefined && masks.blocked(name));
  while (at < text.length) {
    const sign = text[at] as string;
    if (/\s/.test(sign)) {
      at++;
      continue;
    }
    if (sign === '{' || sign === '[') {
      if (ended) return undefined;
      stack.push({ object: sign === '{', masked: under() });
      nameNext = sign === '{';
      name = undefined;
    } else if (sign === '}' || sign === ']') {
      stack.pop();
      ended = true;
      nameNext = false;
    } else if (sign === ',') {
      nameNext = stack.at(-1)?.object === true;
      name = undefined;
      ended = false;
    } else if (sign === ':') {
      if (!colonNext) return undefined;
      ended = colonNext = false;
    } else {
      if (ended) return undefined;
      const closing = sign === '"' ? stringEnd(text, at) : scalarEnd(text, at);
      if (closing === at) return undefined;
      const to = closing < 0 ? text.length : closing;
      const token = text.slice(at, to);
      // Of a string that was cut, as much as is whole.
      const said = sign !== '"' ? token : decoded(closing < 0 ? `${token.replace(HALF_ESCAPE, '$1')}"` : token);
      if (said === undefined) return undefined;
      colonNext = nameNext;
      if (nameNext) name = said;
      else {
        const masked = under()
          ? token === 'null'
            ? said
            : masks.whole(said)
          : maskValue(said, name, sign === '"', masks, depth);
        // What was cut is cut off where the mask ends.
        if (masked !== said) put(at, to, JSON.stringify(masked));
      }
      ended = true;
      nameNext = false;
      at = to;
      continue;
    }
    at++;
  }
  return out + text.slice(kept);
}

function maskValue(said: string, name: string | undefined, isString: boolean, masks: Masks, depth: number): string {
  return (isString ? maskJson(said, masks, depth + 1) : undefined) ?? masks.value(said, name);
}

/** Behind the closing quote; -1 if the text was cut before it. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return -1;
    let slashes = quote - 1;
    while (text[slashes] === '\\') slashes--;
    if ((quote - slashes) % 2 === 1) return quote + 1;
    at = quote + 1;
  }
}

function scalarEnd(text: string, from: number): number {
  const scalar = /[-+.\deEtrufalsn]+/y;
  scalar.lastIndex = from;
  return from + (scalar.exec(text)?.[0].length ?? 0);
}

/** The string that a token says. */
function decoded(token: string): string | undefined {
  for (const one of [token, escaped(token)]) {
    try {
      return JSON.parse(one) as string;
    } catch {
      // The next, then.
    }
  }
  return undefined;
}

/** Some write line ends and tabs as they are. */
function escaped(token: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
  return token.replace(/\\[\s\S]|[\u0000-\u001f]/g, (sign) =>
    sign.length > 1 ? sign : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
