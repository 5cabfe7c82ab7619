/**
 * The recorded dialects against their counted expectations. The recordings are not part of the
 * repository: they stand beside it. Where they are missing, CI fails and other runs name the skip.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentToProtobuf } from '../otlp/json.ts';
import { ascending, type Document, descending, encode, type Shape, seeded } from '../otlp/testing/encode.ts';
import type { StepRecord } from './record.ts';
import { inEndOrder, recordsOf, shuffled, type TracesDocument, whole } from './testing/requests.ts';

const folder = resolve(import.meta.dirname, '../../../shared/eval/dialects');
const file = resolve(folder, 'EXPECTED.json');
const there = existsSync(file);

interface Expected {
  readonly spans: number;
  readonly traces: number;
  readonly llm_steps: number | null;
  readonly tool_steps: number | null;
  readonly tool_names: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly agents: readonly string[] | null;
}

/** Expectations that are wrong, each explained in docs/normalisation.md. */
const wrong: Readonly<Record<string, readonly (keyof Expected)[]>> = {};

type Write = (request: TracesDocument) => Uint8Array;
const fromJson: Write = (request) => documentToProtobuf('traces', request).body;
const inShape =
  (shape: Shape): Write =>
  (request) =>
    encode('ExportTraceServiceRequest', request as unknown as Document, shape);

/** As SDKs and the Go Collector write fields, and as nobody does but everybody may. */
const ways: readonly [string, (document: TracesDocument) => TracesDocument[], Write][] = [
  ['whole file, from JSON', whole, fromJson],
  ['whole file, fields descending', whole, inShape(descending)],
  ['whole file, fields shuffled and split', whole, inShape({ order: 'shuffled', split: true, padding: 2, random: seeded(3) })],
  ['a span a request in end order, fields ascending', inEndOrder, inShape(ascending)],
  ['a span a request shuffled, from JSON', shuffled, fromJson],
  ['a span a request shuffled, fields descending', shuffled, inShape(descending)],
];

const sorted = (values: Iterable<string>) => [...new Set(values)].sort();
const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);

function count(spans: number, traces: number, records: readonly StepRecord[]): Expected {
  const llm = records.filter((record) => record.step === 'llm' && !record.rollup);
  const tools = records.filter((record) => record.step === 'tool' && !record.rollup);
  return {
    spans,
    traces,
    llm_steps: llm.length,
    tool_steps: tools.length,
    tool_names: sorted(tools.map((record) => record.tool ?? '')),
    models: sorted(llm.flatMap((record) => record.models)),
    input_tokens: sum(llm.map((record) => record.tokens.input)),
    output_tokens: sum(llm.map((record) => record.tokens.output)),
    agents: sorted(records.flatMap((record) => (record.agent === null ? [] : [record.agent]))),
  };
}

/** What the file does not settle is not asked. */
function settled(counted: Expected, expected: Expected, name: string): Partial<Expected> {
  const skip = wrong[name] ?? [];
  return Object.fromEntries(
    Object.entries(expected)
      .filter(([key, value]) => value !== null && key !== 'note' && !skip.includes(key as keyof Expected))
      .map(([key]) => [key, counted[key as keyof Expected]]),
  );
}

describe('recorded dialects', () => {
  if (!there) {
    const name = 'recordings of ../shared/eval/dialects';
    if (process.env['CI']) it(`${name} must be there in CI`, () => expect(there).toBe(true));
    else it.skip(`${name} are not there: skipped`);
    return;
  }
  const expected = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Expected>;
  it('every recording has an expectation', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((one) => /[/\\].+\.json$/.test(one));
    expect(files.map((one) => one.replaceAll('\\', '/')).sort()).toEqual(Object.keys(expected).sort());
  });
  for (const [name, want] of Object.entries(expected)) {
    const document = () => JSON.parse(readFileSync(resolve(folder, name), 'utf8')) as TracesDocument;
    for (const [way, requests, write] of ways) {
      it(`${name}, ${way}`, () => {
        const seen = recordsOf(requests(document()).map(write));
        const counted = count(seen.spans, seen.traces, seen.records);
        expect(settled(counted, want, name)).toEqual(settled(want, want, name));
      });
    }
  }
});
