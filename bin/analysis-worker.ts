/** What the analysis of the API runs: the same detectors as the pipeline, and the formats that `replay` reads. */
import { readFileSync } from 'node:fs';
import { serve } from '../extensions/api/analysis/worker.ts';
import { analysePayload } from './analyse.ts';
import { shippedDetectors } from './detectors.ts';
import { documents, tell } from './formats.ts';
import { embeddingTable, version } from './shipped.ts';

/** In the tree and in dist alike the recording stands one floor up from here. */
const RECORDING = new URL('../examples/demo/recording.json', import.meta.url);

interface Recorded {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}
interface Recording {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Recorded[] }[] }[];
}

/** The recording of `misstep demo`, moved so that it ends at `endMs`. */
function demo(endMs: number): unknown {
  const recording = JSON.parse(readFileSync(RECORDING, 'utf8')) as Recording;
  const spans = recording.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans));
  const last = spans.reduce((max, { endTimeUnixNano }) => (BigInt(endTimeUnixNano) > max ? BigInt(endTimeUnixNano) : max), 0n);
  const shift = BigInt(endMs) * 1_000_000n - last;
  const moved = (text: string) => String(BigInt(text) + shift);
  return {
    ...recording,
    resourceSpans: recording.resourceSpans.map((resource) => ({
      ...resource,
      scopeSpans: resource.scopeSpans.map((scope) => ({
        ...scope,
        spans: scope.spans.map((span) => ({
          ...span,
          startTimeUnixNano: moved(span.startTimeUnixNano),
          endTimeUnixNano: moved(span.endTimeUnixNano),
        })),
      })),
    })),
  };
}

serve({
  detectors: shippedDetectors,
  embedding: embeddingTable,
  documents(payload) {
    const { format } = tell(payload);
    return { format, documents: documents(format, payload) };
  },
  demo,
  version: version(),
  explain: analysePayload,
});
