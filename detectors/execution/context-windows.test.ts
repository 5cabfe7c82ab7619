import { expect, test } from 'vitest';
import { bareName, contextWindow } from './context-windows.ts';

test.each([
  ['gpt-4', 8_192],
  ['gpt-4-0613', 8_192],
  ['gpt-4-32k-0613', 32_768],
  ['gpt-4o-mini', 128_000],
  ['gpt-4.1-nano', 1_047_576],
  ['o1-mini-2024-09-12', 128_000],
  ['claude-2.1', 200_000],
  ['gemini-2.5-pro', 1_048_576],
  ['Claude-3-Opus', 200_000],
  ['openai/gpt-4o', 128_000],
  ['models/gemini-1.5-flash-002', 1_048_576],
  ['us.anthropic.claude-3-haiku-20240307-v1:0', 200_000],
])('%s has a window of %d', (model, window) => {
  expect(contextWindow(model)).toBe(window);
});

test.each(['', 'gpt-4.2', 'gpt-40', 'o10', 'llama-3.9', 'my-gpt-4', 'constructor', '__proto__'])('%s is unknown', (model) => {
  expect(contextWindow(model)).toBeUndefined();
});

test.each([
  ['A/B/GPT-4o', 'gpt-4o'],
  ['eu.meta.llama-3', 'llama-3'],
  ['cohere.command-r-v1:0', 'command-r-v1:0'],
])('%s is called %s', (model, bare) => {
  expect(bareName(model)).toBe(bare);
});
