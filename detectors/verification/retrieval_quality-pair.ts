/** retrieval_quality, what is compared: all documents of a retrieval, and its query. */
import type { Step } from '../../src/step/step.ts';

const LIMIT = 8_192;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'retriever' || step.query === undefined || step.query.length < 8) return undefined;
  let documents = '';
  for (const { content } of step.documents) {
    if (content === undefined || documents.length >= LIMIT) continue;
    documents += documents === '' ? content : `\n${content}`;
  }
  return documents === '' ? undefined : { a: documents.slice(0, LIMIT), b: step.query.slice(0, LIMIT) };
}
