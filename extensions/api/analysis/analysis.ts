/**
 * Runs that are looked at because somebody asks, for the routes and for MCP, one after the other in a thread of their own: the path of the
 * spans never waits for one. The thread is started when it is first asked, and ended when nobody has asked for a while. One that takes too
 * long, or all memory, or that nobody waits for any more, ends with its thread; the next has another.
 */
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { DetectionRow } from '../../../src/component/records.ts';
import type { Analysed as Explained } from '../mcp/tool.ts';
import { Problem } from '../problem.ts';
import { announcedOf } from '../said.ts';
import type { Analysed, Answer, Ask, Subject } from './protocol.ts';

/** Who comes later is told to come back. */
const MOST_WAITING = 16;
/** 5,000 steps take about a second; 4 MB of JSON took 4 to 6 s on two cores under a load of 17. Clients give up after a minute. */
const TIMEOUT_MS = 30_000;
const IDLE_MS = 120_000;
/** 4 MB of JSON become some 100 MB of steps. */
const MOST_HEAP_MB = 512;

export interface Analysis extends Omit<Analysed, 'detections'> {
  readonly detections: readonly DetectionRow[];
}

interface Job {
  readonly ask: Ask;
  readonly resolve: (value: Analysed | Explained) => void;
  readonly reject: (error: unknown) => void;
}

export class Analyses {
  private readonly entry: URL;
  private readonly timeoutMs: number;
  private readonly waiting: Job[] = [];
  private running: Job | undefined;
  /** The thread is being ended: what comes waits for the next. */
  private ending = false;
  /** Why what is under way has no answer. */
  private reason: unknown;
  private worker: Worker | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(entry: URL, timeoutMs = TIMEOUT_MS) {
    this.entry = entry;
    this.timeoutMs = timeoutMs;
  }

  /** Rejects with a `Problem`. */
  async of(tenant: string, subject: Subject): Promise<Analysis> {
    return shown((await this.put({ ...subject, tenant })) as Analysed);
  }

  /** Rejects with a `Problem`, or the reason of `signal`. */
  async explain(payload: unknown, format: string, signal: AbortSignal): Promise<Explained> {
    return (await this.put({ kind: 'explained', payload, format }, signal)) as Explained;
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.worker?.terminate();
  }

  private async put(ask: Ask, signal?: AbortSignal): Promise<Analysed | Explained> {
    signal?.throwIfAborted();
    if (this.waiting.length + (this.running === undefined ? 0 : 1) >= MOST_WAITING) {
      const again = { headers: { 'retry-after': '5' } };
      throw new Problem(503, 'busy', `${MOST_WAITING} analyses wait. Come back later.`, again);
    }
    let leave = (): void => undefined;
    const answered = new Promise<Analysed | Explained>((resolve, reject) => {
      const job: Job = { ask, resolve, reject };
      leave = () => {
        const at = this.waiting.indexOf(job);
        if (at >= 0) this.waiting.splice(at, 1);
        else if (this.running === job) this.stop(signal?.reason);
        reject(signal?.reason);
      };
      this.waiting.push(job);
    });
    signal?.addEventListener('abort', leave, { once: true });
    if (this.running === undefined && !this.ending) this.next();
    return answered.finally(() => signal?.removeEventListener('abort', leave));
  }

  private next(): void {
    clearTimeout(this.timer);
    const job = this.waiting.shift();
    if (job === undefined) {
      this.timer = setTimeout(() => this.stop(undefined), IDLE_MS);
      this.timer.unref();
      return;
    }
    this.running = job;
    this.worker ??= this.launch();
    const late = `The analysis took longer than ${this.timeoutMs / 1_000} s. Give a part of the run.`;
    this.timer = setTimeout(() => this.stop(new Problem(422, 'too-long', late)), this.timeoutMs);
    this.timer.unref();
    this.worker.postMessage(job.ask);
  }

  private stop(reason: unknown): void {
    if (this.worker === undefined) return;
    this.ending = true;
    this.reason = reason;
    void this.worker.terminate();
  }

  private launch(): Worker {
    const worker = new Worker(this.entry, { resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MB } });
    worker.on('message', (answer: Answer) => {
      const job = this.running;
      this.running = undefined;
      if ('value' in answer) job?.resolve(answer.value);
      else if (answer.mine) job?.reject(new Problem(422, 'not-readable', answer.error.slice(0, 1_000)));
      else job?.reject(new Error(answer.error));
      if (!this.ending) this.next();
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const detail = `The analysis needs more than ${MOST_HEAP_MB} MB. Give a part of the run.`;
      this.reason ??= error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new Problem(422, 'too-large', detail) : error;
    });
    worker.on('exit', () => {
      clearTimeout(this.timer);
      this.worker = undefined;
      this.ending = false;
      this.running?.reject(this.reason ?? new Error('the thread of an analysis ended without an answer'));
      this.running = undefined;
      this.reason = undefined;
      if (this.waiting.length > 0) this.next();
    });
    worker.unref();
    return worker;
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
