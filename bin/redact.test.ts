// Where redact stands decides what detect sees; whatever it is, nothing of a secret goes on.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Batch, batchOf } from '../src/batch/batch.ts';
import type { Component, Consumer, ProcessorFactory } from '../src/component/component.ts';
import { testHost } from '../src/component/testing.ts';
import { documentToProtobuf, protobufToJson } from '../src/otlp/json.ts';
import { factories } from './components.ts';

const recording = JSON.parse(readFileSync(new URL('../examples/demo/recording.json', import.meta.url), 'utf8')) as unknown;

/** The demo's run through processors in this order, as JSON. */
async function through(names: readonly string[], options: Readonly<Record<string, unknown>>): Promise<string> {
  const out: Batch[] = [];
  let next: Consumer = {
    consume(batch) {
      out.push(batch);
      return undefined;
    },
  };
  const all: Component[] = [];
  for (const name of [...names].reverse()) {
    const factory = factories.find(({ kind, type }) => kind === 'processor' && type === name) as ProcessorFactory;
    const made = factory.create(
      { id: name, signal: 'traces', pipeline: 'traces' },
      factory.options.parse(options[name] ?? {}),
      next,
    );
    all.push(made);
    next = made;
  }
  for (const one of all) await one.start(testHost());
  await next.consume(batchOf('traces', documentToProtobuf('traces', recording).body));
  for (const one of all.reverse()) await one.shutdown(new AbortController().signal);
  return out.map(({ chunks }) => protobufToJson('traces', Buffer.concat(chunks))).join('\n');
}

const found = (json: string) =>
  [...new Set([...json.matchAll(/"gen_ai\.evaluation\.name","value":\{"stringValue":"(\w+)"/g)].map(([, name]) => name))].sort();

test.each<[string[], string[]]>([
  [['detect'], ['injection', 'loop']],
  [['redact', 'detect'], ['loop']],
  [
    ['detect', 'redact'],
    ['injection', 'loop'],
  ],
  [
    ['genai_normalizer', 'detect'],
    ['injection', 'loop'],
  ],
])('%j finds %j', async (order, expected) => {
  // Masks the sentence that the injection is found by.
  const json = await through(order, { redact: { blocked_values: ['(?is)ignore.*'] } });
  expect(found(json)).toEqual(expected);
});

test('behind detect the ids and words of its findings stay as they are', async () => {
  const events = (json: string) =>
    [...json.matchAll(/"misstep\.detection\.(?:id|target\.\w+|evidence\.\w+)","value":(\{[^}]*\})/g)].map(([, value]) => value);
  const without = await through(['detect'], {});
  const behind = await through(['detect', 'redact'], {});
  expect(events(behind).length).toBeGreaterThan(0);
  expect(events(behind)).toEqual(events(without));
});
