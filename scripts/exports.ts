// What is exported is meant for others: finds what no other module imports. A pure function over source texts; exports.test.ts runs it on the tree.
import { posix } from 'node:path';
import type { Module } from './rooms.ts';

const EXPORTED = /^export (?:async )?(?:abstract )?(?:function\*?|const|let|class|enum) (\w+)/gm;
const BY_NAME = /^[ \t]*(?:import|export) (?:type )?(?:\w+, )?\{([^}]*)\} from '(\.[^']+)'/gm;
const LAZY_BY_NAME = /\{([^{}]*)\} = \(?await import\('(\.[^']+)'\)/g;
const WHOLE = /(?:^[ \t]*(?:import|export) \* (?:as \w+ )?from |import\()'(\.[^']+)'/gm;

/**
 * Functions, constants and classes that are exported and that no module but their own names, as `path: name`. Types are
 * left out: one that stands in an exported signature may be exported with it. The exports of `entries` are for readers outside.
 */
export function unusedExports(modules: readonly Module[], entries: readonly string[]): string[] {
  const used = new Set<string>();
  const whole = new Set(entries);
  for (const { path, text } of modules) {
    const target = (specifier = ''): string => posix.join(posix.dirname(path), specifier);
    for (const [, names = '', specifier] of [...text.matchAll(BY_NAME), ...text.matchAll(LAZY_BY_NAME)])
      for (const [name] of names.matchAll(/\w+/g)) used.add(`${target(specifier)}: ${name}`);
    // What a dynamic import without names takes cannot be told; then all counts as taken.
    for (const [, specifier] of text.replace(LAZY_BY_NAME, '').matchAll(WHOLE)) whole.add(target(specifier));
  }
  return modules
    .filter(({ path }) => !whole.has(path))
    .flatMap(({ path, text }) => [...text.matchAll(EXPORTED)].map(([, name]) => `${path}: ${name}`))
    .filter((one) => !used.has(one));
}
