/** Items of a node's run. Flatted data can share one list a thousand times: counts come from lengths, looks are counted for the whole execution. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { dict, identifier, jsonSize, list, members, number, withoutSecrets } from '../payload.ts';

/** Items whose content goes into attributes. */
const maxShown = 1000;
const maxBranches = 100;
/** 128 MiB for one node's output: twice what a queue can carry. */
const maxSize = 128 * 1024 * 1024;

/** Looks that one execution may cost. */
export class Effort {
  /** Items that are looked through for errors. */
  items = 1_000_000;
  /** Characters that are counted. */
  size = maxSize;
}

export interface Items {
  /** The first ones. */
  readonly shown: readonly unknown[];
  readonly count: number;
  /** Items with an error; `undefined` if the execution has too many to look at. */
  readonly errors: number | undefined;
  /** Characters as JSON; `undefined` as before. */
  readonly size: number | undefined;
}

export function readItems(data: unknown, effort: Effort): Items {
  const shown: unknown[] = [];
  let count = 0;
  let errors = 0;
  let complete = true;
  for (const [, branches] of members(data)) {
    for (const branch of list(branches).slice(0, maxBranches)) {
      const items = list(branch);
      count += items.length;
      for (let i = 0; i < items.length && shown.length < maxShown; i++) shown.push(items[i]);
      if (items.length > effort.items) complete = false;
      else {
        effort.items -= items.length;
        for (const item of items) if (itemError(item) !== undefined) errors++;
      }
    }
  }
  const room = Math.min(maxSize, effort.size);
  const size = room > 0 ? jsonSize(data, room) : undefined;
  effort.size -= size ?? 0;
  return { shown, count, errors: complete ? errors : undefined, size };
}

function itemError(item: unknown): unknown {
  return firstMember(item, ['error']) ?? member(member(item, 'json'), 'error');
}

export function content(item: unknown): unknown {
  return withoutHeaders(member(item, 'json') ?? item);
}

/** What a webhook took in holds its caller's headers, and with them the caller's keys. */
function withoutHeaders(json: unknown): unknown {
  const headers = member(json, 'headers');
  return isObject(json) && isObject(headers) ? { ...json, headers: withoutSecrets(headers) } : json;
}

/** Outputs by connection and branch, without the content of files. */
export function outputsOf(data: unknown): unknown {
  const types = members(data).slice(0, maxBranches);
  if (types.length === 0) return undefined;
  let room = maxShown;
  const take = (branch: unknown): readonly unknown[] => {
    const taken = list(branch).slice(0, room).map(withoutFiles);
    room -= taken.length;
    return taken;
  };
  return Object.fromEntries(types.map(([type, branches]) => [type, list(branches).slice(0, maxBranches).map(take)]));
}

function withoutFiles(given: unknown): unknown {
  const json = member(given, 'json');
  const item = isObject(member(json, 'headers')) ? { ...dict(given), json: withoutHeaders(json) } : given;
  const binary = member(item, 'binary');
  if (!isObject(binary)) return item;
  const files = members(binary).map(([key, file]) => [
    key,
    { mimeType: member(file, 'mimeType'), fileName: member(file, 'fileName'), fileSize: member(file, 'fileSize') },
  ]);
  return { ...dict(item), binary: Object.fromEntries(files) as unknown };
}

export interface Source {
  readonly node: string;
  /** Output of the node. */
  readonly branch: number;
  /** Run of the node. */
  readonly run: number;
}

export function sourcesOf(task: unknown): readonly Source[] {
  return list(member(task, 'source'))
    .slice(0, 100)
    .flatMap((source) => {
      const node = identifier(member(source, 'previousNode'));
      const branch = number(member(source, 'previousNodeOutput')) ?? 0;
      return node === undefined ? [] : [{ node, branch, run: number(member(source, 'previousNodeRun')) ?? 0 }];
    });
}

/** What went in: stated, or what the sources put out. */
export function inputsOf(
  task: unknown,
  sources: readonly Source[],
  taskOf: (source: Source) => unknown,
): { readonly shown: readonly unknown[]; readonly count: number } {
  const stated = members(member(task, 'inputOverride')).flatMap(([, branches]) => list(branches).slice(0, maxBranches));
  const branches =
    stated.length > 0 ? stated : sources.map((source) => list(member(member(taskOf(source), 'data'), 'main'))[source.branch]);
  const shown: unknown[] = [];
  let count = 0;
  for (const branch of branches) {
    const items = list(branch);
    count += items.length;
    for (let i = 0; i < items.length && shown.length < maxShown; i++) shown.push(content(items[i]));
  }
  return { shown, count };
}
