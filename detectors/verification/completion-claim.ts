/** completion, claims: what counts as a check, a todo list, a claim that the task is done, and the items that were asked for. */
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';
import { headCoverage, wordHeads } from '../../src/text/heads.ts';
import { parseObject } from '../../src/text/json.ts';
import { lastUserText } from '../../src/text/turn.ts';

const checkNames = ['test', 'lint', 'typecheck', 'verify', 'validate', 'build', 'compile'];
/** Commands that check, in the arguments of a shell tool. */
const checkCommands = [
  'pytest',
  'npm test',
  'npm run test',
  'vitest',
  'jest',
  'go test',
  'cargo test',
  'mvn test',
  'make test',
  'tsc',
  'eslint',
  'ruff',
  'mypy',
];
const failedWords = [
  ' failed',
  'failures:',
  'failure:',
  'error:',
  'errors:',
  'traceback',
  'fail ',
  'exit code 1',
  'exit code: 1',
  'exit status 1',
  'assertionerror',
  '"passed":false',
  '"passed": false',
  '"success":false',
  '"success": false',
];
const passedWords = [
  '0 failed',
  'no errors',
  '0 errors',
  '0 failures',
  'all tests pass',
  'all checks pass',
  'passed_with_warnings',
  'passed with warnings',
];
const MAX_ARGS = 2_048;
const MAX_RESULT = 4_096;
const MAX_ITEMS = 24;
/** An order of more characters is a text, and its commas separate clauses. */
const MAX_ORDER = 400;
/** One word of three: `search_index` is mentioned by `indexing`. */
const MENTIONED = 0.3;

/** Whether the call was a check, and how it ended; `undefined` if it was none, or nothing is known of its result. */
export function checkOf(step: Step): 'passed' | 'failed' | undefined {
  const name = (step.tool?.name ?? '').toLowerCase();
  let checks = checkNames.some((word) => name.includes(word));
  if (!checks) {
    if (!step.has('tool.arguments')) return undefined;
    const args = (step.tool?.arguments ?? '').slice(0, MAX_ARGS).toLowerCase();
    checks = checkCommands.some((command) => args.includes(command));
  }
  if (!checks) return undefined;
  if (step.outcome !== 'ok' && step.outcome !== 'unknown') return 'failed';
  const result = step.tool?.result;
  if (result === undefined) return undefined;
  const text = (result.length > MAX_RESULT ? result.slice(-MAX_RESULT) : result).toLowerCase();
  if (passedWords.some((word) => text.includes(word))) return 'passed';
  return failedWords.some((word) => text.includes(word)) ? 'failed' : 'passed';
}

/** Open entries of a todo list that a tool was given; `undefined` if the call is none. */
export function openTodos(step: Step): number | undefined {
  if (!(step.tool?.name ?? '').toLowerCase().includes('todo')) return undefined;
  const value = parseObject(step.tool?.arguments ?? '') as Record<string, unknown> | undefined;
  const list = Array.isArray(value) ? value : Object.values(value ?? {}).find(Array.isArray);
  if (!Array.isArray(list)) return undefined;
  return list.filter((item: { status?: unknown; completed?: unknown } | null) => {
    const status = String(item?.status ?? '').toLowerCase();
    return (
      status === 'pending' || status === 'in_progress' || status === 'todo' || status === 'open' || item?.completed === false
    );
  }).length;
}

/** The output says that the task is done. */
export function claimsDone(step: Step): boolean {
  const text = outputText(step);
  if (text === '') return false;
  const { phrases } = textFacts(text);
  return phrases.count('done') + phrases.count('delivered') > 0;
}

/** The output says that all is well, or goes on as if it were, and admits no failure. */
export function claimsSuccess(step: Step): boolean {
  const text = outputText(step);
  if (text === '') return false;
  const { phrases } = textFacts(text);
  return phrases.count('done') + phrases.count('proceeds') > 0 && phrases.count('failed') === 0;
}

/** Words by which the same text says that something is left; `undefined` if there are none. */
export function statesGap(step: Step): string | undefined {
  const text = outputText(step);
  const { phrases } = textFacts(text);
  const at = phrases.first('gap');
  return at < 0
    ? undefined
    : text
        .slice(at, at + 32)
        .split(/[.,;\n]/)[0]
        ?.trim();
}

/** What the last request lists: its bullets, else the parts of an enumeration. */
export function itemsOf(step: Step): string[] {
  const text = (lastUserText(step) ?? '').slice(0, 8_192);
  const bullets: string[] = [];
  let criteria = false;
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (/^(success|acceptance)?\s*criteria/i.test(trimmed)) criteria = true;
    if (!criteria && /^([-*•]|\d{1,2}[.)])\s/.test(trimmed)) bullets.push(trimmed.replace(/^([-*•]|\d{1,2}[.)])\s+/, ''));
  }
  if (bullets.length > 0) return bullets.slice(0, MAX_ITEMS);
  // A question lists what it is about, not what is to be delivered.
  if (text.length > MAX_ORDER || text.includes('?')) return [];
  const parts = text.split('\n')[0]?.split(/,\s*(?:and\s+)?|\s+and\s+|\s+with\s+/) ?? [];
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .slice(0, MAX_ITEMS);
}

/** How many items a text with these words does not speak of: fewer than `MENTIONED` of their content words are in it. */
export function unmetItems(items: readonly string[], said: ReadonlySet<string>): number {
  return items.filter((item) => headCoverage(wordHeads(textFacts(item)), said) < MENTIONED).length;
}

export function wordsOf(step: Step): ReadonlySet<string> {
  return wordHeads(textFacts(outputText(step)));
}
