/** The JSON of a webhook's body: UTF-8 checked, nesting bounded before it is parsed. */
import { WireError } from '../../src/otlp/error.ts';
import { boundJson, parseJson } from '../../src/otlp/parse.ts';
import { serverSentEvents } from './sse.ts';

/** Real payloads stay under 40, n8n's executions with documents of databases in them included. */
const MAX_DEPTH = 256;
/** Samples of frameworks have one value in 16 to 350 characters; of the longest, 3,646. Beyond this a body is made to cost. */
const MAX_VALUES = 2_000_000;
/** Samples have up to 75. An object of more names than this is slow to make and to read. */
const MAX_MEMBERS = 10_000;

const JSON_TYPE = /^application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)$/;
const LINES = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/x-jsonlines']);

const STREAM = 'text/event-stream';

export const mediaTypes = ['application/json', 'application/x-ndjson', STREAM];

export type Shape = 'document' | 'lines' | 'stream';

/** `undefined` if the media type is none that is read. */
export function shapeOf(mediaType: string | undefined): Shape | undefined {
  if (mediaType === undefined) return undefined;
  if (mediaType === STREAM) return 'stream';
  return JSON_TYPE.test(mediaType) ? 'document' : LINES.has(mediaType) ? 'lines' : undefined;
}

/** JSON lines become the list of their values, an event stream that of its events. Throws `WireError` that quotes nothing. */
export function readPayload(bytes: Uint8Array, shape: Shape): unknown {
  const text = decode(bytes);
  boundJson(text, { depth: MAX_DEPTH, values: MAX_VALUES, members: MAX_MEMBERS });
  if (shape === 'document') return parseJson(text);
  if (shape === 'stream') return serverSentEvents(text);
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      return [parseJson(line)];
    } catch (error) {
      throw new WireError(`line ${i + 1}: ${(error as Error).message}`);
    }
  });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new WireError('not UTF-8');
  }
}
