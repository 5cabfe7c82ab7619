/** Several sources in one: maps deep, lists and scalars replaced, null wins. */
import type { Entry, Node } from './node.ts';
import { type Path, type Position, type Problem, problem } from './problem.ts';

/** `over` on top of `base`. Warns where a null or empty value throws away a map that had something in it. */
export function merge(base: Node, over: Node, problems: Problem[], path: Path = [], at: Position = over.at): Node {
  if (base.kind !== 'map' || over.kind !== 'map') {
    if (base.kind === 'map' && base.entries.size > 0 && over.kind === 'scalar' && over.value === null) {
      const what = [...base.entries.keys()].slice(0, 5).join(', ');
      const from = `${base.at.file}:${base.at.line}`;
      problems.push(
        problem('warning', at, path, `nothing stands here, which wipes what ${from} says: ${what}. Remove the key to keep it.`),
      );
    }
    return over;
  }
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const former = base.entries.get(key);
    entries.set(
      key,
      former === undefined ? entry : { ...entry, value: merge(former.value, entry.value, problems, [...path, key], entry.keyAt) },
    );
  }
  // Keys keep the place of the file that spoke last; what only the first file says keeps its own.
  return { ...over, entries };
}
