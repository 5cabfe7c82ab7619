import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type Batch, batchOf, bodyOf } from '../../src/batch/batch.ts';
import type { Host } from '../../src/component/component.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { isAgentSpan, type NormalisedSpan, normalise } from '../../src/dialects/normalise.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { spanReader, type Value } from '../../src/otlp/span.ts';
import { ascending, type Document, descending, encode, seeded } from '../../src/otlp/testing/encode.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { createRegistry } from '../../src/service/meter.ts';
import type { Message } from '../../src/step/step.ts';
import { factory } from './genai_normalizer.ts';

async function started(options: unknown = {}) {
  const out: Batch[] = [];
  const registry = createRegistry();
  const made = factory.create({ id: 'genai_normalizer', signal: 'traces' }, factory.options.parse(options), {
    consume(batch) {
      out.push(batch);
      return undefined;
    },
  });
  await made.start({ meter: registry, status() {} } as unknown as Host);
  const pass = async (body: Uint8Array): Promise<Uint8Array> => {
    await made.consume(batchOf('traces', body));
    return bodyOf(out.at(-1) as Batch);
  };
  return { pass, made, out, read: (name: string) => registry.read(name)[0]?.value };
}

interface Seen {
  readonly step: NormalisedSpan | undefined;
  readonly attributes: ReadonlyMap<string, Value>;
  readonly bytes: Uint8Array;
}

function seen(body: Uint8Array): Seen[] {
  const index = walkTraces(body, dialectKeys);
  return Array.from({ length: index.spanCount }, (_, row) => {
    const reader = spanReader().at(index, row);
    const step = isAgentSpan(reader) ? normalise(reader, 'default') : undefined;
    return { step, attributes: reader.attributes(), bytes: reader.extract() };
  });
}

/** A tool's message without a result is one: so it is written. */
function answered(message: Message): Message {
  if (message.role !== 'tool' || message.toolResults.length > 0) return message;
  return { ...message, text: '', toolResults: [{ id: undefined, name: undefined, text: message.text }] };
}

/** What detectors see of a step by itself. */
function facts(step: NormalisedSpan | undefined) {
  if (!step) return undefined;
  const { kind, statedAgent, agentId, sessionId, provider, requestModel, responseModel, finishReasons, tokens } = step;
  const { outcome, input, output, documents } = step;
  const tool = step.tool && {
    name: step.tool.name,
    callId: step.tool.callId,
    arguments: step.tool.arguments,
    result: step.tool.result,
  };
  return {
    kind,
    statedAgent,
    agentId,
    sessionId,
    provider,
    requestModel,
    responseModel,
    finishReasons,
    tokens,
    outcome,
    tool,
    input: input.map(answered),
    output: output.map(answered),
    documents,
  };
}

type Json = Readonly<Record<string, unknown>>;
const any = (value: unknown): Json =>
  typeof value === 'string'
    ? { stringValue: value }
    : typeof value === 'number'
      ? { intValue: String(value) }
      : { arrayValue: { values: (value as unknown[]).map(any) } };
const one = (attributes: Json, more: Json = {}, scope = 'app'): Uint8Array =>
  documentToProtobuf('traces', {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.namespace', value: { stringValue: 'shop' } }] },
        scopeSpans: [
          {
            scope: { name: scope },
            spans: [
              {
                traceId: '1'.repeat(32),
                spanId: '2'.repeat(16),
                name: 'x',
                attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: any(value) })),
                ...more,
              },
            ],
          },
        ],
      },
    ],
  }).body;

const openinference = {
  'openinference.span.kind': 'LLM',
  'llm.model_name': 'gpt-4o',
  'llm.provider': 'openai',
  'llm.token_count.prompt': 12,
  'llm.token_count.completion': 3,
  'llm.token_count.total': 15,
  'session.id': 's1',
  'llm.input_messages.0.message.role': 'user',
  'llm.input_messages.0.message.content': 'Weather?',
  'llm.output_messages.0.message.role': 'assistant',
  'llm.output_messages.0.message.tool_calls.0.tool_call.id': 'c1',
  'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'weather',
  'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments': '{"city":"Bern"}',
  'llm.invocation_parameters': '{"temperature": 0.1}',
};
const current = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o',
  'gen_ai.usage.input_tokens': 12,
  'gen_ai.usage.output_tokens': 3,
  'gen_ai.conversation.id': 's1',
  'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Weather?"}]}]',
  'gen_ai.output.messages':
    '[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"weather","arguments":{"city":"Bern"}}]}]',
};
const attributesOf = (body: Uint8Array) => Object.fromEntries((seen(body)[0] as Seen).attributes);

test('a model call of OpenInference, with its own attributes and without', async () => {
  const whole = await started();
  expect(attributesOf(await whole.pass(one(openinference)))).toEqual({ ...openinference, ...current });
  expect(whole.read('misstep_genai_normalizer_spans')).toBe(1);
  const bare = await started({ drop_original: true });
  expect(attributesOf(await bare.pass(one(openinference)))).toEqual({
    ...current,
    // What it is, what no current attribute has, and what is a sum.
    'openinference.span.kind': 'LLM',
    'llm.token_count.total': 15,
    'llm.invocation_parameters': '{"temperature": 0.1}',
  });
  expect(bare.read('misstep_genai_normalizer_dropped_attributes')).toBe(11);
});

test.each<[string, Json, Json]>([
  [
    'a tool of the Vercel AI SDK',
    {
      'ai.operationId': 'ai.toolCall',
      'ai.toolCall.name': 'w',
      'ai.toolCall.id': 'c',
      'ai.toolCall.args': '{"a":1}',
      'ai.toolCall.result': 'ok',
    },
    {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'w',
      'gen_ai.tool.call.id': 'c',
      'gen_ai.tool.call.arguments': '{"a":1}',
      'gen_ai.tool.call.result': 'ok',
    },
  ],
  [
    'OpenLLMetry',
    { 'traceloop.span.kind': 'agent', 'traceloop.entity.name': 'planner' },
    { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' },
  ],
  [
    'older gen_ai',
    { 'gen_ai.operation.name': 'chat', 'gen_ai.system': 'openai', 'gen_ai.request.model': 'm', 'gen_ai.usage.prompt_tokens': 4 },
    { 'gen_ai.provider.name': 'openai', 'gen_ai.usage.input_tokens': 4 },
  ],
  [
    'Langfuse, whose input leaves cached tokens out',
    {
      'langfuse.observation.type': 'generation',
      'langfuse.observation.usage_details': '{"input":5,"output":2,"input_cache_read":3}',
    },
    {
      'gen_ai.operation.name': 'chat',
      'gen_ai.usage.input_tokens': 8,
      'gen_ai.usage.output_tokens': 2,
      'gen_ai.usage.cache_read.input_tokens': 3,
    },
  ],
])('%s', async (_name, attributes, added) => {
  const { pass } = await started();
  expect(attributesOf(await pass(one(attributes)))).toEqual({ ...attributes, ...added });
});

test('what is there stays, whatever it says', async () => {
  const { pass } = await started({ drop_original: true });
  const own = {
    'gen_ai.operation.name': 'text_completion',
    'gen_ai.request.model': 'other',
    'llm.model_name': 'm',
    'gen_ai.usage.input_tokens': 1,
  };
  expect(attributesOf(await pass(one(own)))).toMatchObject(own);
});

test('a member whose name nothing else says keeps its attribute', async () => {
  const { pass } = await started({ drop_original: true });
  const own = {
    'openinference.span.kind': 'LLM',
    'llm.model_name': 'm',
    'input.value': '{"question":"Weather?"}',
    'output.value': 'Rain.',
  };
  const after = attributesOf(await pass(one(own)));
  expect(after).toHaveProperty(['input.value']);
  expect(after).not.toHaveProperty(['output.value']);
});

test('messages in events become attributes, and the events stay', async () => {
  const { pass } = await started({ drop_original: true });
  const event = { name: 'gen_ai.user.message', attributes: [{ key: 'content', value: { stringValue: 'Hi' } }] };
  const after = await pass(one({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }, { events: [event] }));
  expect(attributesOf(after)).toMatchObject({
    'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]',
  });
  expect(spanReader().at(walkTraces(after, dialectKeys), 0).events()).toHaveLength(1);
});

test('content that is too long or was cut stays in its dialect, counted; without content only facts are written', async () => {
  const short = await started({ max_content_bytes: 20, drop_original: true });
  const after = attributesOf(await short.pass(one(openinference)));
  expect(after).toHaveProperty(['llm.input_messages.0.message.content'], 'Weather?');
  expect(after).not.toHaveProperty(['gen_ai.input.messages']);
  expect(short.read('misstep_genai_normalizer_content_left')).toBe(2);
  const cut = await started();
  const half = '[{"role":"user","content":"What is the wea';
  expect(
    attributesOf(await cut.pass(one({ 'langfuse.observation.type': 'generation', 'langfuse.observation.input': half }))),
  ).not.toHaveProperty(['gen_ai.input.messages']);
  expect(cut.read('misstep_genai_normalizer_content_left')).toBe(1);
  const bare = await started({ content: false });
  expect(Object.keys(attributesOf(await bare.pass(one(openinference))))).not.toContain('gen_ai.input.messages');
});

test('spans of others are the same batch', async () => {
  const { made, out } = await started({ drop_original: true });
  const batch = batchOf('traces', one({ 'http.request.method': 'GET', 'session.id': 's' }));
  await made.consume(batch);
  expect(out[0]).toBe(batch);
});

test('a request that cannot be read is refused for good', async () => {
  const { made } = await started();
  await expect(
    made.consume({ signal: 'traces', chunks: [Buffer.from([10, 5, 1])], bytes: 3, items: 1, tenant: 'default' }),
  ).rejects.toMatchObject({ name: 'Permanent' });
});

test.each([[{ drop: true }], [{ max_content_bytes: -1 }], [{ drop_original: 'yes' }]])('%j is refused', (options) => {
  expect(factory.options.safeParse(options).success).toBe(false);
});

/** Every text and number of the attributes, JSON opened. */
function leaves(value: unknown, into = new Set<string>()): Set<string> {
  if (value instanceof Map) for (const member of value.values()) leaves(member, into);
  else if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
    try {
      leaves(JSON.parse(value), into);
    } catch {
      into.add(value);
    }
  } else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) leaves(member, into);
  else if (value !== undefined && value !== null) into.add(String(value));
  return into;
}

/** The law of the processor, for any request. */
async function holds(body: Uint8Array): Promise<void> {
  const before = seen(body);
  for (const options of [{}, { drop_original: true }, { content: false }]) {
    const { pass } = await started(options);
    const once = await pass(body);
    expect(Buffer.from(await pass(once)).equals(once)).toBe(true);
    const after = seen(once);
    expect(after).toHaveLength(before.length);
    for (const [i, was] of before.entries()) {
      const is = after[i] as Seen;
      if (was.step === undefined) expect(is.bytes).toEqual(was.bytes);
      if (!('drop_original' in options)) for (const [key, value] of was.attributes) expect(is.attributes.get(key)).toEqual(value);
      const left = leaves(is.attributes);
      for (const leaf of leaves(was.attributes)) if (!tags.has(leaf)) expect(left).toContain(leaf);
      expect(facts(is.step)).toEqual(facts(was.step));
    }
  }
}
const tags = new Set(['text', 'function', 'message', 'tool_use', 'tool_result', 'tool-call', 'tool-result']);

test('any mix of dialects: twice is once, no text is lost, detectors see the same', async () => {
  const values = fc.constantFrom<[string, unknown]>(
    ...(Object.entries(openinference) as [string, unknown][]),
    ['gen_ai.system', 'openai'],
    ['gen_ai.usage.prompt_tokens', 7],
    ['ai.operationId', 'ai.generateText.doGenerate'],
    ['ai.prompt.messages', '[{"role":"user","content":[{"type":"text","text":"Hello"}]}]'],
    ['ai.response.text', 'Bye'],
    ['traceloop.span.kind', 'tool'],
    ['traceloop.entity.name', 'weather'],
    ['traceloop.entity.input', '{"city": "Bern"}'],
    ['gen_ai.prompt.0.role', 'system'],
    ['gen_ai.prompt.0.content', 'Be kind.'],
    ['gen_ai.completion.0.content', 'Yes.'],
    ['input.value', '{"messages":[{"role":"user","content":"Q"}]}'],
    ['output.value', 'A'],
    ['langfuse.observation.usage_details', '{"input":5,"output":2,"input_cache_read":3}'],
    ['gen_ai.input.messages', '[{"role":"user","parts":[{"type":"text","content":"own"}]}]'],
    ['gen_ai.response.finish_reasons', ['stop']],
    ['gen_ai.agent.name', 'a'],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(values, { maxLength: 9 }), async (pairs) => {
      await holds(one(Object.fromEntries(pairs) as Json));
    }),
  );
});

describe('recorded dialects', () => {
  const folder = resolve(import.meta.dirname, '../../../shared/eval/dialects');
  if (!existsSync(folder)) {
    const name = 'recordings of ../shared/eval/dialects';
    if (process.env['CI']) it(`${name} must be there in CI`, () => expect(existsSync(folder)).toBe(true));
    else it.skip(`${name} are not there: skipped`);
    return;
  }
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /[/\\].+\.json$/.test(name));
  for (const name of files) {
    it(name, async () => {
      const document = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Document;
      for (const shape of [ascending, descending, { order: 'shuffled', split: true, padding: 2, random: seeded(3) } as const])
        await holds(encode('ExportTraceServiceRequest', document, shape));
    });
  }
});
