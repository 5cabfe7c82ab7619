/**
 * What every receiver that listens does with the bytes of a request: check, count, hand on, translate the answer.
 * Failures of the framing never leave the request that caused them.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Batch, Signal } from '../../batch/batch.ts';
import { WireError } from '../../otlp/error.ts';
import { jsonToProtobuf } from '../../otlp/json.ts';
import { countItems } from '../../otlp/requests.ts';
import { type AuthOption, type Sender, type ServerAuth, serverAuth } from '../auth.ts';
import { type Consumer, type Counter, type Host, Oversize, Permanent, type ReceiverLedger, Refused } from '../component.ts';
import { INTERNAL, INVALID_ARGUMENT, OK, RESOURCE_EXHAUSTED, UNAUTHENTICATED, UNAVAILABLE } from './code.ts';
import { type Inflate, TooLarge } from './content.ts';

/** Why a request failed, as google.rpc.Status says it. `oversize` is 413 in HTTP, where the code alone would be 429. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly oversize?: true;
}

export type Answer = Failure | undefined;

/** One request body on its way in. `bytes` were admitted; `take` releases them when it has answered. */
export interface Arrival {
  readonly signal: Signal;
  readonly body: Uint8Array;
  /** `undefined` = the body is as it is. */
  readonly inflate: Inflate | undefined;
  /** Makes OTLP protobuf of the body; `undefined` = it is that. Throws `WireError` if the body is not what it should be. */
  readonly convert: ((body: Uint8Array) => Uint8Array) | undefined;
  /** Bytes admitted for it so far. */
  readonly admitted: number;
  readonly tenant: string;
  readonly metadata: ReadonlyMap<string, readonly string[]> | undefined;
}

const ANYBODY: Sender = { tenant: 'default' };

/** A sender that is not let in. `challenge` is the WWW-Authenticate of a 401. */
export interface Unknown {
  readonly failure: Failure;
  readonly challenge?: string;
}

/** What to say to a consumer's unknown failure: it may be over soon, and the sender keeps the data meanwhile. */
const RETRY_AFTER_MS = 1_000;

export class Intake {
  private readonly host: Host;
  private readonly ledger: ReceiverLedger;
  private readonly next: ReadonlyMap<Signal, Consumer>;
  /** Largest body, before and after inflation. */
  readonly limit: number;
  private readonly turnedAway = new Map<string, Counter>();
  private readonly transport: string;
  private readonly id: string;
  private readonly unknownMembers: Counter;
  private readonly auth: (() => ServerAuth | undefined) | undefined;
  private failing = false;
  private open = 0;
  private waiting: (() => void)[] = [];

  constructor(host: Host, id: string, transport: string, next: ReadonlyMap<Signal, Consumer>, limit: number, auth?: AuthOption) {
    this.host = host;
    this.id = id;
    this.transport = transport;
    this.next = next;
    this.limit = limit;
    this.auth = serverAuth(auth, host);
    this.ledger = host.ledger.receiver(id, transport);
    this.unknownMembers = host.meter.counter(
      'misstep_receiver_unknown_json_members',
      { receiver: id, transport },
      'Members of JSON bodies that OTLP does not know; they are left out.',
    );
  }

  /** Whether a pipeline asks for the signal; without one its path and service do not exist. */
  serves(signal: Signal): boolean {
    return this.next.has(signal);
  }

  /** Counts a request that failed before its items could be counted. */
  turnAway(reason: 'malformed' | 'too_large' | 'admission' | 'aborted' | 'timeout' | 'unauthenticated'): void {
    let counter = this.turnedAway.get(reason);
    if (counter === undefined) {
      const labels = { receiver: this.id, transport: this.transport, reason };
      counter = this.host.meter.counter(
        'misstep_receiver_refused_requests',
        labels,
        'Requests refused before their items were counted.',
      );
      this.turnedAway.set(reason, counter);
    }
    counter.add(1);
  }

  /**
   * Who sends; if nobody who may, what to answer. `headers` have names in lower case. `keys` are what else may be the
   * credentials, for authenticators that know bare keys.
   */
  admitSender(headers: IncomingHttpHeaders, keys: readonly string[] = []): Sender | Unknown {
    if (this.auth === undefined) return ANYBODY;
    const auth = this.auth();
    // Between the end of an authenticator and the start of the one that a reload puts in its place.
    if (auth === undefined) {
      return { failure: { code: UNAVAILABLE, message: 'the authenticator is starting', retryAfterMs: RETRY_AFTER_MS } };
    }
    let sender = auth.authenticate(headers);
    for (const key of keys) sender ??= auth.ofKey?.(key);
    if (sender !== undefined) return sender;
    this.turnAway('unauthenticated');
    return { failure: { code: UNAUTHENTICATED, message: 'credentials are missing or wrong' }, challenge: auth.challenge };
  }

  /** Headers as metadata of a batch; without the credentials. */
  metadataOf(headers: Readonly<NodeJS.Dict<string | string[]>>): ReadonlyMap<string, readonly string[]> {
    const credentials = this.auth?.()?.header;
    const metadata = new Map<string, readonly string[]>();
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || name.startsWith(':') || name === credentials) continue;
      metadata.set(name, Array.isArray(value) ? value : [value]);
    }
    return metadata;
  }

  /** Room for `bytes`; if there is none, what to answer. */
  admit(bytes: number): Answer {
    const refusal = this.host.admission.admit(bytes);
    if (refusal === undefined) return undefined;
    this.turnAway('admission');
    return { code: UNAVAILABLE, message: 'no memory for more data. Send it again later.', retryAfterMs: refusal.retryAfterMs };
  }

  release(bytes: number): void {
    this.host.admission.release(bytes);
  }

  tooLarge(seen: number | undefined): Failure {
    this.turnAway('too_large');
    const size = seen === undefined ? 'request body' : `request body of ${seen} bytes`;
    return { code: RESOURCE_EXHAUSTED, message: `${size} is larger than the limit of ${this.limit} bytes`, oversize: true };
  }

  /** OTLP/JSON as protobuf, for `convert`. */
  fromJson(signal: Signal, body: Uint8Array): Uint8Array {
    const converted = jsonToProtobuf(signal, asBuffer(body).toString('utf8'));
    if (converted.unknownMembers > 0) this.unknownMembers.add(converted.unknownMembers);
    return converted.body;
  }

  /** Never throws, never rejects; a promise only where something has to be waited for. */
  take(arrival: Arrival): Answer | Promise<Answer> {
    this.open++;
    if (arrival.inflate === undefined) return this.finish(this.accept(arrival, arrival.body), arrival.admitted);
    try {
      const body = arrival.inflate(arrival.body, this.limit);
      if (!(body instanceof Promise)) return this.acceptInflated(arrival, body);
      return body.then(
        (inflated) => this.acceptInflated(arrival, inflated),
        (error: unknown) => this.finish(this.malformed(error), arrival.admitted),
      );
    } catch (error) {
      return this.finish(this.malformed(error), arrival.admitted);
    }
  }

  /** Resolves when nothing that was taken is without an answer. */
  settled(): Promise<void> {
    return this.open === 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** The compressed bytes make room for the inflated ones. */
  private acceptInflated(arrival: Arrival, body: Uint8Array): Answer | Promise<Answer> {
    this.release(arrival.admitted);
    const refusal = this.admit(body.length);
    if (refusal !== undefined) return this.finish(refusal, 0);
    return this.finish(this.accept(arrival, body), body.length);
  }

  private accept({ signal, convert, tenant, metadata }: Arrival, received: Uint8Array): Answer | Promise<Answer> {
    const consumer = this.next.get(signal);
    if (consumer === undefined || received.length === 0) return undefined;
    let body = received;
    let items: number;
    try {
      if (convert !== undefined) body = convert(received);
      items = countItems(signal, body);
    } catch (error) {
      return this.malformed(error);
    }
    if (items === 0) return undefined;
    const batch: Batch = {
      signal,
      chunks: [body],
      bytes: body.length,
      items,
      tenant,
      ...(metadata === undefined ? {} : { metadata }),
    };
    let answer: Promise<void> | undefined;
    try {
      answer = consumer.consume(batch);
    } catch (error) {
      return this.refused(batch, error);
    }
    if (answer === undefined) return this.accepted(batch);
    return answer.then(
      () => this.accepted(batch),
      (error: unknown) => this.refused(batch, error),
    );
  }

  private accepted(batch: Batch): undefined {
    this.ledger.accepted(batch.signal, batch.items);
    if (!this.failing) return;
    this.failing = false;
    this.host.logger.log('info', 'The pipeline takes data again.');
  }

  private refused(batch: Batch, error: unknown): Failure {
    this.ledger.refused(batch.signal, batch.items);
    if (error instanceof Refused) return { code: UNAVAILABLE, message: error.message, retryAfterMs: error.retryAfterMs };
    if (error instanceof Oversize) return { code: error.status, message: error.message, oversize: true };
    if (error instanceof Permanent) {
      // Success would say that the data is safe.
      return { code: error.status === OK ? INTERNAL : error.status, message: error.message };
    }
    if (!this.failing) {
      this.failing = true;
      this.host.logger.log('error', 'The pipeline failed; senders are asked to repeat until it works again.', { error });
    }
    return { code: UNAVAILABLE, message: 'the pipeline failed. Send it again later.', retryAfterMs: RETRY_AFTER_MS };
  }

  private malformed(error: unknown): Failure {
    if (error instanceof TooLarge) return this.tooLarge(undefined);
    this.turnAway('malformed');
    if (error instanceof WireError) return { code: INVALID_ARGUMENT, message: `malformed request: ${error.message}` };
    // Z_DATA_ERROR, Z_BUF_ERROR, ZSTD_error_…
    const { code, message } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && code.startsWith('Z'))
      return { code: INVALID_ARGUMENT, message: `malformed compressed body: ${message}` };
    this.host.logger.log('error', 'A request could not be read.', { error });
    return { code: INTERNAL, message: 'the request could not be read' };
  }

  private finish(answer: Answer | Promise<Answer>, admitted: number): Answer | Promise<Answer> {
    if (answer instanceof Promise) {
      return answer.then((settled) => {
        this.close(admitted);
        return settled;
      });
    }
    this.close(admitted);
    return answer;
  }

  private close(admitted: number): void {
    this.release(admitted);
    this.open--;
    if (this.open > 0 || this.waiting.length === 0) return;
    for (const done of this.waiting.splice(0)) done();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
