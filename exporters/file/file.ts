/** Writes requests to a file, JSON lines or length-delimited protobuf, that the `file` receiver and `replay` read. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { count, MIB } from '../../config/units.ts';
import { type Batch, bodyOf, type Signal } from '../../src/batch/batch.ts';
import { Account } from '../../src/component/account.ts';
import {
  type Component,
  type Consumer,
  type ExporterFactory,
  type Host,
  Permanent,
  Refused,
} from '../../src/component/component.ts';
import { messageOf } from '../../src/component/delivery.ts';
import { protobufToJson } from '../../src/otlp/json.ts';
import { FileLog } from './log.ts';

const options = z
  .strictObject({
    path: z.string().min(1),
    format: z.enum(['json', 'proto']).default('json').describe('proto: each request after its length in 4 bytes, big endian.'),
    append: z.boolean().default(false).describe('Keep what the file holds; otherwise it is emptied at start.'),
    create_directory: z.boolean().default(false),
    compression: z.enum(['none', 'gzip', '']).default('none').describe('gzip: one member a write; any gunzip reads the whole.'),
    rotation: z
      .strictObject({
        max_megabytes: count(100, { min: 1 }),
        max_backups: count(100).describe('0 = keep all.'),
      })
      .optional(),
  })
  .superRefine((value, ctx) => {
    if (value.rotation !== undefined && value.append) wrong(ctx, 'both append and rotation are set. Keep one.', '', ['append']);
  });
type Options = z.output<typeof options>;

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'file',
  stability: 'beta',
  summary: 'Writes requests to a file as JSON lines or length-delimited protobuf.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (id, value) => new FileExporter(id, value),
};

/** When the disk may have room again: what a sender is told after a write failed. */
const RETRY_MS = 5_000;

class FileExporter implements Component, Consumer {
  private readonly id: string;
  private readonly options: Options;
  private readonly accounts = new Map<Signal, Account>();
  private host: Host | undefined;
  private log: FileLog | undefined;
  private stopped: Promise<void> | undefined;
  private failing = false;

  constructor(id: string, value: Options) {
    this.id = id;
    this.options = value;
  }

  async start(host: Host): Promise<void> {
    const { path, append, create_directory, compression, rotation } = this.options;
    this.host = host;
    this.log = await FileLog.open({
      path,
      append,
      createDirectory: create_directory,
      gzip: compression === 'gzip',
      maxBytes: rotation === undefined ? 0 : rotation.max_megabytes * MIB,
      maxBackups: rotation?.max_backups ?? 0,
      now: () => host.clock.now(),
    });
    host.status({ state: 'ok' });
  }

  async consume(batch: Batch): Promise<void> {
    const { host, log } = this;
    if (host === undefined || log === undefined || this.stopped !== undefined) {
      throw new Refused('shutdown', 'the exporter is not running', 1_000);
    }
    const { signal, items } = batch;
    let account = this.accounts.get(signal);
    if (account === undefined) {
      account = new Account(host.ledger.exporter(this.id), signal);
      this.accounts.set(signal, account);
    }
    account.started(batch);
    let record: readonly Uint8Array[];
    try {
      record = this.options.format === 'json' ? [jsonLine(batch)] : [lengthOf(batch), ...batch.chunks];
    } catch (cause) {
      account.dropped(items, 'permanent');
      throw new Permanent(`cannot be written: ${messageOf(cause)}`, 3, { cause });
    }
    try {
      await log.write(record);
    } catch (cause) {
      account.dropped(items, 'write_failed');
      this.report(host, messageOf(cause));
      throw new Refused('write_failed', `cannot write ${this.options.path}: ${messageOf(cause)}`, RETRY_MS, { cause });
    }
    account.sent(items);
    this.report(host, undefined);
  }

  shutdown(_signal: AbortSignal): Promise<void> {
    this.stopped ??= this.log?.close() ?? Promise.resolve();
    return this.stopped;
  }

  private report(host: Host, problem: string | undefined): void {
    if (this.failing === (problem !== undefined)) return;
    this.failing = problem !== undefined;
    host.status(problem === undefined ? { state: 'ok' } : { state: 'failing', reason: problem });
  }
}

function jsonLine(batch: Batch): Buffer {
  return Buffer.from(`${protobufToJson(batch.signal, bodyOf(batch))}\n`);
}

function lengthOf(batch: Batch): Buffer {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(batch.bytes);
  return head;
}
