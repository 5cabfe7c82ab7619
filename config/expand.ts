/**
 * Substitution as the Collector does it: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`, `${file:path}`, `${yaml:text}`, nested,
 * results expanded again, `$$` for `$`. A whole value is read as YAML and keeps its text beside; inside a longer text the text
 * is put in. Keys are not expanded.
 */
import type { Entry, Node } from './node.ts';
import { type Path, type Position, type Problem, problem } from './problem.ts';
import { MAX_DEPTH, MAX_TEXT, parseYaml } from './yaml.ts';

export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of a file, path as written; throws if it cannot be read. */
  readFile(path: string): string;
}

/** Of one value; the Collector's limit. */
const MAX_ROUNDS = 1_000;
/** Of all values: maps that hold themselves several times grow without many rounds each. */
const MAX_TOTAL = 10_000;
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):/s;

export function expand(root: Node, sources: Sources, problems: Problem[]): Node {
  return new Expander(sources, problems).node(root, [], 0);
}

class Expander {
  readonly #sources: Sources;
  readonly #problems: Problem[];
  #total = 0;

  constructor(sources: Sources, problems: Problem[]) {
    this.#sources = sources;
    this.#problems = problems;
  }

  node(node: Node, path: Path, depth: number): Node {
    if (node.kind === 'map') {
      const entries = new Map<string, Entry>();
      for (const [key, { keyAt, value }] of node.entries) {
        entries.set(key, { keyAt, value: this.node(value, [...path, key], depth) });
      }
      return { ...node, entries };
    }
    if (node.kind === 'list') return { ...node, items: node.items.map((item, i) => this.node(item, [...path, i], depth)) };
    return typeof node.value === 'string' && node.value.includes('$') ? this.#text(node.value, node, path, depth) : node;
  }

  #text(whole: string, node: Node, path: Path, depth: number): Node {
    const { at } = node;
    for (const [dollars, word = ''] of whole.matchAll(/\$+([A-Za-z_][A-Za-z0-9_]*|[0-9])/g)) {
      // An even number of dollars is so many halves of them.
      if ((dollars.length - word.length) % 2 === 0) continue;
      const name = /^[0-9]/.test(word) ? '' : `\${env:${word}} for the variable, `;
      const todo = `Write ${name}$$${word} if the dollar is meant.`;
      this.#problems.push(problem('warning', at, path, `only \${…} is substituted, $${word} stays as it is. ${todo}`));
    }
    const fail = (message: string): Node => {
      this.#problems.push(problem('error', at, path, message));
      return { kind: 'scalar', value: null, at };
    };
    let text = whole;
    let rounds = 0;
    let via = node.via;
    for (;;) {
      const found = innermost(text);
      if (found === undefined) break;
      rounds++;
      this.#total++;
      if (this.#total > MAX_TOTAL + 1) return { kind: 'scalar', value: null, at };
      if (rounds > MAX_ROUNDS || depth > MAX_DEPTH || this.#total > MAX_TOTAL) {
        return fail(`the substitutions do not end, ${found.uri}. A value refers to itself; break the circle.`);
      }
      const got = this.#retrieve(found.opaque, at, path);
      if ('wrong' in got) return fail(got.wrong);
      const all = found.start === 0 && found.uri.length === text.length;
      via = via ?? found.uri;
      if (all) {
        const value = this.#read(got.text, found.uri, at, path);
        if (got.text === undefined || value === undefined) return { kind: 'scalar', value: null, at };
        if (value.kind !== 'scalar') return this.node({ ...relocate(value, at), via, text: got.text }, path, depth + 1);
        if (typeof value.value !== 'string') return { kind: 'scalar', value: value.value, at, via, text: got.text };
        if (innermost(got.text) === undefined) {
          return { kind: 'scalar', value: unescaped(value.value), at, via, text: unescaped(got.text) };
        }
        text = got.text;
        continue;
      }
      // The end of a file's last line is no part of what it says: `Bearer ${file:token}` is one line.
      const inner = found.opaque.startsWith('file:') ? got.text?.replace(/\r?\n$/, '') : got.text;
      text = text.slice(0, found.start) + (inner ?? '') + text.slice(found.start + found.uri.length);
      if (text.length > MAX_TEXT)
        return fail(`the value grows beyond ${MAX_TEXT} characters. Break the circle of substitutions.`);
    }
    if (/(^|[^$])(\$\$)*\$\{[^}]*$/.test(text)) {
      this.#problems.push(problem('warning', at, path, `'\${' without its '}' is taken as it stands. Close it, or write $\${.`));
    }
    return { kind: 'scalar', value: unescaped(text), at, ...(via === undefined ? {} : { via }) };
  }

  /** YAML of a substituted text. Its content is not shown: it may be a secret. */
  #read(text: string | undefined, uri: string, at: Position, path: Path): Node | undefined {
    if (text === undefined) return { kind: 'scalar', value: null, at };
    const inner: Problem[] = [];
    const value = parseYaml(text, uri, inner);
    if (inner.length === 0) return value;
    // The Collector takes a text that is no YAML as a text; a map or list that is broken was meant as one.
    if (!text.trim().includes('\n') || uri.startsWith('${env:')) return { kind: 'scalar', value: text, at, text };
    for (const each of inner) {
      this.#problems.push({ ...problem('error', { ...each, file: fileOf(uri) ?? uri }, path, each.message) });
    }
    return undefined;
  }

  #retrieve(opaque: string, at: Position, path: Path): { readonly text: string | undefined } | { readonly wrong: string } {
    const scheme = SCHEME.exec(opaque)?.[1];
    const rest = scheme === undefined ? opaque : opaque.slice(scheme.length + 1);
    switch (scheme) {
      case undefined:
      case 'env':
        return this.#env(rest, opaque, at, path);
      case 'yaml':
        return { text: rest };
      case 'file':
        try {
          return { text: this.#sources.readFile(rest) };
        } catch {
          return { wrong: `cannot read the file, ${rest}. Check the path (relative to where misstep runs) and its permissions.` };
        }
      default:
        // `${NAME:-default}` has no scheme: a name is never followed by `:` but for its default.
        if (rest.startsWith('-')) return this.#env(opaque, opaque, at, path);
        return {
          wrong: `unknown scheme in \${${opaque}}, ${scheme}. Use env, file or yaml; for the plain text write $\${${opaque}}.`,
        };
    }
  }

  #env(
    name: string,
    opaque: string,
    at: Position,
    path: Path,
  ): { readonly text: string | undefined } | { readonly wrong: string } {
    const cut = name.indexOf(':-');
    const key = cut < 0 ? name : name.slice(0, cut);
    if (!NAME.test(key)) {
      return {
        wrong: `not the name of an environment variable, \${${opaque}}. Use letters, digits and _; for the plain text write $\${${opaque}}.`,
      };
    }
    const value = Object.hasOwn(this.#sources.env, key) ? this.#sources.env[key] : undefined;
    if (value !== undefined) return { text: value };
    if (cut >= 0) return { text: name.slice(cut + 2) };
    this.#problems.push(
      problem(
        'warning',
        at,
        path,
        `the environment variable ${key} is not set, so the value is empty. Set it, or write \${env:${key}:-default}.`,
      ),
    );
    return { text: undefined };
  }
}

/** Problems in a substituted map are told at the place that names it, which the user can edit. */
function relocate(node: Node, at: Position): Node {
  if (node.kind === 'map') {
    const entries = new Map([...node.entries].map(([key, entry]) => [key, { keyAt: at, value: relocate(entry.value, at) }]));
    return { ...node, at, entries };
  }
  return node.kind === 'list' ? { ...node, at, items: node.items.map((item) => relocate(item, at)) } : { ...node, at };
}

function unescaped(text: string): string {
  return text.replaceAll('$$', () => '$');
}

function fileOf(uri: string): string | undefined {
  return /^\$\{file:(.*)\}$/s.exec(uri)?.[1];
}

/** The first closed `${…}` that holds no other; one whose `${` has an odd number of `$` before it is escaped. */
function innermost(text: string): { readonly start: number; readonly uri: string; readonly opaque: string } | undefined {
  for (let from = 0; ; ) {
    const close = text.indexOf('}', from);
    if (close < 0) return undefined;
    const start = text.lastIndexOf('${', close);
    if (start >= from && !isEscaped(text, start)) {
      return { start, uri: text.slice(start, close + 1), opaque: text.slice(start + 2, close) };
    }
    from = close + 1;
  }
}

function isEscaped(text: string, at: number): boolean {
  let dollars = 0;
  while (text[at - 1 - dollars] === '$') dollars++;
  return dollars % 2 === 1;
}
