/**
 * Flattened lists (`llm.input_messages.3.message.role`) back to structure. Indices may be sparse and
 * start anywhere: they order, they never size anything.
 */
import type { SpanReader, Value } from '../otlp/span.ts';
import { type Json, plain } from './json.ts';
import { maxItems } from './parts.ts';

/** Levels below the index that are read. */
const maxLevels = 12;

interface Node {
  value: Json;
  children: Map<string, Node> | undefined;
}

export interface Flat {
  /** Items in index order, at most `maxItems`. */
  readonly items: readonly Json[];
  /** The smallest index; -1 if there are none. */
  readonly first: number;
}

const nothing: Flat = { items: [], first: -1 };

/** The list under a prefix of the key table. */
export function readFlat(reader: SpanReader, prefix: number): Flat {
  if (!reader.hasPrefix(prefix)) return nothing;
  const root: Node = { value: undefined, children: undefined };
  reader.each(prefix, (rest, value) => insert(root, rest, value));
  const list = toList(root);
  return list ?? nothing;
}

function insert(root: Node, path: string, value: Value): void {
  let node = root;
  let start = 0;
  for (let level = 0; level < maxLevels; level++) {
    const dot = path.indexOf('.', start);
    const segment = dot < 0 ? path.slice(start) : path.slice(start, dot);
    if (level === 0 && index(segment) < 0) return;
    if (segment === '__proto__' || segment === 'constructor' || segment === 'prototype') return;
    node.children ??= new Map();
    let child = node.children.get(segment);
    if (child === undefined) {
      if (node.children.size >= maxItems) return;
      child = { value: undefined, children: undefined };
      node.children.set(segment, child);
    }
    node = child;
    if (dot < 0) {
      node.value ??= plain(value);
      return;
    }
    start = dot + 1;
  }
}

/** A list index of at most nine digits, or -1. */
function index(segment: string): number {
  if (segment.length === 0 || segment.length > 9) return -1;
  for (let i = 0; i < segment.length; i++) {
    const c = segment.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return -1;
  }
  return Number(segment);
}

function toList(node: Node): Flat | undefined {
  const entries: [number, Node][] = [];
  for (const [segment, child] of node.children ?? []) {
    const at = index(segment);
    if (at < 0) return undefined;
    entries.push([at, child]);
  }
  entries.sort((a, b) => a[0] - b[0]);
  return { items: entries.map(([, child]) => toJson(child)), first: entries[0]?.[0] ?? -1 };
}

function toJson(node: Node): Json {
  if (node.children === undefined) return node.value;
  const list = toList(node);
  if (list !== undefined) return list.items;
  const object: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [segment, child] of node.children) object[segment] = toJson(child);
  return object;
}
