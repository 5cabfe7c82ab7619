/** Numbers with a unit or a range: durations in Go's syntax, counts, shares, sizes. */
import { z } from 'zod';
import { withKind, wrong } from './kind.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5
  μs: 1e-3, // U+03BC
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Longest delay that a Node timer takes (2^31 - 1 ms, about 24.8 days); a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

export const MIB = 1_048_576;

/** Milliseconds of a Go duration (`300ms`, `1.5h`, `2h45m`, `-1s`, `0`); undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  let rest = text.startsWith('-') || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '0') return 0;
  if (rest === '') return undefined;
  let ms = 0;
  while (rest !== '') {
    const part = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    if (part === null) return undefined;
    ms += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN);
    rest = rest.slice(part[0].length);
  }
  return Number.isFinite(ms) ? sign * ms : undefined;
}

/** Go's text of a duration in milliseconds: `1h30m0s`, `5s`, `200ms`, `5ns`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return '0s';
  const ns = Math.round(ms * 1e6);
  if (ns < 1_000) return `${ns}ns`;
  if (ns < 1_000_000) return `${ns / 1_000}µs`;
  if (ms < 1_000) return `${ns / 1_000_000}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${Math.round((ms - minutes * 60_000) * 1e6) / 1e9}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

export interface DurationBounds {
  /** Default `0s`. */
  readonly min?: string;
  /** Default and upper limit: what a timer takes, about 24.8 days. */
  readonly max?: string;
}

const EXAMPLE = 'Write a number with a unit, for example 300ms, 5s or 1h30m.';

/** A duration without a default: the key is required, or add `.optional()`. */
export function anyDuration(bounds: DurationBounds = {}) {
  const min = parseDuration(bounds.min ?? '0s') ?? 0;
  const max = bounds.max === undefined ? MAX_TIMER_MS : Math.min(parseDuration(bounds.max) ?? MAX_TIMER_MS, MAX_TIMER_MS);
  const range = `Write a duration from ${formatDuration(min)} to ${formatDuration(max)}.`;
  const input = z.union([z.string(), z.number()], { error: `not a duration` });
  const schema = input.transform((value, ctx) => {
    const ms = typeof value === 'number' ? value / 1e6 : parseDuration(value.trim());
    if (ms === undefined) wrong(ctx, 'not a duration', EXAMPLE);
    else if (ms < min || ms > max) wrong(ctx, `out of range`, range);
    else return ms;
    return z.NEVER;
  });
  return withKind(schema, 'duration');
}

/** Reads a Go duration, or a bare number of nanoseconds (which the loader warns of). Output: milliseconds. */
export function duration(defaultText: string, bounds: DurationBounds = {}) {
  return anyDuration(bounds).prefault(defaultText);
}

export interface Bounds {
  /** Default 0. */
  readonly min?: number;
  /** Default 2^53 - 1. */
  readonly max?: number;
}

/** A whole number. The loader reads YAML's `100_000`. */
export function count(defaultCount: number, bounds: Bounds = {}) {
  return z
    .int()
    .min(bounds.min ?? 0)
    .max(bounds.max ?? Number.MAX_SAFE_INTEGER)
    .default(defaultCount);
}

/** 0 to 100. */
export function percentage(defaultPercent: number) {
  return z.number().min(0).max(100).default(defaultPercent);
}

/** A whole number of MiB, for keys that end in `_mib`. Output: MiB as written; times `MIB` for bytes. */
export function mebibytes(defaultMib: number, bounds: Bounds = {}) {
  return count(defaultMib, { min: bounds.min ?? 0, max: bounds.max ?? Math.floor(Number.MAX_SAFE_INTEGER / MIB) });
}
