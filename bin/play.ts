/** Recorded payloads through the same operators as live. */
import { detect, minConfidence } from '../receivers/webhook/conversation/shapes.ts';
import type { ActiveDetector } from '../src/detector/fold.ts';
import { type Played, Player } from '../src/detector/play.ts';
import { documentToProtobuf } from '../src/otlp/json.ts';
import { documents, streamOf, streams, tell } from './formats.ts';

/** 1 GiB: a whole recording is in memory while it is played. */
export const MAX_BYTES = 1024 * 1024 * 1024;

export interface PlayedBodies extends Played {
  /** Why the bodies ended before their end; what came before stands above. */
  readonly error: unknown;
}

/** Requests of one recording through a host of its own. */
export async function playBodies(
  bodies: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  detectors: readonly ActiveDetector[],
): Promise<PlayedBodies> {
  const player = new Player(detectors);
  let failed: unknown;
  try {
    for await (const body of bodies) player.play(body);
  } catch (error) {
    failed = error ?? new Error('unknown');
  }
  return { ...player.end(), error: failed };
}

/** A payload as requests; `told` hears what `auto` took it for. */
export function* bodiesOf(payload: unknown, format: string, told: Map<string, string>): Generator<Uint8Array> {
  const seen = format === 'auto' ? tell(payload) : undefined;
  // OTLP is what files hold if nothing is said.
  if (seen !== undefined && seen.format !== 'otlp' && !told.has(seen.format))
    told.set(seen.format, `read as ${seen.format}, confidence ${seen.confidence} (${seen.why})`);
  for (const document of documents(seen?.format ?? format, payload)) yield documentToProtobuf('traces', document).body;
}

/** A list is many payloads, unless its elements are the records of one stream or the turns of one conversation. */
export function payloadsOf(whole: unknown, format: string, stream: boolean): readonly unknown[] {
  if (stream || !Array.isArray(whole) || streams.has(format) || streamOf(whole[0]) !== undefined) return [whole];
  const one = format === 'conversation' || format === 'auto' ? detect(whole).confidence >= minConfidence : false;
  return one ? [whole] : whole;
}
