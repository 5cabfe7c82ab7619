/** The texts in a file of JSON: one document, or one a line; plain or gzip. Memory is bounded by the longest text taken. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

export interface Text {
  /** 1-based line where it begins. */
  readonly line: number;
  /** `undefined` = longer than the limit; it was skipped. */
  readonly bytes: Buffer | undefined;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * A file whose first line opens a value without closing it is one document, else every line is one. Blank lines are
 * left out. Throws what the file system and the gzip decoder throw; what came before a break has been given by then.
 */
export async function* texts(path: string, maxBytes: number, signal: AbortSignal): AsyncGenerator<Text> {
  let document: Pieces | undefined;
  let began = 0;
  let first = true;
  for await (const text of lines(path, maxBytes, signal)) {
    if (document !== undefined) {
      document.add(text.bytes);
      continue;
    }
    if (text.bytes?.length === 0) continue;
    if (first && opensOnly(text.bytes)) {
      document = new Pieces(maxBytes);
      document.add(text.bytes);
      began = text.line;
    } else yield text;
    first = false;
  }
  if (document !== undefined) yield { line: began, bytes: document.take() };
}

/** `{`, `[`, `{"resourceSpans": [`: a value that goes on in the next line. */
function opensOnly(line: Buffer | undefined): boolean {
  if (line === undefined) return false;
  const from = line[0];
  const to = line[line.length - 1];
  return (from === 0x7b || from === 0x5b) && to !== 0x7d && to !== 0x5d;
}

async function* lines(path: string, maxBytes: number, signal: AbortSignal): AsyncGenerator<Text> {
  let line = 1;
  const pieces = new Pieces(maxBytes);
  for await (const chunk of await content(path, signal)) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      pieces.add(chunk.subarray(from, at));
      yield { line: line++, bytes: trimmed(pieces.take()) };
      from = at + 1;
    }
    pieces.add(chunk.subarray(from));
  }
  yield { line, bytes: trimmed(pieces.take()) };
}

/** Without the blanks at its ends that JSON allows and a BOM. */
function trimmed(line: Buffer | undefined): Buffer | undefined {
  if (line === undefined) return undefined;
  let from = line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
  let to = line.length;
  while (from < to && isBlank(line[from])) from++;
  while (to > from && isBlank(line[to - 1])) to--;
  return line.subarray(from, to);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === RETURN;
}

/** Gathers bytes up to a limit; beyond it forgets them all. */
class Pieces {
  private readonly limit: number;
  private parts: Buffer[] = [];
  private length = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  add(bytes: Buffer | undefined): void {
    this.length += bytes?.length ?? Number.POSITIVE_INFINITY;
    if (this.length > this.limit) this.parts = [];
    else if (bytes !== undefined && bytes.length > 0) this.parts.push(bytes);
  }

  /** What was gathered, and starts anew; `undefined` if it was too much. */
  take(): Buffer | undefined {
    const whole = this.length > this.limit ? undefined : Buffer.concat(this.parts);
    this.parts = [];
    this.length = 0;
    return whole;
  }
}

/** The bytes, inflated if the file begins like a gzip whatever its name is. */
async function content(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const file = await open(path);
  const magic = Buffer.alloc(2);
  await file.read(magic, 0, 2, 0).finally(() => file.close());
  const source = createReadStream(path, { signal });
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return source;
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  gunzip.on('close', () => source.destroy());
  return source.pipe(gunzip);
}
