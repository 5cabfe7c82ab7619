/** One body that an adapter reads: from bytes to OTLP, unless it has been here before. */
import { createHash } from 'node:crypto';
import type { Logger } from '../../src/component/component.ts';
import { INVALID_ARGUMENT } from '../../src/component/transport/code.ts';
import type { Failure } from '../../src/component/transport/intake.ts';
import { WireError } from '../../src/otlp/error.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { PayloadError } from './payload.ts';
import type { Problem } from './problem.ts';
import { readPayload, type Shape } from './reading.ts';
import type { Claim, Outcome, Repeats, Reply } from './repeats.ts';
import { madeOf } from './replies.ts';
import type { AdapterRoute } from './routes.ts';
import { arrived, type TraceDocument } from './run.ts';

const NOTHING = new Uint8Array(0);

interface Arrived {
  readonly route: AdapterRoute;
  readonly shape: Shape;
  readonly tenant: string;
  /** Unix ms. */
  readonly receivedMs: number;
  /** The sender's own for this delivery. */
  readonly keys: readonly string[];
  /** Told of the payload once it is read; `repeated`: it has been here before. Must not throw. */
  readonly onPayload?: ((payload: unknown, repeated: boolean) => void) | undefined;
}

export class Delivery {
  private readonly arrived: Arrived;
  private readonly repeats: Repeats;
  private readonly logger: Logger;
  private reply: Reply | undefined;
  private claim: Claim | undefined;
  /** Set when the delivery is one that has been here before. */
  repeat: Outcome | Promise<Outcome> | undefined;
  /** Set when the body was at fault. */
  problem: Problem | undefined;

  constructor(arrived: Arrived, repeats: Repeats, logger: Logger) {
    this.arrived = arrived;
    this.repeats = repeats;
    this.logger = logger;
  }

  /** OTLP protobuf of the body; nothing if it is a repeat. Throws `WireError`, and `problem` says more. */
  convert(bytes: Uint8Array): Uint8Array {
    try {
      return this.read(bytes);
    } catch (error) {
      this.problem ??= readingProblem(error, this.arrived.route.format, this.logger);
      throw error instanceof WireError ? error : new WireError(this.problem.detail);
    }
  }

  /** What the pipeline said of it: called once, for what is no repeat. */
  settle(failure: Failure | undefined): Outcome {
    // An empty body is never converted.
    if (failure === undefined && this.reply === undefined) this.problem = EMPTY_BODY;
    const outcome: Outcome =
      this.reply !== undefined && failure === undefined ? { reply: this.reply } : { failure: failure ?? EMPTY };
    this.claim?.settle(outcome);
    return outcome;
  }

  private read(bytes: Uint8Array): Uint8Array {
    const { route, shape, tenant, keys, receivedMs, onPayload } = this.arrived;
    const { adapter, answer, format } = route;
    const payload = readPayload(bytes, shape);
    const documents = adapter.convert(payload, receivedMs);
    const body = bodyOf(documents);
    const content = createHash('sha256').update(body).digest('base64url');
    // What was made holds the framework's own ids, its status and all content; what the sender adds on each try is not in it.
    const begun = this.repeats.begin([`${tenant}\n${format}\n${content}`, ...keys], content);
    if ('conflict' in begun) {
      const detail = 'The Idempotency-Key or webhook-id came with another body before. Use a new one for a new body.';
      this.problem = { code: 'idempotency-key-reused', detail };
      throw new WireError(detail);
    }
    onPayload?.(payload, 'repeat' in begun);
    if ('repeat' in begun) {
      this.repeat = begun.repeat;
      return NOTHING;
    }
    this.claim = begun.claim;
    const said = answer(payload, madeOf(documents, this.hints(payload)));
    this.reply = { status: said.status, body: Buffer.from(JSON.stringify(said.body)) };
    const dated = documents.map((one) => arrived(one, receivedMs));
    return dated.some((one, i) => one !== documents[i]) ? bodyOf(dated) : body;
  }

  /** A hint that cannot be made is no reason to refuse a payload. */
  private hints(payload: unknown): readonly string[] {
    try {
      return this.arrived.route.adapter.hints?.(payload) ?? [];
    } catch (error) {
      this.logger.log('warn', 'No hints could be made for a payload.', { format: this.arrived.route.format, ...traceOf(error) });
      return [];
    }
  }
}

function bodyOf(documents: readonly TraceDocument[]): Uint8Array {
  return documentToProtobuf('traces', { resourceSpans: documents.flatMap((one) => one.resourceSpans) }).body;
}

/** What to answer where a payload could not be read. */
export function readingProblem(error: unknown, format: string, logger: Logger): Problem {
  if (error instanceof PayloadError) {
    const { pointer, detail } = error;
    return { code: 'malformed-payload', detail: error.message, errors: [{ pointer, detail }] };
  }
  if (error instanceof WireError) {
    const detail = `${error.message}.`;
    return { code: 'malformed-body', detail, errors: [{ pointer: '', detail }] };
  }
  logger.log('error', 'An adapter failed on a payload.', { format, ...traceOf(error) });
  return { code: 'internal', detail: 'The payload could not be read, for a fault of misstep. It was not taken.' };
}

export const EMPTY_BODY: Problem = { code: 'malformed-body', detail: 'The body is empty.' };

const EMPTY: Failure = { code: INVALID_ARGUMENT, message: 'the body is empty' };

/** Where an error comes from, without its message, which may quote the payload. */
function traceOf(error: unknown): { readonly error: string; readonly at: readonly string[] } {
  if (!(error instanceof Error)) return { error: typeof error, at: [] };
  const { stack = '', message, name } = error;
  const head = stack.indexOf(message);
  const frames =
    head < 0
      ? []
      : stack
          .slice(head + message.length)
          .split('\n')
          .slice(1, 6);
  return { error: name, at: frames.map((line) => line.trim()) };
}
