/**
 * `detect` on a real storage, before an exporter's queue on the same one. A kill is a copy of the directory: what is not in it
 * when the turn is over is lost.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { retryOnFailure, sendingQueue } from '../../../config/queue.ts';
import type { Batch } from '../../../src/batch/batch.ts';
import { createBudget } from '../../../src/component/budget.ts';
import type { Component, Consumer } from '../../../src/component/component.ts';
import { createSender } from '../../../src/component/sender.ts';
import { type TestHost, testHost, until } from '../../../src/component/testing.ts';
import type { ShippedDetector } from '../../../src/detector/options.ts';
import { protobufToDocument } from '../../../src/otlp/json.ts';
import { writeTraces } from '../../../src/otlp/write.ts';
import { openStorage, type Storage } from '../../../src/storage/storage.ts';
import { detectFactory } from '../detect.ts';
import { counts } from './counts.ts';

const T0 = 1_790_000_000_000;
export const signal = new AbortController().signal;
let root = '';
let place = 0;
export const open: { stop(): Promise<void> }[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'misstep-detect-'));
  place = 0;
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
  rmSync(root, { recursive: true, force: true });
});

export function call(session: string, n: number, tool = 'ls'): Batch {
  const id = n.toString(16).padStart(16, '0');
  const body = writeTraces([
    {
      resource: { 'service.name': 'shop' },
      scope: { name: 'app', version: '' },
      spans: [
        {
          traceId: Buffer.from(session.padEnd(16)).toString('hex'),
          spanId: id,
          parentId: '',
          name: `execute_tool ${tool}`,
          kind: 1,
          startNs: BigInt(T0 + n) * 1_000_000n,
          endNs: BigInt(T0 + n + 1) * 1_000_000n,
          attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool, 'gen_ai.conversation.id': session },
          events: [],
          links: [],
        },
      ],
    },
  ]);
  return { signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant: 'default' };
}

type Attributes = readonly {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}[];

/** `<id of the finding> <revision> <event or carrier>` of all that is in a batch. */
export function findingsOf(batch: Batch): string[] {
  const document = protobufToDocument('traces', Buffer.concat(batch.chunks)) as {
    readonly resourceSpans: readonly {
      readonly scopeSpans: readonly {
        readonly spans: readonly {
          readonly name: string;
          readonly attributes?: Attributes;
          readonly events?: readonly { readonly attributes: Attributes }[];
        }[];
      }[];
    }[];
  };
  const read = (attributes: Attributes | undefined, way: string): string[] => {
    const of = (key: string) => attributes?.find((one) => one.key === `misstep.detection.${key}`)?.value;
    const id = of('id')?.stringValue;
    return id === undefined ? [] : [`${id} ${of('revision')?.intValue} ${way}`];
  };
  const spans = document.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return spans.flatMap(({ name, attributes, events = [] }) => {
    const way = name.startsWith('evaluate ') ? 'carrier' : 'event';
    return events.length > 0 ? events.flatMap((event) => read(event.attributes, way)) : read(attributes, way);
  });
}

export interface Running {
  readonly detect: Component & Consumer;
  readonly host: TestHost;
  readonly storage: Storage;
  readonly got: Batch[];
  readonly backend: { away: boolean };
  readonly stop: () => Promise<void>;
}

/** A process: its storage in `directory`, an exporter that keeps its queue there (or another consumer), and `detect`. */
export async function start(
  directory: string,
  options: object = {},
  next?: Consumer,
  shipped: readonly ShippedDetector[] = [{ detector: counts }],
  workerEntry = new URL('./counts-worker.mjs', import.meta.url),
  judge?: Component,
): Promise<Running> {
  const quiet = { damaged() {}, missing() {}, failed() {}, working() {} };
  const storage = await openStorage(
    { directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 1 << 20, maxBytes: 1 << 26 },
    quiet,
  );
  const backend = { away: false };
  const got: Batch[] = [];
  const extension = { start: async () => {}, shutdown: async () => {}, storage };
  const host = {
    ...testHost({ now: () => T0, monotonic: () => performance.now() }),
    extension: (id: string) => (id === 'judge' ? judge : extension),
  } as TestHost;
  const queue = {
    sending_queue: sendingQueue().parse({ storage: 'file_storage' }),
    retry_on_failure: retryOnFailure().parse({ initial_interval: '5ms', max_interval: '5ms' }),
  };
  const exporter = createSender('otlp_http', queue, { budget: createBudget(1e9) }, () => ({
    request: (batch) => async () => {
      if (backend.away) return { kind: 'retry', message: 'away', retryAfterMs: 0 };
      got.push(batch);
      return { kind: 'sent', rejected: 0, message: '' };
    },
    close() {},
  }));
  await exporter.start(host);
  const factory = detectFactory(shipped, undefined, workerEntry);
  const parsed = factory.options.parse({ storage: 'file_storage', ...options });
  const detect = factory.create({ id: 'detect', signal: 'traces', pipeline: 'traces' }, parsed, next ?? exporter);
  await detect.start(host);
  const stop = async (): Promise<void> => {
    await detect.shutdown(signal);
    await exporter.shutdown(AbortSignal.timeout(1_000));
    await storage.close();
  };
  open.push({ stop });
  return { detect, host, storage, got, backend, stop };
}

/** The exporter has sent everything, so that nothing of it is sent again. */
export async function sent({ storage }: Running): Promise<void> {
  await until(() => [...storage.stream('exporter otlp_http traces').entries()].length === 0);
}

/** The directory as a kill would leave it. */
export function killed(): string {
  const from = join(root, String(place));
  const to = join(root, String(++place));
  cpSync(from, to, { recursive: true, filter: (file) => !file.endsWith('lock') });
  return to;
}

export const here = () => join(root, String(place));
