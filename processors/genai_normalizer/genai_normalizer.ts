/**
 * Writes the attributes of the current GenAI conventions on spans of agents that speak another dialect, for backends that know only
 * these. What is there is never changed; with `drop_original` what says nothing beyond them is taken away. Spans of others pass byte for byte.
 */
import { z } from 'zod';
import { type Batch, bodyOf } from '../../src/batch/batch.ts';
import {
  type Component,
  type Consumer,
  type Counter,
  Permanent,
  type ProcessorFactory,
  type Settings,
} from '../../src/component/component.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { isAgentSpan, normalise } from '../../src/dialects/normalise.ts';
import { keyOf } from '../../src/otlp/anyvalue.ts';
import { type Editor, edit } from '../../src/otlp/edit.ts';
import { WireError } from '../../src/otlp/error.ts';
import { Piece } from '../../src/otlp/piece.ts';
import { type SpanReader, spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { writeSpanAttribute } from '../../src/otlp/write.ts';
import { currentOf, represented } from './current.ts';

const options = z.strictObject({
  drop_original: z
    .boolean()
    .default(false)
    .describe('Take away attributes of other dialects whose every text and number stands in a current one; all others stay.'),
  content: z.boolean().default(true).describe('Write messages, arguments, results, definitions and documents too.'),
  max_content_bytes: z
    .int()
    .min(0)
    .default(1_048_576)
    .describe(
      'A content that is longer stays in its own dialect only. The default is a quarter of what gRPC takes as a message.',
    ),
});

type Options = z.output<typeof options>;

export const factory: ProcessorFactory<typeof options> = {
  kind: 'processor',
  type: 'genai_normalizer',
  stability: 'beta',
  summary: 'Writes the current GenAI attributes on spans of other dialects.',
  signals: ['traces'],
  options,
  create: createNormalizer,
};

interface Change {
  readonly append: readonly Uint8Array[];
  readonly drop: ReadonlySet<string>;
}

function createNormalizer(settings: Settings, value: Options, next: Consumer): Component & Consumer {
  const reader = spanReader();
  const limits = { content: value.content, contentBytes: value.max_content_bytes };
  let normalised: Counter | undefined;
  let left: Counter | undefined;
  let dropped: Counter | undefined;

  /** `undefined`: the span stays as it is. */
  function changeOf(one: SpanReader): Change | undefined {
    if (!isAgentSpan(one)) return undefined;
    const step = normalise(one, 'default');
    // What nobody knows the kind of could become another one by what is written on it.
    if (step === undefined || step.kind === 'other') return undefined;
    const own = one.attributes();
    const namespace = one.resource().get('service.namespace');
    const current = currentOf(step, typeof namespace === 'string' ? namespace : undefined, limits);
    left?.add(current.left);
    const append: Uint8Array[] = [];
    for (const [key, said] of current.attributes) if (!own.has(key)) append.push(writeSpanAttribute(key, said));
    const drop = value.drop_original ? represented(own, current.attributes) : NONE;
    dropped?.add(drop.size);
    return append.length === 0 && drop.size === 0 ? undefined : { append, drop };
  }

  function rewritten(body: Buffer): Piece | undefined {
    const index = walkTraces(body, dialectKeys);
    const changes = new Map<number, Change>();
    for (let row = 0; row < index.spanCount; row++) {
      const change = changeOf(reader.at(index, row));
      if (change) changes.set(row, change);
    }
    if (changes.size === 0) return undefined;
    normalised?.add(changes.size);
    let row = 0;
    // The walk counts spans in the order of the wire, as this does.
    const span: Editor = (bytes, from, end) => {
      const change = changes.get(row++);
      return change && changed(bytes, from, end, change);
    };
    const scopes: Editor = (bytes, from, end) => edit(bytes, from, end, { 18: span });
    const resources: Editor = (bytes, from, end) => edit(bytes, from, end, { 18: scopes });
    return edit(body, 0, body.length, { 10: resources });
  }

  return {
    async start(host) {
      const labels = { processor: settings.id };
      normalised = host.meter.counter('misstep_genai_normalizer_spans', labels, 'Spans that were changed.');
      left = host.meter.counter(
        'misstep_genai_normalizer_content_left',
        labels,
        'Contents left in their dialect: too long, or cut.',
      );
      dropped = host.meter.counter(
        'misstep_genai_normalizer_dropped_attributes',
        labels,
        'Attributes that a current one represents.',
      );
      host.status({ state: 'ok' });
    },
    async shutdown() {},
    consume(batch: Batch) {
      const body = bodyOf(batch);
      let piece: Piece | undefined;
      try {
        piece = rewritten(Buffer.from(body.buffer, body.byteOffset, body.length));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        return Promise.reject(new Permanent(`genai_normalizer: ${error.message}`, 3, { cause: error }));
      }
      if (piece === undefined) return next.consume(batch);
      piece.flush();
      const { index: _stale, ...rest } = batch;
      return next.consume({ ...rest, chunks: piece.chunks, bytes: piece.length });
    },
  };
}

const NONE: ReadonlySet<string> = new Set();

function changed(body: Buffer, from: number, end: number, { append, drop }: Change): Piece {
  const attribute: Editor = (bytes, start, stop) => (drop.has(keyOf(bytes, start, stop).key) ? null : undefined);
  const edited = drop.size > 0 ? edit(body, from, end, { 74: attribute }) : undefined;
  const out = edited ?? new Piece(body);
  if (!edited) out.add(from, end);
  for (const bytes of append) out.addBytes(bytes);
  return out;
}
