/**
 * Prices of models, US dollars per million tokens. Not read from anywhere while misstep runs: `prices` stands before them.
 * A batch, cache or priority price is none of ours: these are what a plain call costs at most.
 */
import type { Price } from './money.ts';

/** Where each was read, and when. */
const sources = {
  anthropic: 'platform.claude.com/docs, models and pricing, November 2026. claude-haiku-5-5: prompts of up to 100,000 tokens.',
  openai: 'developers.openai.com/api/docs/pricing and docs.github.com (models and pricing of Copilot), November 2026.',
} as const;

const table: Readonly<Record<string, readonly [input: number, output: number, source: keyof typeof sources]>> = {
  'claude-haiku-4-5': [1, 5, 'anthropic'],
  'claude-haiku-5-5': [0.1, 0.5, 'anthropic'],
  'claude-sonnet-5': [2, 10, 'anthropic'],
  'claude-sonnet-5-5': [2, 10, 'anthropic'],
  'claude-opus-5': [5, 25, 'anthropic'],
  'claude-opus-5-5': [4, 20, 'anthropic'],
  'gpt-4o-mini': [0.15, 0.6, 'openai'],
  'gpt-4.1': [2, 8, 'openai'],
  'gpt-4.1-mini': [0.4, 1.6, 'openai'],
  'gpt-4.1-nano': [0.1, 0.4, 'openai'],
  'gpt-5-mini': [0.25, 2, 'openai'],
  'gpt-5.4': [2.5, 15, 'openai'],
  'gpt-5.4-mini': [0.75, 4.5, 'openai'],
  'gpt-5.4-nano': [0.2, 1.25, 'openai'],
};

/** Of the model or, if it ends in a date, of the model without it; `source` says where it was read. */
export function priceOf(model: string, own: Readonly<Record<string, Price>>): (Price & { readonly source: string }) | undefined {
  const given = Object.hasOwn(own, model) ? own[model] : undefined;
  if (given !== undefined) return { ...given, source: 'prices' };
  const name = model.replace(/-\d{4}-?\d{2}-?\d{2}$/, '');
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  return found && { input: found[0], output: found[1], source: sources[found[2]] };
}
