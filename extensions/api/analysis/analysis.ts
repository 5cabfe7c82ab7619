/**
 * Runs that are looked at because somebody asks, in a thread of their own: the path of the spans never waits for one. The thread is
 * started when it is first asked, and ended when nobody has asked for a while.
 */
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { DetectionRow } from '../../../src/component/records.ts';
import { Problem } from '../problem.ts';
import { announcedOf } from '../said.ts';
import type { Analysed, Answer, Subject } from './protocol.ts';

/** One after the other; who comes later is told to come back. */
const MOST_WAITING = 16;
/** 5,000 steps take about a second. */
const TIMEOUT_MS = 30_000;
const IDLE_MS = 120_000;
const MOST_HEAP_MB = 512;

export interface Analysis extends Omit<Analysed, 'detections'> {
  readonly detections: readonly DetectionRow[];
}

interface Waiting {
  readonly resolve: (value: Analysis) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Analyses {
  private readonly entry: URL;
  private readonly waiting = new Map<number, Waiting>();
  private worker: Worker | undefined;
  private idle: NodeJS.Timeout | undefined;
  private nextId = 1;

  constructor(entry: URL) {
    this.entry = entry;
  }

  /** Rejects with a `Problem`. */
  of(tenant: string, subject: Subject): Promise<Analysis> {
    if (this.waiting.size >= MOST_WAITING) {
      const again = { headers: { 'retry-after': '5' } };
      return Promise.reject(new Problem(503, 'busy', `${MOST_WAITING} analyses wait. Come back later.`, again));
    }
    clearTimeout(this.idle);
    const worker = this.worker ?? this.launch();
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => void worker.terminate(), TIMEOUT_MS);
      timer.unref();
      this.waiting.set(id, { resolve, reject, timer });
      worker.postMessage({ ...subject, tenant, id });
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.idle);
    await this.worker?.terminate();
  }

  private launch(): Worker {
    const worker = new Worker(this.entry, { resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MB } });
    this.worker = worker;
    worker.on('message', (answer: Answer) => {
      const asked = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      clearTimeout(asked?.timer);
      if (this.waiting.size === 0) this.rest(worker);
      if ('value' in answer) asked?.resolve(shown(answer.value));
      else if (answer.mine) asked?.reject(new Problem(422, 'not-readable', answer.error.slice(0, 1_000)));
      else asked?.reject(new Error(answer.error));
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      const error = new Problem(503, 'analysis-failed', 'The analysis took too long or too much memory, and was ended.');
      for (const { reject, timer } of this.waiting.values()) {
        clearTimeout(timer);
        reject(error);
      }
      this.waiting.clear();
    });
    worker.unref();
    return worker;
  }

  private rest(worker: Worker): void {
    this.idle = setTimeout(() => void worker.terminate(), IDLE_MS);
    this.idle.unref();
  }
}

function shown(value: Analysed): Analysis {
  return { ...value, detections: value.detections.flatMap((one) => announcedOf(one)?.row ?? []) };
}

/** How a reply says it. */
export const analysed = {
  states_analyzed: z.int(),
  detectors_run: z.array(z.string()).describe('Those that could look.'),
  detectors_blind: z
    .array(z.object({ detection_type: z.string(), reason: z.string() }))
    .describe('Those that lack what they need.'),
  detectors_failed: z.array(z.string()),
};

export function wireAnalysis({ steps, looked, blind, errors }: Analysis) {
  return { states_analyzed: steps, detectors_run: [...looked], detectors_blind: [...blind], detectors_failed: [...errors] };
}
