/**
 * The two APIs as far as they are used: one question, one answer in the form of a schema. Chat Completions of OpenAI, which many servers speak;
 * Messages of Anthropic. Nothing but the model and the bound of the answer is set: newer models refuse a temperature.
 */
import { isObject, member } from '../../src/dialects/json.ts';
import { answerSchema } from './answer.ts';
import type { Usage } from './money.ts';
import type { Prompt } from './prompt.ts';

export interface Said {
  readonly text: string | undefined;
  readonly usage: Usage | undefined;
}

export interface Api {
  /** Base URL where none is given. */
  readonly endpoint: string;
  readonly path: string;
  headers(key: string | undefined): Readonly<Record<string, string>>;
  body(prompt: Prompt, model: string, maxTokens: number, own: boolean): object;
  read(body: unknown): Said;
}

const openai: Api = {
  endpoint: 'https://api.openai.com/v1',
  path: '/chat/completions',
  headers: (key) => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
  body: ({ system, user }, model, maxTokens, own) => ({
    model,
    // OpenAI's models that reason take only the new name; other servers often only the old one.
    [own ? 'max_completion_tokens' : 'max_tokens']: maxTokens,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
    response_format: { type: 'json_schema', json_schema: { name: 'verdict', strict: true, schema: answerSchema } },
  }),
  read(body) {
    const content = member(member(first(member(body, 'choices')), 'message'), 'content');
    return { text: word(content), usage: usageOf(member(body, 'usage'), 'prompt_tokens', 'completion_tokens') };
  },
};

const anthropic: Api = {
  endpoint: 'https://api.anthropic.com',
  path: '/v1/messages',
  headers: (key) => ({ 'anthropic-version': '2023-06-01', ...(key === undefined ? {} : { 'x-api-key': key }) }),
  body: ({ system, user }, model, maxTokens) => ({
    model,
    max_tokens: maxTokens,
    system,
    messages: [{ role: 'user', content: user }],
    output_config: { format: { type: 'json_schema', schema: answerSchema } },
  }),
  read(body) {
    const content = member(body, 'content');
    const texts = (Array.isArray(content) ? content : []).filter((part) => member(part, 'type') === 'text');
    return {
      // One answer, not one out of several.
      text: texts.length === 1 ? word(member(texts[0], 'text')) : undefined,
      usage: usageOf(member(body, 'usage'), 'input_tokens', 'output_tokens'),
    };
  },
};

export const apis = { openai, anthropic } as const;

function first(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : undefined;
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function usageOf(usage: unknown, input: string, output: string): Usage | undefined {
  const [a, b] = [member(usage, input), member(usage, output)];
  return isObject(usage) && typeof a === 'number' && typeof b === 'number' ? { input: a, output: b } : undefined;
}
