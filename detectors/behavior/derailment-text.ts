/** derailment, texts: an answer that leaves the request it answers. */
import type { Step } from '../../src/step/step.ts';
import { coverage, textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';
import { functionShare, headCoverage, wordHeads } from '../../src/text/heads.ts';
import { lastUserText } from '../../src/text/turn.ts';
import { isOtherSubject } from './derailment-embedding.ts';

/** A request or an answer of fewer content words has no subject to leave. */
const MIN_REQUEST = 6;
const MIN_ANSWER = 20;
/** English prose has three to five function words in ten; below this it is a list, code or another language. */
const PROSE = 0.2;
const MAX_REQUEST = 2_048;

/** The words by which the answer leaves its request, or `undefined`. */
export function leavesTask(step: Step): string | undefined {
  const text = outputText(step);
  if (text === '') return undefined;
  const { phrases } = textFacts(text);
  const at = phrases.first('tangent');
  // "affected by the way the page is read" is no aside.
  if (at >= 0 && /^by the way (?:the|that|it|its|we|you|they|he|she|this|these|in|of|to)\b/i.test(text.slice(at, at + 24)))
    return undefined;
  // Who is asked to choose leaves nothing by choosing.
  if (at >= 0 && /^better choice/i.test(text.slice(at, at + 13)) && asksToChoose(lastUserText(step) ?? '')) return undefined;
  return at < 0
    ? undefined
    : text
        .slice(at, at + 24)
        .split(/[.,;!?\n]/)[0]
        ?.trim();
}

function asksToChoose(request: string): boolean {
  return /\b(?:which|better|best|choose|choice|prefer|compare|recommend|should (?:i|we)|where should)\b/i.test(
    request.slice(0, MAX_REQUEST),
  );
}

/**
 * Share of the request's content words that the answer has too; `undefined` where that says nothing, is more than `max`, or the two have one subject in
 * other words.
 */
export function likenessToRequest(step: Step, max: number): number | undefined {
  const request = lastUserText(step);
  const answer = outputText(step);
  if (request === undefined || request.length > MAX_REQUEST) return undefined;
  // Words that are equal begin equally: most answers are dismissed here.
  if (coverage(textFacts(request), textFacts(answer)) > max) return undefined;
  const share = likeness(request, subjectOf(answer), max);
  return share !== undefined && isOtherSubject(request, answer) ? share : undefined;
}

/** The same for an answer whose words were kept. */
export function likeness(request: string, answered: ReadonlySet<string>, max: number): number | undefined {
  if (request.length > MAX_REQUEST || answered.size < MIN_ANSWER) return undefined;
  const asked = textFacts(request);
  const words = wordHeads(asked);
  if (words.size < MIN_REQUEST || functionShare(asked) < PROSE) return undefined;
  const share = headCoverage(words, answered);
  return share > max ? undefined : share;
}

/** Content words of a prose answer; none if it is a list, code or not English. */
export function subjectOf(answer: string): ReadonlySet<string> {
  const said = textFacts(answer);
  return answer.includes('```') || functionShare(said) < PROSE ? new Set() : wordHeads(said);
}
