/** Shapes that several routes share. Names are the seed's. */
import { z } from 'zod';
import type { Window } from '../../../src/component/records.ts';
import { Problem } from '../problem.ts';

/** Pages are for people; who wants all of it follows `next_cursor`. */
const MOST_PER_PAGE = 100;
const MOST_PER_CURSOR = 1_000;
const DEEPEST = 10_000;

export const isoTime = z.iso.datetime({ offset: true }).or(z.iso.date());

export const paging = {
  page: z.coerce.number().int().min(1).default(1).describe('From 1. Not beyond row 10,000.'),
  per_page: z.coerce.number().int().min(1).max(MOST_PER_CURSOR).default(20).describe('At most 100, with `cursor` 1,000.'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before; `page` is then not looked at.'),
};

export const paged = {
  total: z.number().int().nullable().describe('Null where a cursor was given.'),
  page: z.number().int(),
  per_page: z.number().int(),
  next_cursor: z.string().nullable(),
};

interface Paging {
  readonly page: number;
  readonly per_page: number;
  readonly cursor?: string | undefined;
}

export function windowOf({ page, per_page, cursor }: Paging): Window {
  if (cursor !== undefined) return { limit: per_page, after: cursor };
  if (per_page > MOST_PER_PAGE) {
    throw new Problem(422, 'not-valid', `per_page is ${per_page}, at most ${MOST_PER_PAGE} without a cursor.`);
  }
  const offset = (page - 1) * per_page;
  if (offset + per_page > DEEPEST) {
    throw new Problem(400, 'page-too-deep', `page ${page} lies beyond row ${DEEPEST}. Follow next_cursor instead.`);
  }
  return { limit: per_page, offset };
}

/** A day alone is its beginning, or as an end its end. UTC. */
export function millis(text: string | undefined, end = false): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return end && text.length === 10 ? ms + 86_399_999 : ms;
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export const id = z.object({ id: z.string().min(1).max(200) });

export const days = z.coerce.number().int().min(1).max(365).default(30).describe('Days back from now.');

export function since(nowMs: number, back: number): number {
  return nowMs - back * 86_400_000;
}
