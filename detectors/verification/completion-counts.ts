/** completion, counts: how many entries of the results carry a flag (`"available": true`), against a number that the agent states of them. */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';

/** Entries seen with a flag set, and with the flag at all. More may be fetched later: only a number above what was seen is wrong. */
export interface Flag {
  readonly name: string;
  set: number;
  all: number;
  at: SpanRef;
}

const MAX_FLAGS = 4;
/** Longer results are pages of a listing; nobody counts them by hand. */
const MAX_RESULT = 32_768;
const MAX_TEXT = 8_192;
/** A flag of a single entry is no list. */
const MIN_ENTRIES = 3;

/** Counts the flags of a whole JSON result; `flags` as it was if it has none. */
export function foldFlags(flags: Flag[], step: Step): Flag[] {
  const text = step.has('tool.result') ? (step.tool?.result ?? '') : '';
  if (text.length > MAX_RESULT || !isWhole(text)) return flags;
  const found = new Map<string, { set: number; all: number }>();
  for (const value of ['true', 'false'])
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length)) {
      const name = keyBefore(text, at);
      if (name === undefined) continue;
      const count = found.get(name) ?? { set: 0, all: 0 };
      count.all++;
      if (value === 'true') count.set++;
      found.set(name, count);
    }
  let next = flags;
  for (const [name, { set, all }] of found) {
    if (all < MIN_ENTRIES) continue;
    const at = { traceId: step.traceId, spanId: step.spanId };
    const known = next.find((flag) => flag.name === name);
    const sum = { name, set: set + (known?.set ?? 0), all: all + (known?.all ?? 0), at };
    next = [...next.filter((flag) => flag !== known), sum].slice(-MAX_FLAGS);
  }
  return next;
}

/** A number of flagged entries that is above what all results together hold. */
export function overcount(flags: readonly Flag[], step: Step): { readonly stated: number; readonly flag: Flag } | undefined {
  const text = outputText(step).slice(0, MAX_TEXT).toLowerCase();
  for (const flag of flags)
    for (let at = text.indexOf(` ${flag.name} `); at >= 0; at = text.indexOf(` ${flag.name} `, at + 1)) {
      const stated = /(?:^|[\s*(])(\d{1,4})\**$/.exec(text.slice(Math.max(0, at - 12), at));
      if (stated && Number(stated[1]) > flag.set) return { stated: Number(stated[1]), flag };
    }
  return undefined;
}

function isWhole(text: string): boolean {
  const first = text.trimStart().charAt(0);
  const last = text.trimEnd().slice(-1);
  return (first === '{' && last === '}') || (first === '[' && last === ']');
}

/** The key of a JSON member whose value begins at `at`: one lower-case word. */
function keyBefore(text: string, at: number): string | undefined {
  return /"([a-z]{4,24})"\s{0,2}:\s{0,2}$/.exec(text.slice(Math.max(0, at - 32), at))?.[1];
}
