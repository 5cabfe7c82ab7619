// Who may import whom: reads the import lines of every module against rooms.json (DESIGN §3).
// A pure function over source texts, so that planted violations test it; rooms.test.ts runs it on the tree.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';

/** The shape of rooms.json. Rooms are folder paths without a trailing slash. */
export interface Rooms {
  /** Highest floor first. A module imports its own room and floors below. */
  readonly floors: readonly (readonly string[])[];
  /** Groups inside src, highest first. A room of one group imports rooms of later groups only. */
  readonly src: readonly (readonly string[])[];
  /** Exceptions on the top floor: room → rooms beside it that it may import. */
  readonly across: Readonly<Record<string, readonly string[]>>;
  /** Room → packages it may import. The longest matching path counts; no entry means none. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
  /** Room → Node modules it may import. No entry means all. */
  readonly node: Readonly<Record<string, readonly string[]>>;
  /** What a detector may import besides its own family. */
  readonly detectors_may_import: readonly string[];
}

export interface Module {
  /** Path from the root with forward slashes, as in `src/otlp/span.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  readonly rule: 'floor' | 'neighbour' | 'src-order' | 'detector' | 'package' | 'node' | 'outside' | 'homeless';
  readonly detail: string;
}

const TEST_PACKAGES = [
  'vitest',
  'fast-check',
  'ajv',
  '@modelcontextprotocol/client',
  'axe-core',
  'playwright-core',
  '@modelcontextprotocol/sdk',
  '@opentelemetry/api-logs',
  '@opentelemetry/otlp-transformer',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-logs',
];

/** Top floor folders whose sub-folders are rooms of their own: `processors/detect` and `processors/batch` are strangers. */
const COMPONENT_FLOORS = ['detectors', 'receivers', 'processors', 'exporters', 'connectors', 'extensions'];

/** Every violation in the given modules, in the order of the modules and their lines. */
export function checkRooms(rooms: Rooms, modules: readonly Module[]): Violation[] {
  return modules.flatMap((module) =>
    importsOf(module.text).flatMap(({ specifier, line }) => {
      const found = judge(rooms, module.path, specifier);
      return found === undefined ? [] : [{ path: module.path, line, ...found }];
    }),
  );
}

/** All modules of the rooms under `root`, tests included. */
export function readModules(rooms: Rooms, root: string): Module[] {
  return rooms.floors
    .flat()
    .flatMap((folder) => filesUnder(root, folder))
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

export function describe(violation: Violation): string {
  return `${violation.path}:${violation.line} [${violation.rule}] ${violation.detail}`;
}

function filesUnder(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((name) => !name.includes('/node_modules/') && !name.includes('/testdata/'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Specifiers of `import … from`, `import type`, `export … from`, bare `import '…'`, `import('…')`, with 1-based lines. */
export function importsOf(text: string): { specifier: string; line: number }[] {
  const pattern = /^[ \t]*(?:import|export)\b(?:[^'"`;(]*?\bfrom)?\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*[,)]/gm;
  const found: { specifier: string; line: number }[] = [];
  const code = blankBlockComments(text);
  for (const match of code.matchAll(pattern)) {
    const lineStart = code.lastIndexOf('\n', match.index) + 1;
    if (/^\s*\/\//.test(code.slice(lineStart, match.index + 1))) continue;
    // The line of the specifier, which is where an editor's cursor should land.
    const at = match.index + match[0].length;
    found.push({ specifier: match[1] ?? match[2] ?? '', line: code.slice(0, at).split('\n').length });
  }
  return found;
}

function blankBlockComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]/g, ' '));
}

function judge(rooms: Rooms, from: string, specifier: string): Pick<Violation, 'rule' | 'detail'> | undefined {
  const test = isTest(from);
  if (specifier.startsWith('.')) return judgeFile(rooms, from, posix.normalize(posix.join(posix.dirname(from), specifier)), test);
  const node = nodeModule(specifier);
  if (node !== undefined) {
    const allowed = test ? undefined : longest(rooms.node, from);
    if (allowed === undefined || allowed.includes(node)) return undefined;
    return {
      rule: 'node',
      detail: `may not import '${specifier}'; ${allowed.length === 0 ? 'no Node module is allowed here' : `allowed: ${allowed.join(', ')}`}.`,
    };
  }
  const name = packageName(specifier);
  const allowed = test ? [...TEST_PACKAGES, ...packagesBelow(rooms, from)] : (longest(rooms.packages, from) ?? []);
  if (allowed.includes(name)) return undefined;
  return {
    rule: 'package',
    detail: `may not import the package '${name}'; rooms.json allows ${allowed.length === 0 ? 'none' : allowed.join(', ')} here.`,
  };
}

function judgeFile(rooms: Rooms, from: string, to: string, test: boolean): Pick<Violation, 'rule' | 'detail'> | undefined {
  const fromTop = top(from);
  const toTop = top(to);
  const fromFloor = floorOf(rooms, fromTop);
  const toFloor = floorOf(rooms, toTop);
  if (to === 'package.json' && fromFloor === 0) return undefined;
  if (toFloor === -1 || to.startsWith('..')) return { rule: 'outside', detail: `imports '${to}', which is in no room.` };
  // A test directly in `detectors/` or `receivers/` runs over all of them, which only `bin` can list.
  const overAll = test && COMPONENT_FLOORS.includes(fromTop) && component(from) === fromTop;
  if (overAll && (toTop === fromTop || toTop === 'bin')) return undefined;
  if (toFloor < fromFloor) return { rule: 'floor', detail: `imports '${to}', which stands on a higher floor.` };
  if (toFloor === fromFloor) {
    if (fromTop === 'src') return fromSrc(rooms, from, to);
    const strangers = COMPONENT_FLOORS.includes(fromTop) ? component(from) !== component(to) : fromTop !== toTop;
    if (strangers && !(rooms.across[fromTop] ?? []).includes(toTop)) {
      return { rule: 'neighbour', detail: `imports '${to}'; rooms on one floor do not import each other.` };
    }
    return undefined;
  }
  if (fromTop === 'detectors' && !test && !rooms.detectors_may_import.some((room) => inside(to, room))) {
    return {
      rule: 'detector',
      detail: `imports '${to}'; a detector may import its family, ${rooms.detectors_may_import.join(', ')}.`,
    };
  }
  return undefined;
}

function fromSrc(rooms: Rooms, from: string, to: string): Pick<Violation, 'rule' | 'detail'> | undefined {
  if (from === 'src/index.ts') return undefined;
  const fromRoom = from.split('/')[1] ?? '';
  const toRoom = to.split('/')[1] ?? '';
  if (fromRoom === toRoom) return undefined;
  const fromGroup = rooms.src.findIndex((group) => group.includes(fromRoom));
  const toGroup = rooms.src.findIndex((group) => group.includes(toRoom));
  if (fromGroup === -1)
    return { rule: 'homeless', detail: `stands in no room of src; rooms.json names ${rooms.src.flat().join(', ')}.` };
  if (toGroup > fromGroup) return undefined;
  return { rule: 'src-order', detail: `imports '${to}'; src/${fromRoom} may import only rooms below it (rooms.json, "src").` };
}

/** Tests, and the testing kits that are run by tests, may use the test packages and any Node module. */
function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('/testing.ts') || path.includes('/testing/');
}

function packagesBelow(rooms: Rooms, from: string): string[] {
  const floor = floorOf(rooms, top(from));
  return Object.entries(rooms.packages)
    .filter(([room]) => inside(from, room) || floorOf(rooms, top(room)) >= floor)
    .flatMap(([, names]) => names);
}

function longest(table: Readonly<Record<string, readonly string[]>>, path: string): readonly string[] | undefined {
  const room = Object.keys(table)
    .filter((key) => inside(path, key))
    .sort((a, b) => b.length - a.length)[0];
  return room === undefined ? undefined : table[room];
}

function nodeModule(specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return specifier;
  return builtinModules.includes(specifier) ? `node:${specifier}` : undefined;
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function inside(path: string, room: string): boolean {
  return path === room || path.startsWith(`${room}/`);
}

function top(path: string): string {
  return path.split('/')[0] ?? '';
}

/** `processors/detect/x.ts` → `processors/detect`; a file directly in the floor folder belongs to the folder itself. */
function component(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function floorOf(rooms: Rooms, room: string): number {
  return rooms.floors.findIndex((floor) => floor.includes(room));
}
