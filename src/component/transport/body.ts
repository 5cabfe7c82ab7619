/** Reads the body of an HTTP request: admitted before it is read, never beyond the limit. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Gathering } from './gather.ts';
import type { Answer, Intake } from './intake.ts';

/**
 * Exactly one call, unless the client goes away first: then what was admitted has been released and nobody is left
 * to answer. Whoever is called releases `admitted`.
 */
export type Done = (failure: Answer, body: Uint8Array, admitted: number) => void;

const EMPTY = new Uint8Array(0);

export function readBody(request: IncomingMessage, response: ServerResponse, intake: Intake, done: Done): void {
  const declared = request.headers['content-length'];
  // llhttp lets nothing but digits through; what is more than a double holds is over every limit.
  const length = declared === undefined ? undefined : Number(declared);
  const refusal = length === undefined ? undefined : length > intake.limit ? intake.tooLarge(length) : intake.admit(length);
  if (refusal !== undefined) {
    done(refusal, EMPTY, 0);
    return;
  }
  if (request.headers.expect !== undefined) response.writeContinue();
  if (length === undefined) collect(request, intake, 0, new Parts(intake), done);
  else collect(request, intake, length, new Whole(length), done);
}

interface Sink {
  /** What to answer instead of going on. */
  push(chunk: Buffer): Answer;
  /** Bytes admitted by `push`. */
  readonly admitted: number;
  body(): Uint8Array;
}

/** Of known length. */
class Whole implements Sink {
  readonly admitted = 0;
  private readonly gathering: Gathering;

  constructor(length: number) {
    this.gathering = new Gathering(length);
  }

  push(chunk: Buffer): Answer {
    this.gathering.push(chunk);
    return undefined;
  }

  body(): Uint8Array {
    return this.gathering.whole();
  }
}

/** Of unknown length: chunk by chunk, each admitted as it comes. */
class Parts implements Sink {
  admitted = 0;
  private readonly intake: Intake;
  private readonly parts: Uint8Array[] = [];

  constructor(intake: Intake) {
    this.intake = intake;
  }

  push(chunk: Buffer): Answer {
    if (this.admitted + chunk.length > this.intake.limit) return this.intake.tooLarge(undefined);
    const refusal = this.intake.admit(chunk.length);
    if (refusal !== undefined) return refusal;
    this.admitted += chunk.length;
    this.parts.push(chunk);
    return undefined;
  }

  body(): Uint8Array {
    const [only] = this.parts;
    return only !== undefined && this.parts.length === 1 ? only : Buffer.concat(this.parts, this.admitted);
  }
}

function collect(request: IncomingMessage, intake: Intake, admitted: number, sink: Sink, done: Done): void {
  let open = true;
  request.on('data', (chunk: Buffer) => {
    const failure = open ? sink.push(chunk) : undefined;
    if (failure === undefined) return;
    open = false;
    done(failure, EMPTY, admitted + sink.admitted);
  });
  request.on('end', () => {
    if (!open) return;
    open = false;
    done(undefined, sink.body(), admitted + sink.admitted);
  });
  // Why a connection broke is of no use; without a listener it would end the process.
  request.on('error', () => {});
  request.on('close', () => {
    if (!open) return;
    open = false;
    intake.release(admitted + sink.admitted);
    intake.turnAway('aborted');
  });
}
