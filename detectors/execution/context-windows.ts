/**
 * Context windows of models in tokens, by the start of the model's name. The longest match counts.
 * Names of families whose versions differ are listed by version; what is not listed is unknown, and
 * the detector says nothing about it. `overflow` drops an entry for a lane that was seen to exceed it.
 *
 * Sources: the vendors' model pages (platform.openai.com/docs/models, docs.anthropic.com/en/docs/about-claude/models,
 * ai.google.dev/gemini-api/docs/models, docs.mistral.ai/getting-started/models, llama.com, api-docs.deepseek.com,
 * docs.cohere.com/docs/models, docs.x.ai/docs/models), read in 2026.
 */
const windows: Readonly<Record<string, number>> = {
  'gpt-3.5-turbo': 16_385,
  'gpt-4': 8_192,
  'gpt-4-32k': 32_768,
  'gpt-4-turbo': 128_000,
  'gpt-4-1106': 128_000,
  'gpt-4-0125': 128_000,
  'gpt-4o': 128_000,
  'gpt-4.1': 1_047_576,
  'gpt-4.5': 128_000,
  'gpt-5': 400_000,
  'chatgpt-4o': 128_000,
  o1: 200_000,
  'o1-mini': 128_000,
  'o1-preview': 128_000,
  o3: 200_000,
  'o4-mini': 200_000,
  'claude-2': 100_000,
  'claude-2.1': 200_000,
  'claude-3': 200_000,
  'claude-opus-4': 200_000,
  'claude-sonnet-4': 200_000,
  'claude-haiku-4': 200_000,
  'gemini-1.0-pro': 32_760,
  'gemini-1.5-flash': 1_048_576,
  'gemini-1.5-pro': 2_097_152,
  'gemini-2': 1_048_576,
  'gemini-3': 1_048_576,
  'mistral-large': 131_072,
  'mistral-small': 32_768,
  'mixtral-8x7b': 32_768,
  'mixtral-8x22b': 65_536,
  'llama-3': 8_192,
  'llama-3.1': 131_072,
  'llama-3.2': 131_072,
  'llama-3.3': 131_072,
  'meta-llama-3': 8_192,
  'meta-llama-3.1': 131_072,
  'deepseek-chat': 131_072,
  'deepseek-reasoner': 131_072,
  'command-r': 128_000,
  'grok-3': 131_072,
  'grok-4': 256_000,
};

const names = Object.keys(windows).sort((a, b) => b.length - a.length);

/** Window of a model in tokens, or `undefined` if unknown. Provider and region prefixes (`openai/`, `us.anthropic.`, `models/`) are passed over. */
export function contextWindow(model: string): number | undefined {
  const bare = bareName(model);
  const name = names.find((one) => bare.startsWith(one) && endsPart(bare, one.length));
  return name === undefined ? undefined : windows[name];
}

/** Lower case, after the last `/` and without a provider prefix of Bedrock's kind. */
export function bareName(model: string): string {
  const lower = model.toLowerCase();
  const path = lower.slice(lower.lastIndexOf('/') + 1);
  for (const vendor of ['anthropic.', 'meta.', 'mistral.', 'cohere.', 'deepseek.']) {
    const at = path.indexOf(vendor);
    if (at >= 0) return path.slice(at + vendor.length);
  }
  return path;
}

/** `gpt-4` covers `gpt-4-0613`, not `gpt-4o` or `gpt-4.1`; `gemini-2` covers `gemini-2.5-pro`. */
function endsPart(name: string, at: number): boolean {
  const next = name[at];
  if (next === undefined || next === '-' || next === ':' || next === '@') return true;
  return next === '.' && !name.startsWith('gpt-4.') && !name.startsWith('llama-3.') && !name.startsWith('meta-llama-3.');
}
