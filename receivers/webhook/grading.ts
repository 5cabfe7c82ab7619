/**
 * Grades one body after the other, in slices: a session of thousands of steps must not hold up what else comes in. Nothing of it
 * goes through the pipeline.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '../../src/component/component.ts';
import type { ActiveDetector } from '../../src/detector/fold.ts';
import { Player } from '../../src/detector/play.ts';
import { isObject, member } from '../../src/dialects/json.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { redact } from '../../src/text/redact.ts';
import { asked, grade } from './managed-agents/grade.ts';
import { list } from './payload.ts';
import type { TraceDocument } from './run.ts';

/** Spans of a slice: about 25 ms of detectors where every step has 4 KB of new text (docs/performance.md). */
const SLICE = 100;
/** Bodies that wait while one is graded. */
const MAX_WAITING = 16;

export class Grading {
  readonly #detectors: readonly ActiveDetector[];
  readonly #logger: Logger;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(detectors: readonly ActiveDetector[], logger: Logger) {
    this.#detectors = detectors;
    this.#logger = logger;
  }

  get full(): boolean {
    return this.#waiting > MAX_WAITING;
  }

  /** Throws `PayloadError` at once if the body is not what it should be. `done` settles with the answer, or rejects for a fault of misstep. */
  begin(payload: unknown, documents: readonly TraceDocument[]): { readonly done: Promise<object> } {
    const question = asked(payload);
    this.#waiting++;
    const done = this.#last.then(async () => grade(question, await this.#play(documents)));
    this.#last = done.catch(() => undefined).finally(() => this.#waiting--);
    return { done };
  }

  async #play(documents: readonly TraceDocument[]) {
    const player = new Player(this.#detectors);
    for (const slice of slices(documents)) {
      player.play(documentToProtobuf('traces', slice).body);
      await turn();
    }
    const played = player.end();
    for (const problem of played.problems)
      this.#logger.log('error', 'A detector failed on a session.', { problem: redact(problem) });
    return played;
  }
}

function* slices(documents: readonly TraceDocument[]): Generator<object> {
  for (const resource of documents.flatMap(({ resourceSpans }) => resourceSpans)) {
    for (const scope of list(member(resource, 'scopeSpans'))) {
      const spans = list(member(scope, 'spans'));
      if (!isObject(resource) || !isObject(scope)) continue;
      for (let from = 0; from < spans.length; from += SLICE)
        yield { resourceSpans: [{ ...resource, scopeSpans: [{ ...scope, spans: spans.slice(from, from + SLICE) }] }] };
    }
  }
}
