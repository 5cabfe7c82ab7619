/** retrieval_quality, searches that ask again: the words of the last queries, by agent and tool. */
import type { SpanRef } from '../../src/detector/detector.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { hashText } from '../../src/text/hash.ts';
import { parseObject } from '../../src/text/json.ts';

export interface Search extends SpanRef {
  /** Hash of agent and tool. */
  readonly lane: string;
  /** Hash of the query as written. */
  readonly text: string;
  /** Stems of its content words. */
  readonly words: readonly number[];
  /** Searches before it in a row that asked nearly the same. */
  readonly again: number;
}

const MAX_KEPT = 6;
const MAX_WORDS = 16;
const MAX_QUERY = 512;
const MAX_ARGS = 2_048;
/** Fewer shared words are a subject, not a question. */
const MIN_SHARED = 3;
const KEYS = ['query', 'q', 'search_query', 'search', 'question', 'keywords'] as const;

/** What a step searched for; `undefined` if it is no search, or one that failed: its query was not answered at all. */
export function searchOf(step: Step): { readonly tool: string; readonly query: string } | undefined {
  if (step.kind === 'retriever') {
    const query = step.query;
    return query === undefined ? undefined : { tool: step.name.slice(0, 80), query: query.slice(0, MAX_QUERY) };
  }
  const tool = step.kind === 'tool' && step.outcome !== 'error' ? step.tool : undefined;
  if (tool === undefined || !/search|retriev/i.test(tool.name.slice(0, 80))) return undefined;
  const args = tool.arguments;
  const fields = args === undefined || args.length > MAX_ARGS ? undefined : parseObject(args);
  if (!isRecord(fields)) return undefined;
  const query = KEYS.map((key) => fields[key]).find((value) => typeof value === 'string');
  return typeof query === 'string' ? { tool: tool.name.slice(0, 80), query: query.slice(0, MAX_QUERY) } : undefined;
}

export function searchIn(step: Step, tool: string, query: string): Omit<Search, 'again'> {
  const words = [...textFacts(query).stems].slice(0, MAX_WORDS);
  const { traceId, spanId } = step;
  return { traceId, spanId, lane: hashText(`${step.agent ?? ''}\u0000${tool}`), text: hashText(query), words };
}

/** The earlier search that it repeats in other words. */
export function formerOf(searches: readonly Search[], now: Omit<Search, 'again'>, likeness: number): Search | undefined {
  return searches.findLast((one) => one.lane === now.lane && one.text !== now.text && alike(one.words, now.words, likeness));
}

export function keep(searches: readonly Search[], now: Search): Search[] {
  return [...searches, now].slice(-MAX_KEPT);
}

/** Jaccard similarity; one or two words put in the place of others are the same question about something else. */
function alike(a: readonly number[], b: readonly number[], least: number): boolean {
  const shared = b.filter((word) => a.includes(word)).length;
  const [lost, added] = [a.length - shared, b.length - shared];
  if (shared < MIN_SHARED || (lost === added && lost > 0 && lost <= 2)) return false;
  return shared / (shared + lost + added) >= least;
}
