/** From YAML to a tree with positions: the Collector's dialect, bounded, every problem with its line and column. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument, type YAMLMap } from 'yaml';
import type { Entry, MapNode, Node, ScalarNode } from './node.ts';
import { type Path, type Position, type Problem, problem } from './problem.ts';

/** Large setups have some thousand nodes; more than this comes from aliases of aliases. */
const MAX_NODES = 100_000;
/** Deepest nesting that is read; configurations have about 10 levels. */
export const MAX_DEPTH = 100;
/** Largest text of one source; the largest known configurations are some 100 KiB. */
export const MAX_TEXT = 4 * 1024 * 1024;

const TOO_DEEP = `nested too deeply to be read. At most ${MAX_DEPTH} levels are read.`;

/**
 * The parser recurses, and V8 ends the process when a regular expression meets an exhausted stack: what nests absurdly
 * deep is refused before. Brackets in quotes and comments count too, which no real file notices at twice the limit.
 */
function tooDeep(text: string): { line: number; column: number } | undefined {
  const limit = 2 * MAX_DEPTH;
  const columns = 4 * MAX_DEPTH;
  let brackets = 0;
  let line = 1;
  let start = 0;
  let indent = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === '\n') {
      line++;
      start = i + 1;
      indent = 0;
    } else if (i === start + indent && ' \t-?:'.includes(char)) indent++;
    else if (char === '[' || char === '{') brackets++;
    else if ((char === ']' || char === '}') && brackets > 0) brackets--;
    if (brackets > limit || indent > columns) return { line, column: i - start + 1 };
  }
  return undefined;
}

/** Same length as `${…}`, so that positions hold; outside flow collections they stand inside a plain scalar anyway. */
const FLOW = '{}[],';
const MASK = '\ue000\ue001\ue002\ue003\ue004';

/**
 * YAML 1.2 ends an unquoted scalar of a flow map at `{`; the Collector's documentation writes `{port: ${env:PORT}}` all the
 * same. Flow characters inside `${…}` are hidden from the parser.
 */
function mask(text: string): string {
  if (/[\ue000-\ue004]/.test(text)) return text;
  let depth = 0;
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === '\n') depth = 0;
    const opens = char === '{' && text[i - 1] === '$';
    if (opens) depth++;
    const flow = depth > 0 ? FLOW.indexOf(char) : -1;
    out += flow < 0 ? char : MASK[flow];
    if (char === '}' && depth > 0) depth--;
  }
  // A line that never closes its brace is left as it is.
  return out
    .split('\n')
    .map((line) => (count(line, '\ue000') === count(line, '\ue001') ? line : line.replace(/[\ue000-\ue004]/g, unmaskChar)))
    .join('\n');
}

const count = (text: string, char: string) => text.split(char).length - 1;
const unmaskChar = (char: string) => FLOW[MASK.indexOf(char)] ?? char;

function unmask(text: string): string {
  return text.replace(/[\ue000-\ue004]/g, unmaskChar);
}

/** Reads one YAML document; problems with its syntax go to `problems`, and what could be read is returned. */
export function parseYaml(text: string, file: string, problems: Problem[]): Node {
  const start: Position = { file, line: 1, column: 1 };
  const empty: ScalarNode = { kind: 'scalar', value: null, at: start };
  if (text.length > MAX_TEXT) {
    problems.push(problem('error', start, [], `the text is too large, ${text.length} characters. At most ${MAX_TEXT} are read.`));
    return empty;
  }
  const deep = tooDeep(text);
  if (deep !== undefined) {
    problems.push(problem('error', { file, ...deep }, [], TOO_DEEP));
    return empty;
  }
  const masked = mask(text);
  const lines = new LineCounter();
  const document: Document.Parsed = parseDocument(masked, { lineCounter: lines, merge: true, prettyErrors: false });
  const where = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of document.errors) {
    problems.push(problem('error', where(error.pos[0]), [], syntaxMessage(error.code, error.message, masked, error.pos[0])));
    // What follows the first error of syntax is guesswork; a key that stands twice is not such an error.
    if (error.code !== 'DUPLICATE_KEY') return empty;
  }
  return document.contents === null
    ? empty
    : new Reader(document, where, problems, masked !== text).read(document.contents, [], 0);
}

function syntaxMessage(code: string, message: string, text: string, offset: number): string {
  const from = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  const line = text.slice(from, end < 0 ? undefined : end);
  if (code === 'TAB_AS_INDENT' || /^ *\t/.test(line)) return 'a tab is used for indentation. Use spaces.';
  if (code === 'DUPLICATE_KEY') {
    const key = /[^\s:{,][^:]*/.exec(text.slice(offset, offset + 80))?.[0] ?? '';
    return `the key '${unmask(key.trim())}' stands twice in one map. Remove one.`;
  }
  if (code === 'MULTIPLE_DOCS') return 'more than one YAML document. Put them into several files and name each with --config.';
  const first = unmask(message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
  return `not YAML: ${first.charAt(0).toLowerCase()}${first.slice(1).replace(/[.:]$/, '')}. Check indentation, quotes and brackets.`;
}

class Reader {
  readonly #document: Document.Parsed;
  readonly #where: (offset: number) => Position;
  readonly #problems: Problem[];
  readonly #masked: boolean;
  /** Aliased nodes that are being read: one that comes again holds itself. */
  readonly #open = new Set<unknown>();
  #nodes = 0;

  constructor(document: Document.Parsed, where: (offset: number) => Position, problems: Problem[], masked: boolean) {
    this.#document = document;
    this.#where = where;
    this.#problems = problems;
    this.#masked = masked;
  }

  read(node: ParsedNode | null, path: Path, depth: number, fallback?: Position): Node {
    const at = node?.range ? this.#where(node.range[0]) : (fallback ?? this.#where(0));
    const none: ScalarNode = { kind: 'scalar', value: null, at };
    this.#nodes++;
    if (this.#nodes === MAX_NODES + 1) {
      this.#problems.push(
        problem('error', at, path, `more than ${MAX_NODES} values; aliases repeat each other. Write them out.`),
      );
    }
    if (this.#nodes > MAX_NODES) return none;
    if (depth > MAX_DEPTH) {
      this.#problems.push(problem('error', at, path, TOO_DEEP));
      return none;
    }
    if (isAlias(node)) return this.#alias(node, path, depth, at);
    if (isMap(node)) return this.#map(node, path, depth, at);
    if (isSeq(node)) {
      const items = node.items.map((item, i) => this.read(item as ParsedNode | null, [...path, i], depth + 1, at));
      return { kind: 'list', items, at };
    }
    if (!isScalar(node)) return none;
    const value = this.#scalar(node);
    return {
      kind: 'scalar',
      value,
      at,
      ...(typeof value === 'string' || value === null ? {} : { text: node.source ?? String(value) }),
    };
  }

  #scalar(node: { value: unknown; type?: unknown; source?: string }): ScalarNode['value'] {
    const { value } = node;
    if (typeof value === 'string') {
      const text = this.#text(value);
      const number = node.type === 'PLAIN' && /^[-+]?[0-9][0-9_]*$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
      return Number.isSafeInteger(number) ? number : text;
    }
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' || value === null) return value;
    return this.#text(node.source ?? String(value));
  }

  #text(text: string): string {
    return this.#masked ? unmask(text) : text;
  }

  #alias(node: ParsedNode & { source: string }, path: Path, depth: number, at: Position): Node {
    const target = (node as unknown as { resolve(document: Document): ParsedNode | undefined }).resolve(this.#document);
    const none: ScalarNode = { kind: 'scalar', value: null, at };
    if (target === undefined) {
      this.#problems.push(
        problem(
          'error',
          at,
          path,
          `nothing before it is named, '*${node.source}'. Add &${node.source} to the value that is meant.`,
        ),
      );
      return none;
    }
    if (this.#open.has(target)) {
      this.#problems.push(problem('error', at, path, `the alias '*${node.source}' holds itself. Write the value out.`));
      return none;
    }
    this.#open.add(target);
    const read = this.read(target, path, depth + 1, at);
    this.#open.delete(target);
    return read;
  }

  #map(node: YAMLMap, path: Path, depth: number, at: Position): MapNode {
    const entries = new Map<string, Entry>();
    const inherited: MapNode[] = [];
    for (const pair of node.items) {
      const key = pair.key as ParsedNode | null;
      const keyAt = key?.range ? this.#where(key.range[0]) : at;
      const name = isScalar(key) ? this.#text(key.source ?? String(key.value)) : undefined;
      if (name === undefined || name === '__proto__') {
        const seen = name ?? 'a list or map';
        this.#problems.push(problem('error', keyAt, path, `a key must be a plain word, ${seen}. Rename it.`));
        continue;
      }
      const value = this.read(pair.value as ParsedNode | null, [...path, name], depth + 1, keyAt);
      if (name === '<<' && isScalar(key) && key.type === 'PLAIN') inherited.push(...this.#merged(value, keyAt, path));
      else entries.set(name, { keyAt, value });
    }
    for (const from of inherited) {
      for (const [name, entry] of from.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return { kind: 'map', entries, at };
  }

  #merged(value: Node, at: Position, path: Path): MapNode[] {
    const maps = value.kind === 'list' ? value.items : [value];
    for (const map of maps) {
      if (map.kind !== 'map') this.#problems.push(problem('error', at, path, 'the merge key << takes a map or a list of maps.'));
    }
    return maps.filter((map) => map.kind === 'map');
  }
}
