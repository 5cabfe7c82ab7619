/**
 * Analyses on request, each in a thread that ends with it: a payload that takes long, or all memory, stops nothing but itself. Spans are
 * forwarded meanwhile as ever.
 */
import { Worker } from 'node:worker_threads';
import type { Analysis } from '../extensions/api/api.ts';
import type { Analysed } from '../extensions/api/mcp/tool.ts';
import { Problem } from '../extensions/api/problem.ts';
import { formats } from './formats.ts';

export interface AnalysisQuestion {
  readonly payload: unknown;
  readonly format: string;
}
export type AnalysisAnswer = { readonly value: Analysed } | { readonly error: string };

/** A body of 4 MB took 4 to 6 s on two cores under a load of 17; clients give up after a minute. */
const DEADLINE_MS = 30_000;
/** Each takes a core. */
const MOST_AT_ONCE = 2;
/** 4 MB of JSON become some 100 MB of steps. */
const HEAP_MB = 512;

const shipped = new URL(import.meta.url.endsWith('.ts') ? './analyse-worker.ts' : './analyse-worker.js', import.meta.url);

/** The module of the thread in which the routes analyse. */
export const analyser = new URL(
  import.meta.url.endsWith('.ts') ? './analysis-worker.ts' : './analysis-worker.js',
  import.meta.url,
);

/** `entry` is the thread's module, which tests name otherwise. */
export function analysisIn(entry: URL = shipped, deadlineMs = DEADLINE_MS): Analysis {
  let running = 0;
  return {
    formats: Object.keys(formats) as [string, ...string[]],
    async analyse(payload, format, signal) {
      signal.throwIfAborted();
      if (running >= MOST_AT_ONCE) {
        throw new Problem(503, 'too-many-at-once', `${MOST_AT_ONCE} analyses are running. Come back in some seconds.`);
      }
      running++;
      const worker = new Worker(entry, {
        workerData: { payload, format } satisfies AnalysisQuestion,
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      });
      const ends = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
      try {
        const answer = await new Promise<AnalysisAnswer>((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
          worker.once('exit', () => reject(new Error('the thread of an analysis ended without an answer')));
          ends.addEventListener('abort', () => reject(ends.reason), { once: true });
        });
        if ('error' in answer) throw new Problem(422, 'not-analysed', `The payload cannot be read. ${answer.error}`);
        return answer.value;
      } catch (error) {
        if (error instanceof Problem || signal.aborted) throw error;
        if (ends.aborted)
          throw new Problem(422, 'too-long', `The analysis took longer than ${deadlineMs / 1000} s. Give a part of the run.`);
        if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
          throw new Problem(422, 'too-large', `The analysis needs more than ${HEAP_MB} MB. Give a part of the run.`);
        }
        throw error;
      } finally {
        running--;
        await worker.terminate();
      }
    },
  };
}
