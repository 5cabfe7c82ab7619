/**
 * A member of a consumer group for as long as the receiver runs. Joining anew, after a rebalance or a broken connection, always goes the
 * same way: nothing more is begun, what is under way settles, then each partition that is assigned now is read from `rewind` messages
 * before its committed offset (docs/adr/0016-kafka-offsets.md).
 */
import type { Consumer as Client } from '@platformatic/kafka';
import type { Host } from '../../src/component/component.ts';
import { connection, type loadKafka, reasonOf } from '../../src/component/kafka/client.ts';
import { backoff, Patience } from '../../src/component/retry.ts';
import { Feed, type Message, type Topic } from './feed.ts';
import type { Options } from './options.ts';
import { keyOf, type Place, Positions, startOf } from './positions.ts';

type Kafka = Awaited<ReturnType<typeof loadKafka>>;

/** Read and not done: more are not asked for, so that one slow partition holds up what comes, not the process. */
const MOST_WAITING = 256;
/** Ends of partitions are asked for so often, for the lag. */
const LAG_MS = 10_000;
/** A broker that is down is mostly up again in seconds. */
const RETRY = {
  enabled: true,
  initial_interval: 250,
  randomization_factor: 0.5,
  multiplier: 2,
  max_interval: 10_000,
  max_elapsed_time: 0,
};
const EARLIEST = -2n;
const LATEST = -1n;

export class Membership {
  private readonly kafka: Kafka;
  private readonly id: string;
  private readonly options: Options;
  private readonly host: Host;
  private readonly topics: readonly string[];
  private readonly feed: Feed;
  private readonly positions = new Positions();
  private readonly patience = new Patience();
  private deadLetters: InstanceType<Kafka['Producer']> | undefined;
  /** Aborted when what is assigned is no longer sure. */
  private term = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(kafka: Kafka, id: string, options: Options, host: Host, topics: ReadonlyMap<string, Topic>) {
    this.kafka = kafka;
    this.id = id;
    this.options = options;
    this.host = host;
    this.topics = [...topics.keys()];
    const { dead_letter } = options;
    this.feed = new Feed(
      host,
      id,
      topics,
      dead_letter === undefined ? undefined : (message, reason) => this.setAside(dead_letter, message, reason),
    );
    // Throws here, at the start, when a certificate cannot be read.
    connection(options);
  }

  begin(): void {
    this.running = this.run();
  }

  /** Resolves when the group has been left, or when `signal` says that the time is up. */
  async end(signal: AbortSignal): Promise<void> {
    this.patience.end();
    this.term.abort();
    if (signal.aborted) return;
    await Promise.race([this.running, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))]);
  }

  private async run(): Promise<void> {
    let delays = backoff(RETRY);
    while (!this.patience.over) {
      try {
        await this.member(() => {
          delays = backoff(RETRY);
          this.host.status({ state: 'ok' });
        });
      } catch (error) {
        if (this.patience.over) break;
        // Logged when it changes.
        this.host.status({ state: 'degraded', reason: reasonOf(error) });
        await this.patience.wait(delays());
      }
    }
    await this.deadLetters?.close().catch(() => {});
  }

  /** From joining to leaving. Rejects with what broke it. */
  private async member(working: () => void): Promise<void> {
    const { options } = this;
    const client: Client = new this.kafka.Consumer({
      ...connection(options),
      groupId: options.group_id,
      sessionTimeout: options.session_timeout,
      heartbeatInterval: options.heartbeat_interval,
      rebalanceTimeout: options.rebalance_timeout,
      autocommit: false,
      minBytes: options.min_fetch_size,
      maxBytes: options.max_fetch_size,
      maxWaitTime: options.max_fetch_wait,
      retries: 3,
      retryDelay: 250,
    });
    let broken: Error | undefined;
    client.on('error', (error: Error) => {
      broken ??= error;
      this.term.abort();
    });
    client.on('consumer:group:join', () => this.term.abort());
    const committing = setInterval(() => void this.commit(client), options.autocommit.interval);
    const measuring = setInterval(() => void this.measure(client), LAG_MS);
    try {
      // Kept for the life of the client: without it each stream that ends would leave the topics and join anew.
      client.topics.trackAll(...this.topics);
      await client.joinGroup({});
      while (!this.patience.over && broken === undefined) {
        this.term = new AbortController();
        await this.assign(client);
        working();
        await this.read(client, this.term.signal);
        await this.commit(client);
      }
    } finally {
      clearInterval(committing);
      clearInterval(measuring);
      for (const { topic, partition } of this.positions.lags(() => 0n)) this.lag({ topic, partition }, 0);
      this.positions.assign([]);
      const left: unknown = client.close(true);
      await Promise.resolve(left).catch(() => {});
    }
    if (broken !== undefined) throw broken;
  }

  private async assign(client: Client): Promise<void> {
    const assignments = client.assignments ?? [];
    const partitions = Object.fromEntries(assignments.map((one) => [one.topic, one.partitions]));
    const topics = Object.keys(partitions);
    if (topics.length === 0) {
      this.positions.assign([]);
      return;
    }
    const [committed, earliest, latest] = await Promise.all([
      client.listCommittedOffsets({ topics: assignments }),
      client.listOffsets({ topics, partitions, timestamp: EARLIEST }),
      client.listOffsets({ topics, partitions, timestamp: LATEST }),
    ]);
    const { initial_offset, rewind } = this.options;
    const assigned = assignments.flatMap(({ topic, partitions: own }) =>
      own.map((partition) => {
        const known = committed.get(topic)?.[partition] ?? -1n;
        const first = earliest.get(topic)?.[partition] ?? 0n;
        const end = latest.get(topic)?.[partition] ?? first;
        return { topic, partition, committed: known, offset: startOf(known, first, end, initial_offset, rewind) };
      }),
    );
    this.positions.assign(assigned);
    this.host.logger.log('info', 'Partitions of Kafka are assigned.', {
      from: assigned.map((one) => `${keyOf(one)} at ${one.offset}`).join(', '),
    });
  }

  /** Until the term ends, with nothing under way; rejects when the stream breaks. */
  private async read(client: Client, term: AbortSignal): Promise<void> {
    if (term.aborted) return;
    const stream = await client.consume({
      topics: [...this.topics],
      mode: 'manual',
      offsets: this.positions.starts(),
      autocommit: false,
      // One answer of a broker fills it at once.
      highWaterMark: 16,
    });
    const lanes = new Map<string, Promise<void>>();
    let waiting = 0;
    const over = new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      stream.once('close', resolve);
    });
    // Read below, when the lanes are settled.
    over.catch(() => {});
    const stop = () => void stream.destroy();
    term.addEventListener('abort', stop);
    if (term.aborted) stop();
    stream.on('data', (message: Message) => {
      if (term.aborted) return;
      waiting++;
      if (waiting >= MOST_WAITING) stream.pause();
      const key = keyOf(message);
      const before = lanes.get(key) ?? Promise.resolve();
      lanes.set(
        key,
        before.then(async () => {
          if (!term.aborted) await this.do(message, term);
          waiting--;
          if (waiting === MOST_WAITING / 2 && !term.aborted) stream.resume();
        }),
      );
    });
    try {
      await over;
    } finally {
      // A broken stream ends the term: what waits would be read again.
      if (!term.aborted) this.term.abort();
      term.removeEventListener('abort', stop);
      await Promise.all(lanes.values());
    }
  }

  /** Never rejects: what is not done when the term ends is read again. */
  private async do(message: Message, term: AbortSignal): Promise<void> {
    try {
      await this.feed.take(message, term);
      this.positions.done(message);
    } catch (error) {
      if (!term.aborted) this.host.logger.log('error', 'A message was not handed on.', { error });
      this.term.abort();
    }
  }

  /** A commit that fails is made up for by the next one, or by reading again. */
  private async commit(client: Client): Promise<void> {
    const due = this.positions.due();
    if (due.length === 0) return;
    try {
      await client.commit({ offsets: due.map((one) => ({ ...one, leaderEpoch: -1 })) });
      this.positions.committed(due);
    } catch (error) {
      this.host.logger.log('debug', 'Offsets were not committed.', { reason: reasonOf(error) });
    }
  }

  private async measure(client: Client): Promise<void> {
    const ends = await client.listOffsets({ topics: [...this.topics], timestamp: LATEST }).catch(() => undefined);
    if (ends === undefined) return;
    for (const { lag, ...place } of this.positions.lags(({ topic, partition }) => ends.get(topic)?.[partition]))
      this.lag(place, lag);
  }

  private lag({ topic, partition }: Place, lag: number): void {
    const labels = { receiver: this.id, topic, partition: String(partition) };
    this.host.meter.gauge('otelcol_kafka_receiver_offset_lag', labels, 'Messages of the partition that are not done.').set(lag);
  }

  private async setAside(topic: string, { key, value, ...from }: Message, reason: string): Promise<void> {
    this.deadLetters ??= new this.kafka.Producer({
      ...connection(this.options),
      retries: 1,
      retryDelay: 100,
      acks: this.kafka.ProduceAcks.ALL,
    });
    const headers = { topic: from.topic, partition: String(from.partition), offset: String(from.offset), reason };
    const text = new Map(Object.entries(headers).map(([name, one]) => [Buffer.from(`misstep.${name}`), Buffer.from(one)]));
    await this.deadLetters.send({
      messages: [{ topic, ...(key === undefined ? {} : { key }), value: value ?? Buffer.alloc(0), headers: text }],
    });
  }
}
