/**
 * Text for a terminal or a log line: what would drive or fool the reader (control characters, escape sequences, marks that
 * turn the direction of writing or have no width) is shown as `\uXXXX`, not sent. With `lines` line feeds stay.
 */
export function printable(text: string, lines = false): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) =>
    lines && character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
