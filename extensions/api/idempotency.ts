/**
 * `Idempotency-Key`: a POST that is sent again with the same key is done once, and answered again with what was answered. Kept in the
 * database for a day, a tenant's own; what was shown once is not kept, and a repetition is told so.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TenantRecords } from '../../src/component/records.ts';
import { Problem } from './problem.ts';

const KIND = 'idempotency';
/** Keys of a tenant at one time. */
const MOST_KEYS = 10_000;
/** After that a key is forgotten (`retain` of the database takes it out). */
const KEPT_MS = 86_400_000;
/** What is under way for longer was cut off: it may be tried again. */
const ABANDONED_MS = 60_000;
/** Characters of an answer that is kept. */
const MOST_CHARACTERS = 256 * 1024;

const kept = z.object({
  print: z.string(),
  /** Absent while it is under way. */
  status: z.number().optional(),
  /** Absent: it was too long, or shown once. */
  body: z.string().optional(),
});

export interface Done {
  readonly status: number;
  readonly body: string;
  readonly replayed: boolean;
}

export interface Asked {
  readonly key: string;
  /** What makes it the same request: method, path and body. */
  readonly request: string;
  /** The answer holds a secret. */
  readonly secret: boolean;
  readonly nowMs: number;
}

/** Throws a `Problem` for a key that is malformed, of another request, or of one that is under way. */
export async function once(mine: TenantRecords, asked: Asked, act: () => Promise<Omit<Done, 'replayed'>>): Promise<Done> {
  const { key, request, secret, nowMs } = asked;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Problem(422, 'bad-idempotency-key', 'Idempotency-Key is 1 to 255 visible ASCII characters.');
  }
  const id = hash(key);
  const print = hash(request);
  const before = await mine.document(KIND, id);
  const { data } = kept.safeParse(before?.body);
  const fresh = before !== undefined && nowMs - before.created_ms < KEPT_MS;
  if (fresh && data !== undefined) {
    if (data.print !== print)
      throw new Problem(422, 'idempotency-key-reused', 'This Idempotency-Key was sent with another request.');
    if (data.status !== undefined) {
      if (data.body === undefined) throw new Problem(409, 'done-before', 'This was done before; its answer is not shown again.');
      return { status: data.status, body: data.body, replayed: true };
    }
    if (nowMs - before.updated_ms < ABANDONED_MS) throw underWay();
  } else if (((await mine.documents(KIND, { limit: 1 })).total ?? 0) >= MOST_KEYS) {
    throw new Problem(429, 'too-many-idempotency-keys', `More than ${MOST_KEYS} in a day.`, {
      headers: { 'retry-after': '3600' },
    });
  }
  if (before !== undefined && !fresh) await mine.remove(KIND, id);
  const taken = await mine.put(KIND, id, { print }, fresh ? before.version : 0);
  if (taken === undefined) throw underWay();
  try {
    const { status, body } = await act();
    const shown = secret || body.length > MOST_CHARACTERS ? {} : { body };
    await mine.put(KIND, id, { print, status, ...shown });
    return { status, body, replayed: false };
  } catch (error) {
    // What failed may be tried again.
    await mine.remove(KIND, id);
    throw error;
  }
}

function underWay(): Problem {
  return new Problem(409, 'under-way', 'The request with this Idempotency-Key is under way.', {
    headers: { 'retry-after': '1' },
  });
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
