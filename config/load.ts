/** Reads the sources of a configuration, merges and expands them; keeps where every value was written. */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { expand, type Sources } from './expand.ts';
import { merge } from './merge.ts';
import { type Entry, type Node, nodeAt, plain, positionOf } from './node.ts';
import { type Path, type Position, type Problem, problem } from './problem.ts';
import { MAX_TEXT, parseYaml } from './yaml.ts';

export interface LoadOptions {
  /** What `--config` takes, in order: a path, `file:path`, `env:NAME` or `yaml:a::b: value`. */
  readonly files: readonly string[];
  /** What `--set` takes, in order: `a.b.c=value`, or `a::b.c::d=value` when a key holds a dot. */
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
}

export interface LoadedConfig {
  /** Plain values after merging and substitution. */
  readonly tree: unknown;
  /** As `tree`, with positions. */
  readonly root: Node;
  /** Where the value (or the key) at `path` is written; of what is missing, where the nearest thing around it is. */
  locate(path: Path, what?: 'key' | 'value'): Position;
  /** `${…}` that the value came from, and the text that it was read from. */
  origin(path: Path): { readonly via?: string; readonly text?: string };
  readonly problems: readonly Problem[];
  /** Names of the sources in order; the order in which problems are printed. */
  readonly files: readonly string[];
  readonly env: LoadOptions['env'];
}

/** Never throws: what cannot be read is a problem. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const problems: Problem[] = [];
  const path = (file: string) => (isAbsolute(file) ? file : resolve(options.cwd, file));
  const sources: Sources = { env: options.env, readFile: (file) => readText(path(file)) };
  const read = [
    ...options.files.map((file) => readSource(file, sources, problems)),
    ...options.sets.map((set) => readSet(set, problems)),
  ];
  const names = read.map(({ name }) => name);
  const roots = read.flatMap(({ root }) => {
    if (root === undefined || (root.kind === 'scalar' && root.value === null)) return [];
    if (root.kind === 'map') return [root];
    problems.push(problem('error', root.at, [], 'the configuration is not a map. Start with keys like receivers: and service:.'));
    return [];
  });

  const empty: Node = { kind: 'map', entries: new Map(), at: { file: names[0] ?? 'config', line: 1, column: 1 } };
  const merged = roots.reduce<Node | undefined>(
    (base, over) => (base === undefined ? over : merge(base, over, problems)),
    undefined,
  );
  const root = expand(merged ?? empty, sources, problems);
  return {
    tree: plain(root),
    root,
    locate: (at, what = 'value') => positionOf(root, at, what),
    origin: (at) => {
      const node = nodeAt(root, at);
      return { ...(node?.via === undefined ? {} : { via: node.via }), ...(node?.text === undefined ? {} : { text: node.text }) };
    },
    problems,
    files: names,
    env: options.env,
  };
}

function readText(path: string): string {
  const size = statSync(path).size;
  if (size > MAX_TEXT) throw new Error(`larger than ${MAX_TEXT} bytes`);
  const text = readFileSync(path, 'utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

interface Source {
  readonly name: string;
  readonly root?: Node;
}

function readSource(source: string, sources: Sources, problems: Problem[]): Source {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(source)?.[1];
  const rest = scheme === undefined ? source : source.slice(scheme.length + 1);
  const name = scheme === undefined || scheme === 'file' ? rest : source;
  const fail = (message: string): Source => {
    problems.push(problem('error', { file: name, line: 1, column: 1 }, [], message));
    return { name };
  };
  switch (scheme) {
    case 'yaml': {
      // The key alone: the rest may hold secrets and lines, and where there is no key all may.
      const short = rest === '' ? 'yaml:' : `yaml:${/^[\w./:-]{1,200}?(?=:\s|:$)/.exec(rest)?.[0] ?? '…'}`;
      return { name: short, root: splitKeys(parseYaml(rest, short, problems)) };
    }
    case 'env': {
      const text = Object.hasOwn(sources.env, rest) ? sources.env[rest] : undefined;
      if (text === undefined) return fail(`the environment variable is not set, ${rest}. Set it to the text of a configuration.`);
      return { name, root: parseYaml(text, name, problems) };
    }
    case undefined:
    case 'file':
      try {
        return { name, root: parseYaml(sources.readFile(rest), name, problems) };
      } catch (error) {
        const { code = (error as Error).message } = error as NodeJS.ErrnoException;
        const why = code === 'ENOENT' ? 'the file does not exist' : `the file cannot be read (${code})`;
        return fail(`${why}, ${rest}. Check the path and its permissions.`);
      }
    default:
      return fail(`unknown scheme, ${scheme}. Use a path, file:, env: or yaml:.`);
  }
}

function readSet(set: string, problems: Problem[]): Source {
  const cut = set.indexOf('=');
  const key = cut < 0 ? set : set.slice(0, cut);
  const name = `--set ${key}`;
  const at = { file: name, line: 1, column: 1 };
  const parts = key.includes('::') ? key.split('::') : key.split('.');
  if (cut < 0 || parts.includes('') || parts.includes('__proto__')) {
    problems.push(problem('error', at, [], 'not of the form a.b.c=value. Write for example processors.detect.tiers=[1].'));
    return { name };
  }
  return { name, root: nest(parts, parseYaml(set.slice(cut + 1), name, problems), at) };
}

function nest(parts: readonly string[], value: Node, at: Position): Node {
  return parts.reduceRight<Node>(
    (inner, part) => ({ kind: 'map', at, entries: new Map([[part, { keyAt: at, value: inner }]]) }),
    value,
  );
}

/** `a::b: 1` of a `yaml:` source is `a: {b: 1}`. */
function splitKeys(node: Node): Node {
  if (node.kind !== 'map') return node;
  let out: Node = { ...node, entries: new Map<string, Entry>() };
  for (const [key, { keyAt, value }] of node.entries) {
    out = merge(out, nest(key.split('::'), value, keyAt), []);
  }
  return out;
}
