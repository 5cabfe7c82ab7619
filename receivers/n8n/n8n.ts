/**
 * Pulls executions by n8n's public API: each that has ended becomes spans of one trace, once. n8n's own OTLP says more of when, the
 * API of what: items, errors, the definition.
 */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { secret } from '../../config/secret.ts';
import { duration } from '../../config/units.ts';
import type { Signal } from '../../src/batch/batch.ts';
import type { Component, Consumer, Host, ReceiverFactory } from '../../src/component/component.ts';
import { type Convert, handOn, Rounds } from '../../src/component/pull.ts';
import { storageOf } from '../../src/component/stored.ts';
import { ApiError } from '../../src/component/transport/api.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type Access, execution, idOf, list, statusOf } from './api.ts';
import { Place } from './place.ts';

/** n8n's words for executions that go on. */
const UNFINISHED: readonly string[] = ['new', 'running', 'waiting'];
const ENDED = ['canceled', 'crashed', 'error', 'success', 'unknown'] as const;
/** Rounds in which one execution may fail by itself, with status 500 say, before it is passed over. */
const MAX_TRIES = 3;
/** Ids in one line of the log. */
const MAX_SAID = 20;
const MANY = 'more executions run or wait than are remembered';

const options = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/, error: 'not a URL with http:// or https://.' })
      .default('http://localhost:5678')
      .describe('Where n8n is: the URL of its editor.'),
    api_key: secret().describe('Key with the scopes execution:list and execution:read; Settings, n8n API.'),
    interval: duration('30s', { min: '1s' }).describe('How often it is asked which executions ended.'),
    lookback: duration('1h', { min: '0s' }).describe('Executions that started longer before the first start are passed over.'),
    status: z
      .array(z.enum(ENDED))
      .min(1, 'needs at least one status.')
      .default([...ENDED])
      .describe('Executions that ended so are read.'),
    storage: z.string().min(1).optional().describe('A file_storage; then a restart goes on where it was.'),
  })
  .superRefine(({ endpoint }, ctx) => {
    const { username, password, search, hash } = new URL(endpoint);
    if (username + password + search + hash !== '')
      wrong(ctx, 'a URL with credentials, a query or a fragment', 'Write host, port and path only.', ['endpoint']);
  })
  .describe("Pulls executions by n8n's public API.");

type Options = z.output<typeof options>;

/** `convert` is the adapter of the webhook, which takes the same executions from whoever posts them. */
export function n8nFactory(convert: Convert): ReceiverFactory<typeof options> {
  return {
    kind: 'receiver',
    type: 'n8n',
    stability: 'development',
    summary: "Pulls executions by n8n's public API.",
    signals: ['traces'],
    options,
    create: (id, given, next) => new N8nReceiver(id, given, next, convert),
  };
}

export class N8nReceiver implements Component {
  readonly #id: string;
  readonly #options: Options;
  readonly #next: Consumer | undefined;
  readonly #access: Access;
  readonly #convert: Convert;
  readonly #rounds = new Rounds();
  readonly #tries = new Map<number, number>();
  #place = new Place(undefined);
  #storage: Storage | undefined;
  #sinceMs = 0;

  constructor(id: string, given: Options, next: ReadonlyMap<Signal, Consumer>, convert: Convert) {
    this.#id = id;
    this.#convert = convert;
    this.#options = given;
    this.#next = next.get('traces');
    this.#access = { endpoint: given.endpoint, key: given.api_key.reveal() };
  }

  async start(host: Host): Promise<void> {
    await this.restore(host);
    const failed = 'Executions could not be read; it is tried again.';
    if (this.#next !== undefined) this.#rounds.begin(host, this.#options.interval, () => this.round(host), failed);
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    await this.#rounds.end(signal);
    // What could not be written is read again.
    await this.#storage?.committed().catch(() => undefined);
  }

  /** Throws if the storage that is named does not run. */
  async restore(host: Host): Promise<void> {
    const { storage: named, endpoint, lookback } = this.#options;
    this.#sinceMs = host.clock.now() - lookback;
    if (named === undefined) return;
    this.#storage = storageOf(named, host.extension(named));
    // The ids of another n8n are others.
    this.#place = new Place(this.#storage.stream(`receiver ${this.#id} ${endpoint}`));
    await this.#place.restore();
  }

  /** Reads every execution that ended since it was looked last. Throws what the API or the pipeline says. */
  async round(host: Host): Promise<void> {
    const place = this.#place;
    const open = new Set<number>();
    let listed = true;
    // Before those that ended: what ends meanwhile is in both lists and not in none.
    for (const status of UNFINISHED) {
      const { found, whole } = await list(this.#access, status, () => false);
      for (const { id } of found) open.add(id);
      listed &&= whole;
    }
    const { mark } = place;
    const { found, newest, beyond, whole } = await list(this.#access, undefined, ({ id, startedMs }) =>
      mark === undefined ? startedMs !== undefined && startedMs < this.#sinceMs : id <= mark,
    );
    if (place.isBefore(newest)) return this.#startAnew(host);
    if (!whole || !listed)
      host.logger.log('warn', 'More executions are listed than are read; the oldest are passed over.', { read: found.length });
    const ended: number[] = [];
    for (const { id, status } of found) {
      if (UNFINISHED.includes(status)) open.add(id);
      else if (!open.has(id) && !place.isRead(id) && this.#isWanted(status)) ended.push(id);
    }
    ended.push(...place.open.filter((id) => !open.has(id)));
    const forgotten = [...open].filter((id) => !place.opened(id));
    if (forgotten.length > 0) this.#passOver(host, forgotten, 'too_many', MANY);
    let failed: unknown;
    for (const id of new Set(ended.toSorted((a, b) => a - b))) {
      if (this.#rounds.over) return;
      failed = (await this.#readOne(host, id)) ?? failed;
    }
    if (this.#rounds.over) return;
    place.advance(newest, beyond);
    await this.#storage?.committed();
    if (failed !== undefined) throw failed;
  }

  #isWanted(status: string): boolean {
    return this.#options.status.some((one) => one === status);
  }

  #startAnew(host: Host): void {
    host.logger.log('warn', 'The ids of executions begin anew, as in another database; so does the reading.', {});
    this.#place.forget();
    this.#sinceMs = host.clock.now() - this.#options.lookback;
  }

  /** Resolves to what is wrong with this execution alone; it is then looked at again in the next round, or passed over. */
  async #readOne(host: Host, id: number): Promise<unknown> {
    try {
      const read = await execution(this.#access, id);
      // It may have come too late for the pipeline; the next start reads it again.
      if (this.#rounds.over) return undefined;
      if (idOf(read) !== id) throw new ApiError('the API answers with another execution than was asked for', 'malformed');
      const status = statusOf(read);
      if (UNFINISHED.includes(status)) {
        if (!this.#place.opened(id)) this.#passOver(host, [id], 'too_many', MANY);
        return undefined;
      }
      if (this.#isWanted(status)) await this.#hand(host, id, read);
    } catch (error) {
      if (!(error instanceof ApiError) || !isOfOne(error)) throw error;
      const tries = (this.#tries.get(id) ?? 0) + 1;
      this.#tries.set(id, tries);
      // Deleted, which n8n does by itself with what it shall not save.
      if (error.status !== 404) {
        if (error.kind !== 'too_large' && tries < MAX_TRIES && this.#place.opened(id)) return error;
        this.#passOver(host, [id], error.kind === 'status' ? 'unavailable' : error.kind, error.message);
      }
    }
    this.#tries.delete(id);
    this.#place.done(id);
    return undefined;
  }

  async #hand(host: Host, id: number, read: object): Promise<void> {
    let documents: ReturnType<Convert>;
    try {
      documents = this.#convert(read);
    } catch (error) {
      // Messages of payload errors name members; others may quote what is in them.
      const why = error instanceof Error ? (error.name === 'PayloadError' ? error.message : error.name) : 'unknown';
      this.#passOver(host, [id], 'malformed', why);
      return;
    }
    await handOn(host, this.#id, this.#next, documents, { execution: id });
  }

  #passOver(host: Host, ids: readonly number[], reason: string, why: string): void {
    const labels = { receiver: this.#id, transport: 'http', reason };
    const help = 'Requests refused before their items were counted.';
    host.meter.counter('misstep_receiver_refused_requests', labels, help).add(ids.length);
    host.logger.log('warn', 'Executions are passed over.', { executions: ids.slice(0, MAX_SAID), reason: why });
  }
}

/** Whether the fault is of the execution that was asked for and not of the API: others may still be read. */
function isOfOne({ kind, status }: ApiError): boolean {
  return kind === 'too_large' || kind === 'malformed' || status === 404 || status === 500;
}
