/**
 * Whether a span says that it stands for others that were not kept. Only what states a share below one counts: the sampled bit and
 * a sampling priority stand on spans of programs that keep everything, too.
 */
import type { SpanReader } from '../otlp/span.ts';
import { rowId, samplingMark } from './keys.ts';
import { amount } from './values.ts';

const sampler = { type: rowId('sampler.type'), param: rowId('sampler.param') };
/** Honeycomb's: a number of spans, of which this is one. */
const oneIn = rowId('SampleRate');
/** The Collector's tail sampler with its gate `recordpolicy`. */
const policy = 'tailsampling.policy';

export function saysSampled(reader: SpanReader): boolean {
  if (hasThreshold(reader.traceState()) || reader.scopeAttributes().has(policy)) return true;
  const count = reader.rowCount();
  for (let i = 0; i < count; i++) {
    const row = reader.keyAt(i);
    if (samplingMark[row] === 1 && isShare(reader, row)) return true;
  }
  return false;
}

function isShare(reader: SpanReader, row: number): boolean {
  // A rate-limited sampler's parameter is spans a second, a constant one's 0 or 1.
  if (row === sampler.type) return reader.string(row) === 'ratelimiting';
  if (row === sampler.param && reader.string(sampler.type) !== 'probabilistic') return false;
  const value = amount(reader.value(row));
  if (value === undefined) return false;
  return row === oneIn ? value > 1 : value > 0 && value < 1;
}

/** A value of `ot` is at most 256 characters long, as the specification says. */
const MAX_OT_LENGTH = 256;

/**
 * True if W3C tracestate has a rejection threshold (`ot=th:c;rv:…`) above 0: a trace is kept if its randomness, of 56 bits, is not below it.
 * `th` is 1 to 14 lower-case hex digits without trailing zeros that count: `8` and `80` are a half. `th:0` keeps everything. What is not so
 * written says nothing. Of several members or thresholds the first counts.
 */
export function hasThreshold(traceState: string): boolean {
  if (traceState === '') return false;
  for (const member of traceState.split(',')) {
    const entry = member.trim();
    if (!entry.startsWith('ot=')) continue;
    if (entry.length - 'ot='.length > MAX_OT_LENGTH) return false;
    const threshold = entry
      .slice('ot='.length)
      .split(';')
      .find((part) => part.startsWith('th:'));
    return threshold !== undefined && /^th:[0-9a-f]{1,14}$/.test(threshold) && !/^th:0+$/.test(threshold);
  }
  return false;
}
