/**
 * Features of a step that several detectors need, computed once while the step is at hand: all detectors see a step
 * before any sees the next, so one slot is enough, and nothing is retained for steps that are kept.
 */
import type { Message, Step } from '../step/step.ts';
import { contentHash, hashText } from './hash.ts';
import { canonicalText } from './json.ts';
import { maskVolatile } from './mask.ts';
import { type Sketch, wordSketch } from './shingles.ts';

interface Kept {
  args?: string | undefined;
  argsOf?: string | undefined;
  result?: string | undefined;
  resultOf?: string | undefined;
  text?: string;
  output?: Sketch;
}

/** Characters of a model's output that are compared. */
const OUTPUT_LIMIT = 8_192;

let current: Step | undefined;
let kept: Kept = {};

function of(step: Step): Kept {
  if (step !== current) {
    current = step;
    kept = {};
  }
  return kept;
}

/** Hash of the canonical arguments; `undefined` if the dialect gave none. Volatile tokens count: they may be the item asked for. */
export function argsHash(step: Step): string | undefined {
  const entry = of(step);
  const text = step.tool?.arguments;
  // Arguments and results may arrive late: what was computed holds for the text it was computed from.
  if (!('args' in entry) || entry.argsOf !== text) {
    entry.argsOf = text;
    entry.args = text === undefined ? undefined : hashText(canonicalText(text));
  }
  return entry.args;
}

/** Hash of the result without its volatile tokens; `undefined` if no result is known. */
export function maskedResultHash(step: Step): string | undefined {
  const entry = of(step);
  const text = step.tool?.result ?? step.error?.message;
  if (!('result' in entry) || entry.resultOf !== text) {
    entry.resultOf = text;
    entry.result = text === undefined ? undefined : contentHash(maskVolatile(text)).toString(36);
  }
  return entry.result;
}

/** Text the model wrote, without reasoning and tool calls, cut at 8,192 characters. */
export function outputText(step: Step): string {
  const entry = of(step);
  entry.text ??= joined(step.output);
  return entry.text;
}

/** Word 3-grams of `outputText`. */
export function outputSketch(step: Step): Sketch {
  const entry = of(step);
  entry.output ??= wordSketch(outputText(step));
  return entry.output;
}

function joined(messages: readonly Message[]): string {
  let text = '';
  for (const message of messages) {
    if (message.text !== '') text += text === '' ? message.text : `\n${message.text}`;
    if (text.length >= OUTPUT_LIMIT) break;
  }
  return text.slice(0, OUTPUT_LIMIT);
}
