/** A configuration as a tree that knows where each of its parts was written. */
import type { Path, Position } from './problem.ts';

export type Node = MapNode | ListNode | ScalarNode;

interface Located {
  readonly at: Position;
  /** `${…}` that it came from. */
  readonly via?: string;
  /** The text that was read as this value; with `via`, a field of type string gets it, otherwise only a choice of words. */
  readonly text?: string;
}
export interface MapNode extends Located {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
}
export interface Entry {
  readonly keyAt: Position;
  readonly value: Node;
}
export interface ListNode extends Located {
  readonly kind: 'list';
  readonly items: readonly Node[];
}
export interface ScalarNode extends Located {
  readonly kind: 'scalar';
  readonly value: string | number | bigint | boolean | null;
}

/** Plain values, for schemas. Keys are own properties whatever their name. */
export function plain(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.value)]));
}

/** The node at `path`, or undefined. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const part of path) {
    if (node?.kind === 'map') node = node.entries.get(String(part))?.value;
    else if (node?.kind === 'list' && typeof part === 'number') node = node.items[part];
    else return undefined;
  }
  return node;
}

/** Where `path` is written; of what is missing, where the nearest thing around it is. `key`: the place of the key. */
export function positionOf(root: Node, path: Path, what: 'key' | 'value'): Position {
  let node: Node = root;
  let at = root.at;
  for (const [i, part] of path.entries()) {
    const last = i === path.length - 1;
    if (node.kind === 'map') {
      const entry = node.entries.get(String(part));
      if (entry === undefined) return at;
      node = entry.value;
      at = last && what === 'value' ? node.at : entry.keyAt;
    } else if (node.kind === 'list' && typeof part === 'number' && node.items[part] !== undefined) {
      node = node.items[part];
      at = node.at;
    } else return at;
  }
  return at;
}
