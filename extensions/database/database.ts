/**
 * Where traces and detections are kept for the API: a SQLite file in a directory, or PostgreSQL for many sidecars. It lives in a thread of
 * its own; when it is slow or away, spans are forwarded as ever.
 */
import { z } from 'zod';
import { count } from '../../config/units.ts';
import type { ExtensionFactory, Host } from '../../src/component/component.ts';
import { type DatabaseExtension, type Records, RecordsError } from '../../src/component/records.ts';
import { Client } from './client.ts';

/** A month: what a review looks back on. */
const MAX_AGE_DAYS = 30;
/** 2 GiB: a month of 40,000 steps a day with their content. */
const MAX_BYTES = 2 * 1024 ** 3;
const DAY_MS = 86_400_000;
const RETAIN_MS = 60_000;

const options = z.strictObject({
  directory: z.string().min(1).default('./misstep-data').describe('Of the SQLite file misstep.db; made if it is not there.'),
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .optional()
    .describe(
      'A PostgreSQL database instead, for several sidecars: postgres://user:password@host/database, the password best from the environment.',
    ),
  content: z
    .boolean()
    .default(true)
    .describe(
      'Keep what steps were given and said, redacted and cut to 8,192 characters. False keeps structure and counts only.',
    ),
  max_age_days: count(MAX_AGE_DAYS, { min: 1, max: 36_500 }).describe(
    'Traces that have not changed for so many days are taken out, with their detections.',
  ),
  max_bytes: count(MAX_BYTES).describe('Of the files; beyond it the oldest traces are taken out. 0: no limit.'),
});
type Options = z.output<typeof options>;

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** `embedding`: the file of the table behind `embed`. `entry` is the worker's module, which tests name otherwise. */
export function databaseFactory(embedding?: URL, entry = WORKER): ExtensionFactory<typeof options> {
  return {
    kind: 'extension',
    type: 'database',
    stability: 'alpha',
    summary: 'Keeps traces and detections for the API, in SQLite or PostgreSQL.',
    options,
    create: (id, value) => new Database(id, value, entry, embedding),
  };
}

class Database implements DatabaseExtension {
  private readonly id: string;
  private readonly options: Options;
  private readonly entry: URL;
  private readonly embedding: URL | undefined;
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(id: string, value: Options, entry: URL, embedding: URL | undefined) {
    this.id = id;
    this.options = value;
    this.entry = entry;
    this.embedding = embedding;
  }

  get records(): Records {
    if (this.client === undefined) throw new RecordsError(`database: '${this.id}' does not run.`);
    return this.client;
  }

  async start(host: Host): Promise<void> {
    const { directory, url, content, max_age_days, max_bytes } = this.options;
    const client = new Client(
      this.entry,
      {
        directory,
        url,
        content,
        maxAgeMs: max_age_days * DAY_MS,
        maxBytes: max_bytes,
        embedding: this.embedding?.href,
      },
      {
        working: () => host.status({ state: 'ok' }),
        failed: (error) => {
          host.logger.log('error', 'The database does not answer and is opened again.', { error: error.message });
          host.status({ state: 'degraded', reason: `the database does not answer: ${error.message}` });
        },
      },
    );
    await client.open();
    this.client = client;
    const labels = { extension: this.id };
    const gone = host.meter.counter(
      'misstep_database_expired_traces',
      labels,
      'Traces taken out for their age or for want of room.',
    );
    let size = 0;
    host.meter.observe('misstep_database_bytes', labels, () => size, 'Bytes on disk, from once a minute.');
    const keep = async (): Promise<void> => {
      gone.add(await client.retain());
      size = await client.size();
    };
    this.timer = setInterval(() => void keep().catch(() => undefined), RETAIN_MS);
    this.timer.unref();
    void keep().catch(() => undefined);
    host.status({ state: 'ok' });
  }

  async shutdown(): Promise<void> {
    clearInterval(this.timer);
    const { client } = this;
    this.client = undefined;
    await client?.close();
  }
}
