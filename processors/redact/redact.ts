/**
 * Masks secrets and personal data in what passes through: attributes of resources, scopes, spans, events, links, log records and data
 * points, messages of statuses, bodies of log records. Values are looked at as bytes; spans in which nothing is found pass byte for byte.
 *
 * Before `detect` the detectors see masks, and findings about what was masked are not made; behind it they see everything, and what they
 * write of it is clean by itself (`src/detector/clean.ts`).
 */
import { type Batch, bodyOf } from '../../src/batch/batch.ts';
import {
  type Component,
  type Consumer,
  type Counter,
  Permanent,
  type ProcessorFactory,
  type Settings,
} from '../../src/component/component.ts';
import { requestEditor } from '../../src/otlp/edit.ts';
import { WireError } from '../../src/otlp/error.ts';
import type { Piece } from '../../src/otlp/piece.ts';
import { options, type RedactOptions } from './options.ts';
import { Redaction } from './redaction.ts';

export const factory: ProcessorFactory<typeof options> = {
  kind: 'processor',
  type: 'redact',
  stability: 'beta',
  summary: 'Masks secrets and personal data, also within JSON.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: createRedact,
};

function createRedact(settings: Settings, value: RedactOptions, next: Consumer): Component & Consumer {
  const redaction = new Redaction(value);
  const request = requestEditor(settings.signal, redaction);
  let masked: Counter | undefined;
  let removed: Counter | undefined;
  let overlong: Counter | undefined;

  function count(): void {
    const done = redaction.counted();
    masked?.add(done.masked);
    removed?.add(done.removed);
    overlong?.add(done.overlong);
  }

  return {
    async start(host) {
      const labels = { processor: settings.id };
      masked = host.meter.counter('misstep_redact_masked_values', labels, 'Values in which something was masked.');
      removed = host.meter.counter('misstep_redact_removed_attributes', labels, 'Attributes that allowed_keys does not name.');
      overlong = host.meter.counter('misstep_redact_overlong', labels, 'Texts masked whole: to search them would take too long.');
      host.status({ state: 'ok' });
    },
    async shutdown() {},
    consume(batch: Batch) {
      const body = bodyOf(batch);
      const buffer = Buffer.from(body.buffer, body.byteOffset, body.length);
      let piece: Piece | null | undefined;
      try {
        piece = request(buffer, 0, buffer.length);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        // What cannot be read cannot be cleaned.
        return Promise.reject(new Permanent(`redact: ${error.message}`, 3, { cause: error }));
      } finally {
        count();
      }
      if (!piece) return next.consume(batch);
      piece.flush();
      const { index: _stale, ...rest } = batch;
      return next.consume({ ...rest, chunks: piece.chunks, bytes: piece.length });
    },
  };
}
