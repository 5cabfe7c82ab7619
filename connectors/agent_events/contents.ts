/** Content that waits for its span: bounded in time, in bytes, and for each span. */
import { hashText } from '../../src/text/hash.ts';
import { type Content, keyOf } from './events.ts';

/** Of one span: a conversation of 500 messages, and what a context window holds. */
const MAX_PIECES = 1_024;
const MAX_SPAN_BYTES = 8 * 1_048_576;
/** An entry without its texts: keys, set, list. */
const OVERHEAD = 512;

export interface Waiting {
  readonly pieces: Content[];
  readonly known: Set<string>;
  readonly sinceMs: number;
  bytes: number;
  /** True when nothing more is expected. */
  whole: boolean;
}

export class Contents {
  /** Oldest first. */
  private readonly spans = new Map<string, Waiting>();
  private readonly maxBytes: number;
  private held = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get size(): number {
    return this.spans.size;
  }

  get bytes(): number {
    return this.held;
  }

  get(tenant: string, span: { readonly traceId: string; readonly spanId: string }): Waiting | undefined {
    return this.spans.get(tenant + keyOf(span));
  }

  /** Pieces that are lost for it: the oldest spans' when the bytes are full, or this one when its span has too many. */
  add(tenant: string, content: Content, nowMs: number): number {
    const key = tenant + keyOf(content);
    let waiting = this.spans.get(key);
    const size = 2 * content.json.length;
    const id = `${content.part} ${content.timeNs} ${hashText(content.json)}`;
    if (waiting?.known.has(id)) return 0;
    if (waiting === undefined) {
      waiting = { pieces: [], known: new Set(), sinceMs: nowMs, bytes: OVERHEAD, whole: false };
      this.spans.set(key, waiting);
      this.held += OVERHEAD;
    }
    if (waiting.pieces.length >= MAX_PIECES || waiting.bytes + size > MAX_SPAN_BYTES) return 1;
    waiting.pieces.push(content);
    waiting.known.add(id);
    waiting.whole ||= content.last;
    waiting.bytes += size;
    this.held += size;
    let lost = 0;
    for (const [oldest] of this.spans) {
      if (this.held <= this.maxBytes) break;
      lost += this.forget(oldest);
    }
    return lost;
  }

  /** It has gone to its span. Returns the pieces. */
  taken(tenant: string, span: { readonly traceId: string; readonly spanId: string }): number {
    return this.forget(tenant + keyOf(span));
  }

  /** Pieces of spans that have not come since `beforeMs`. */
  expire(beforeMs: number): number {
    let lost = 0;
    for (const [key, { sinceMs }] of this.spans) {
      if (sinceMs > beforeMs) break;
      lost += this.forget(key);
    }
    return lost;
  }

  clear(): number {
    return this.expire(Number.POSITIVE_INFINITY);
  }

  private forget(key: string): number {
    const waiting = this.spans.get(key);
    if (waiting === undefined) return 0;
    this.spans.delete(key);
    this.held -= waiting.bytes;
    return waiting.pieces.length;
  }
}
