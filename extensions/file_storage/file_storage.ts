/**
 * A directory in which queues and windows outlive the process. The Collector's keys; what is written is misstep's own
 * format (`src/storage`).
 */
import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { unavailable, wrong } from '../../config/kind.ts';
import { count, duration, MIB } from '../../config/units.ts';
import type { ExtensionFactory, Host } from '../../src/component/component.ts';
import type { StorageExtension } from '../../src/component/stored.ts';
import { openStorage, type Storage } from '../../src/storage/storage.ts';

/** 2 GiB: ten minutes of 3 MB/s, and what the root disk of a small node has to spare. */
const MAX_BYTES = 2_048 * MIB;
/** Small enough that a drained queue gives its room back soon, large enough that a file lasts seconds. */
const SEGMENT_BYTES = 16 * MIB;

const options = z
  .strictObject({
    directory: z.string().min(1).default('/var/lib/otelcol/file_storage').describe('Used by one process at a time.'),
    create_directory: z.boolean().default(false),
    fsync: z.boolean().optional().describe("The Collector's switch: true is `sync: commit`, false `sync: interval`."),
    sync: z
      .enum(['none', 'interval', 'commit'])
      .optional()
      .describe(
        'When what is written must be on the disk: `commit` before it is acknowledged, `interval` every sync_interval, `none` when the system likes. All three outlive kill -9, only `commit` a power cut without loss. Default: interval.',
      ),
    sync_interval: duration('200ms', { min: '1ms' }),
    max_bytes: count(MAX_BYTES, { min: MIB }).describe(
      'All files together; beyond it requests are refused before they are acknowledged.',
    ),
    timeout: duration('1s').describe('Accepted for the sake of a Collector configuration; nothing here waits for a lock.'),
    compaction: unavailable('Remove it: files are removed as soon as nothing in them is needed.'),
  })
  .superRefine((value, ctx) => {
    if (value.fsync !== undefined && value.sync !== undefined)
      wrong(ctx, `${value.fsync}, beside sync: ${value.sync}`, 'Write one of the two.', ['fsync']);
  });

type Options = z.output<typeof options>;

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'file_storage',
  stability: 'alpha',
  summary: 'A directory in which queues and windows outlive the process.',
  options,
  create: (id, value) => new FileStorage(id, value),
};

class FileStorage implements StorageExtension {
  private readonly id: string;
  private readonly options: Options;
  private opened: Storage | undefined;

  constructor(id: string, options: Options) {
    this.id = id;
    this.options = options;
  }

  get storage(): Storage {
    if (this.opened === undefined) throw new Error(`storage: '${this.id}' does not run.`);
    return this.opened;
  }

  async start(host: Host): Promise<void> {
    const { directory, create_directory, fsync, sync, sync_interval, max_bytes } = this.options;
    if (!create_directory) await mustExist(directory);
    const labels = { extension: this.id };
    const { logger, meter } = host;
    const damaged = meter.counter('misstep_storage_damaged_records', labels, 'Damaged places that were skipped.');
    const torn = meter.counter(
      'misstep_storage_torn_writes',
      labels,
      'Writes that a crash cut short; nothing of them was acknowledged.',
    );
    const missing = meter.counter('misstep_storage_missing_records', labels, 'Records that are missing by their numbers.');
    const failed = meter.counter('misstep_storage_failures', labels, 'Times that writing began to fail.');
    const opened = await openStorage(
      {
        directory,
        sync: sync ?? (fsync === true ? 'commit' : 'interval'),
        syncIntervalMs: sync_interval,
        segmentBytes: Math.min(SEGMENT_BYTES, Math.ceil(max_bytes / 16)),
        maxBytes: max_bytes,
      },
      {
        damaged: ({ file, offset, bytes, torn: cut }) => {
          (cut ? torn : damaged).add(1);
          const what = cut ? 'The last write was cut short; it was not acknowledged.' : 'A damaged place is skipped.';
          logger.log(cut ? 'info' : 'error', what, { file, offset, bytes });
        },
        missing: (records) => {
          missing.add(records);
          logger.log('error', 'Records are missing in the storage.', { records, directory });
        },
        failed: (error) => {
          failed.add(1);
          host.status({ state: 'failing', reason: `cannot write to ${directory}: ${error.message}` });
        },
        working: () => host.status({ state: 'ok' }),
      },
    );
    this.opened = opened;
    host.provide('storage', () => ({ bytes: opened.bytes, live_bytes: opened.liveBytes, limit_bytes: opened.maxBytes }));
    meter.observe('misstep_storage_bytes', labels, () => opened.bytes, 'Bytes of all files.');
    meter.observe('misstep_storage_live_bytes', labels, () => opened.liveBytes, 'Bytes of records that are needed.');
    meter.observe('misstep_storage_bytes_limit', labels, () => opened.maxBytes, 'Bytes that all files together may have.');
    meter.observe(
      'misstep_storage_unclaimed_bytes',
      labels,
      () => opened.unclaimed,
      'Bytes of records that no component asked for.',
    );
    host.status({ state: 'ok' });
  }

  async shutdown(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.close();
  }
}

async function mustExist(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new Error(`directory ${directory} does not exist. Make it, or write create_directory: true.`);
}
