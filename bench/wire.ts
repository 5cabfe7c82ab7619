// What the walk costs a span: `node dist/bench/wire.js [rounds]` after a build.
// Two kinds of body of 512 spans, as in docs/performance.md: model calls of 5.9 KB and small spans of 350 B,
// in both field orders. Bodies are many, so that no cache line is walked twice in a row. Minimum of the rounds.
import { compileKeys } from '../src/otlp/keys.ts';
import { spanReader } from '../src/otlp/span.ts';
import { spliceSpans } from '../src/otlp/splice.ts';
import type { Document, Shape } from '../src/otlp/testing/encode.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { writeSpanEvent } from '../src/otlp/write.ts';
import { attribute, hex, prose, random, requestOf } from './bodies.ts';

const SPANS = 512;
const BODIES = 8;
const rounds = Number(process.argv[2] ?? 12);

const known = [
  ...['operation.name', 'provider.name', 'system', 'request.model', 'response.model', 'response.id', 'usage.input_tokens'].map(
    (name) => `gen_ai.${name}`,
  ),
  ...['usage.output_tokens', 'conversation.id', 'agent.name', 'agent.id', 'response.finish_reasons', 'input.messages'].map(
    (name) => `gen_ai.${name}`,
  ),
  ...['output.messages', 'tool.name', 'tool.call.id', 'tool.call.arguments', 'tool.call.result', 'system_instructions'].map(
    (name) => `gen_ai.${name}`,
  ),
  ...[
    'session.id',
    'input.value',
    'output.value',
    'openinference.span.kind',
    'llm.model_name',
    'traceloop.span.kind',
    'error.type',
  ],
];
const keys = compileKeys(
  known,
  ['llm.input_messages.', 'llm.output_messages.', 'gen_ai.prompt.', 'gen_ai.completion.'],
  ['openinference'],
);

function modelCall(): Document[] {
  return [
    attribute('gen_ai.operation.name', 'chat'),
    attribute('gen_ai.provider.name', 'openai'),
    attribute('gen_ai.request.model', 'gpt-4o-2024-08-06'),
    attribute('gen_ai.response.model', 'gpt-4o-2024-08-06'),
    attribute('gen_ai.response.id', `chatcmpl-${hex(12)}`),
    attribute('gen_ai.request.temperature', 1),
    attribute('gen_ai.request.max_tokens', 1024),
    attribute('gen_ai.usage.input_tokens', Math.floor(random() * 9000)),
    attribute('gen_ai.usage.output_tokens', Math.floor(random() * 900)),
    attribute('gen_ai.conversation.id', hex(16)),
    attribute('gen_ai.agent.name', 'researcher'),
    attribute('gen_ai.agent.id', hex(8)),
    attribute('gen_ai.input.messages', prose(3_600)),
    attribute('gen_ai.output.messages', prose(1_200)),
    attribute('server.address', 'api.openai.com'),
    attribute('server.port', 443),
  ];
}

function request(): Document[] {
  return [
    attribute('http.request.method', 'GET'),
    attribute('url.path', `/api/v1/items/${Math.floor(random() * 1e6)}`),
    attribute('http.response.status_code', 200),
    attribute('server.address', 'shop.example.com'),
    attribute('network.protocol.version', '1.1'),
    attribute('user_agent.original', prose(40)),
  ];
}

function body(attributes: () => Document[], name: string, shape: Shape): Uint8Array {
  const traceId = hex(16);
  const spans = Array.from({ length: SPANS }, (_, atMs) => ({ traceId, name, attributes: attributes(), atMs }));
  return requestOf(spans, 'bench', shape);
}

function measure(label: string, bodies: readonly Uint8Array[], work: (body: Uint8Array) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < 4; i++) for (const one of bodies) work(one);
    const used = process.cpuUsage(start);
    best = Math.min(best, (used.user + used.system) / (bodies.length * 4 * SPANS));
  }
  console.log(`${label.padEnd(44)} ${best.toFixed(3)} us/span`);
}

for (const [kind, attributes, name] of [
  ['model call', modelCall, 'chat gpt-4o'],
  ['small', request, 'GET /api/v1/items'],
] as const) {
  for (const order of ['ascending', 'descending'] as const) {
    const bodies = Array.from({ length: BODIES }, () => body(attributes, name, { order }));
    const bytes = Math.round((bodies[0]?.length ?? 0) / SPANS);
    measure(`walk, ${kind} (${bytes} B), ${order}`, bodies, (one) => {
      walkTraces(one, keys);
    });
    if (order === 'descending') continue;
    const reader = spanReader();
    const event = writeSpanEvent({
      name: 'gen_ai.evaluation.result',
      timeNs: 1n,
      attributes: { 'gen_ai.evaluation.name': 'loop' },
    });
    measure(`walk and splice 10 %, ${kind}`, bodies, (one) => {
      const index = walkTraces(one, keys);
      const edits = [];
      for (let row = 0; row < index.spanCount; row += 10) edits.push({ row, append: event });
      spliceSpans(index, edits);
    });
    measure(`walk and read ids, name, times, ${kind}`, bodies, (one) => {
      const index = walkTraces(one, keys);
      for (let row = 0; row < index.spanCount; row++) {
        reader.at(index, row);
        reader.traceId();
        reader.spanId();
        reader.name();
        reader.endMs();
      }
    });
  }
}
