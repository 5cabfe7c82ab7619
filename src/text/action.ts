/**
 * What a model call does: calls through the API, or calls in a code block that its harness executes. Computed once per step, linear in
 * the output, nothing but a search for ``` where the model wrote no code.
 */
import type { Step } from '../step/step.ts';
import { outputText } from './features.ts';

export interface Action {
  /** The fenced code blocks without strings and comments, `"` in place of each string; empty if there are none. */
  readonly code: string;
  /** Names called, each once, without those of final answers: tools through the API, or functions of the code that are neither built in nor defined in it. */
  readonly calls: readonly string[];
  /** It calls what ends the task. */
  readonly answers: boolean;
  /** The answer is written out in the call, not computed. */
  readonly literal: boolean;
  /** It calls a tool or an own function, loops, imports or opens a file: it may bring something new. */
  readonly works: boolean;
  /** Code that prints and does nothing else. */
  readonly printsOnly: boolean;
}

/** Tools that end a task, of smolagents, Cline, SWE-agent, OpenHands, LangGraph and the AG2 examples. */
const finals: ReadonlySet<string> = new Set([
  'final_answer',
  'finalanswer',
  'final_result',
  'submit_answer',
  'submit_final_answer',
  'attempt_completion',
  'complete_task',
  'task_complete',
  'task_completed',
  'finish',
  'finish_task',
  'submit',
]);

export function isFinal(tool: string): boolean {
  return finals.has(tool.toLowerCase());
}

/** Functions of Python and JavaScript that reach nothing outside the program. */
const builtins: ReadonlySet<string> = new Set(
  (
    'print len str int float bool range list dict set tuple sorted sum min max enumerate zip abs round map filter any all isinstance type ' +
    'repr format reversed next iter if for while and or not in return elif with lambda def class console log String Number Array Object'
  ).split(' '),
);
const working: ReadonlySet<string> = new Set([
  'for',
  'while',
  'import',
  'from',
  'def',
  'class',
  'with',
  'open',
  'await',
  'function',
]);

const none: Action = { code: '', calls: [], answers: false, literal: false, works: false, printsOnly: false };
const kept = new WeakMap<Step, Action>();

export function actionOf(step: Step): Action {
  let action = kept.get(step);
  if (!action) {
    action = read(step);
    kept.set(step, action);
  }
  return action;
}

/** True if the step decides what happens next: it calls a tool, runs code or ends the task. */
export function acts(action: Action): boolean {
  return action.answers || action.calls.length > 0 || action.code !== '';
}

/** Longest text of instructions that is searched, and most names that are looked for. */
const MAX_INSTRUCTIONS = 24_576;
const MAX_NAMED = 8;

/**
 * Tools that the output speaks of and does not call: words of the form `web_search` that the instructions describe as `web_search:` or
 * `web_search(`, or that the call's definitions hold. In order, each once.
 */
export function toolsNamed(step: Step): readonly string[] {
  const { calls } = actionOf(step);
  const words = snakeWords(outputText(step)).filter((word) => !calls.includes(word) && !isFinal(word));
  if (words.length === 0) return words;
  const defined = new Set(step.toolDefinitions.map(({ name }) => name));
  const first = step.input[0]?.text;
  const told = first === undefined || first === step.system ? [step.system] : [step.system, first];
  const instructions = told.map((text) => text?.slice(0, MAX_INSTRUCTIONS) ?? '');
  return words.filter((word) => defined.has(word) || instructions.some((text) => describes(text, word)));
}

/** `word:` or `word(` in the text. */
function describes(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    const next = text.charCodeAt(at + word.length);
    if (next === 0x3a || next === 0x28) return true;
  }
  return false;
}

function snakeWords(text: string): string[] {
  const words = new Set<string>();
  for (let at = text.indexOf('_'); at >= 0 && words.size < MAX_NAMED; at = text.indexOf('_', at)) {
    let from = at;
    let to = at + 1;
    while (from > 0 && isNamePart(text.charCodeAt(from - 1))) from--;
    while (to < text.length && isNamePart(text.charCodeAt(to))) to++;
    if (from < at && to > at + 1 && to - from <= 64) words.add(text.slice(from, to));
    at = to;
  }
  return [...words];
}

function read(step: Step): Action {
  const calls = new Set<string>();
  let answers = false;
  let literal = false;
  for (const message of step.output)
    for (const call of message.toolCalls) {
      if (isFinal(call.name)) {
        answers = true;
        literal = true;
      } else calls.add(call.name);
    }
  const text = outputText(step);
  // A final answer written as plain text ends some runs and breaks others; the model meant it either way.
  if (!text.includes('```') && text.includes('final_answer(')) {
    answers = true;
    literal = true;
  }
  if (!text.includes('```'))
    return calls.size === 0 && !answers ? none : { ...none, calls: [...calls], answers, literal, works: calls.size > 0 };
  const code = bare(fenced(text));
  const found = names(code);
  for (const name of found.called) {
    if (isFinal(name)) answers = true;
    else calls.add(name);
  }
  literal ||= answers && found.literal;
  const works = found.works || calls.size > 0;
  return { code, calls: [...calls], answers, literal, works, printsOnly: found.prints && !works && !answers };
}

/** The text between ``` lines, blocks joined by a newline. A block that is not closed reaches to the end. */
function fenced(text: string): string {
  let out = '';
  let at = text.indexOf('```');
  while (at >= 0) {
    const line = text.indexOf('\n', at);
    if (line < 0) break;
    const end = text.indexOf('```', line);
    out += `${out === '' ? '' : '\n'}${text.slice(line + 1, end < 0 ? text.length : end)}`;
    at = end < 0 ? -1 : text.indexOf('```', end + 3);
  }
  return out;
}

/** Code without comments (`#`, `//`), each string as `"`. */
function bare(code: string): string {
  let out = '';
  let i = 0;
  while (i < code.length) {
    const c = code[i] as string;
    if (c === '#' || (c === '/' && code[i + 1] === '/')) {
      const end = code.indexOf('\n', i);
      i = end < 0 ? code.length : end;
    } else if (c === '"' || c === "'" || c === '`') {
      i = stringEnd(code, i, c);
      out += '"';
    } else {
      out += c;
      i++;
    }
  }
  return out;
}

function stringEnd(code: string, from: number, quote: string): number {
  const triple = quote.repeat(3);
  if (code.startsWith(triple, from)) {
    const end = code.indexOf(triple, from + 3);
    return end < 0 ? code.length : end + 3;
  }
  for (let i = from + 1; i < code.length; i++) {
    if (code[i] === '\\') i++;
    else if (code[i] === quote) return i + 1;
    else if (code[i] === '\n' && quote !== '`') return i;
  }
  return code.length;
}

function names(code: string): { called: Set<string>; prints: boolean; works: boolean; literal: boolean } {
  const called = new Set<string>();
  const defined = new Set<string>();
  let prints = false;
  let works = false;
  let literal = false;
  let before = '';
  let i = 0;
  while (i < code.length) {
    if (!isNameStart(code.charCodeAt(i))) {
      i++;
      continue;
    }
    const from = i;
    while (i < code.length && isNamePart(code.charCodeAt(i))) i++;
    const name = code.slice(from, i);
    let next = i;
    while (code[next] === ' ') next++;
    const method = code[from - 1] === '.';
    if (working.has(name) && !method) works = true;
    if (before === 'def' || before === 'class' || before === 'function') defined.add(name);
    else if (code[next] === '(') {
      if (method) {
        // A method of an object is work of its own, unless it only shapes a text.
      } else if (name === 'print') prints = true;
      else if (!builtins.has(name)) called.add(name);
      if (!method && isFinal(name)) literal = isLiteral(code, next + 1);
    }
    before = name;
  }
  for (const name of defined) called.delete(name);
  return { called, prints, works, literal };
}

/** The argument begins with a string, a number, a list or an object, perhaps after `name=` or an `f`. */
function isLiteral(code: string, from: number): boolean {
  const head = code.slice(from, from + 48).trimStart();
  const equals = head.indexOf('=');
  const value = equals > 0 && equals < 24 && !head.slice(0, equals).includes('"') ? head.slice(equals + 1).trimStart() : head;
  const c = value.charCodeAt(0);
  return c === 0x22 || c === 0x5b || c === 0x7b || c === 0x2d || (c >= 0x30 && c <= 0x39);
}

function isNameStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
}

function isNamePart(code: number): boolean {
  return isNameStart(code) || (code >= 0x30 && code <= 0x39);
}
