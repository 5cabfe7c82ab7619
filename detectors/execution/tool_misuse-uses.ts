/** tool_misuse, what tools took before: for each tool the argument names that every successful call had, and how many calls that were. */
import { parseObject } from '../../src/text/json.ts';

interface Use {
  readonly tool: string;
  keys: string[];
  count: number;
}

export type Uses = Use[];

const MAX_TOOLS = 8;
const MAX_KEYS = 16;

/** Folds a call; says which argument a failing call lacks that all earlier successful ones had, at least `wanted` of them. */
export function foldUse(
  uses: Uses,
  tool: string,
  args: string | undefined,
  failed: boolean,
  wanted: number,
): { readonly path: string; readonly count: number } | undefined {
  const value = args === undefined ? undefined : parseObject(args);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const keys = Object.keys(value).slice(0, MAX_KEYS);
  const use = uses.find((one) => one.tool === tool);
  if (failed) {
    if (use === undefined || use.count < wanted) return undefined;
    const path = use.keys.find((key) => !keys.includes(key));
    return path === undefined ? undefined : { path, count: use.count };
  }
  if (use) {
    use.keys = use.keys.filter((key) => keys.includes(key));
    use.count++;
  } else {
    uses.push({ tool, keys, count: 1 });
    if (uses.length > MAX_TOOLS) uses.shift();
  }
  return undefined;
}
