/** One Export over gRPC, from its first header to its trailers. It is answered at most once, by its deadline at the latest. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Signal } from '../../src/batch/batch.ts';
import type { Clock } from '../../src/component/component.ts';
import { DEADLINE_EXCEEDED, UNIMPLEMENTED } from '../../src/component/transport/code.ts';
import { type Inflate, inflateOf, isIdentity } from '../../src/component/transport/content.ts';
import type { Answer, Intake } from '../../src/component/transport/intake.ts';
import { writeResponse } from '../../src/otlp/requests.ts';
import { fail, frame, grpcEncodings, isFailure, MessageReader, succeed, timeoutMs } from './message.ts';

/** As `read_timeout` over HTTP: for a message to arrive when the client sets no deadline, or a longer one. */
const READ_TIMEOUT_MS = 60_000;

const DONE: Readonly<Record<Signal, Uint8Array>> = {
  traces: frame(writeResponse('traces')),
  metrics: frame(writeResponse('metrics')),
  logs: frame(writeResponse('logs')),
};

/** What the calls of one listener share. `calls` holds those whose deadline counts. */
export interface Desk {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly includeMetadata: boolean;
  readonly calls: Set<ExportCall>;
}

export class ExportCall {
  /** Monotonic ms. */
  deadline: number;
  private readonly desk: Desk;
  private readonly stream: ServerHttp2Stream;
  private readonly headers: IncomingHttpHeaders;
  private readonly signal: Signal;
  private readonly tenant: string;
  private readonly reader: MessageReader;
  private readonly clientDeadline: number;
  /** reading the message → the pipeline has it → answered or gone. */
  private phase: 'reading' | 'taken' | 'over' = 'reading';

  constructor(desk: Desk, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, signal: Signal, tenant: string) {
    this.desk = desk;
    this.stream = stream;
    this.headers = headers;
    this.signal = signal;
    this.tenant = tenant;
    this.reader = new MessageReader(desk.intake);
    const now = desk.clock.monotonic();
    this.clientDeadline = now + (timeoutMs(headers['grpc-timeout']) ?? Number.POSITIVE_INFINITY);
    this.deadline = Math.min(this.clientDeadline, now + READ_TIMEOUT_MS);
  }

  begin(): void {
    const encoding = this.headers['grpc-encoding'] as string | undefined;
    const inflate = isIdentity(encoding) ? undefined : inflateOf(encoding as string);
    if (inflate === undefined && !isIdentity(encoding)) {
      this.answer({ code: UNIMPLEMENTED, message: `unsupported grpc-encoding ${encoding}, supported: ${grpcEncodings}` });
      return;
    }
    this.desk.calls.add(this);
    this.stream.on('data', (chunk: Buffer) => {
      const failure = this.phase === 'reading' ? this.reader.push(chunk) : undefined;
      if (failure !== undefined) this.answer(failure);
    });
    this.stream.on('end', () => {
      // Node also ends the stream of a client that has gone away; 'close' follows.
      if (this.phase === 'reading' && !this.stream.aborted) this.take(inflate);
    });
    this.stream.on('close', () => {
      if (this.phase === 'reading') this.desk.intake.turnAway('aborted');
      this.over();
    });
  }

  expire(): void {
    if (this.phase === 'reading') this.desk.intake.turnAway('timeout');
    this.answer({ code: DEADLINE_EXCEEDED, message: 'deadline exceeded' });
  }

  private take(inflate: Inflate | undefined): void {
    const message = this.reader.end(inflate !== undefined);
    if (isFailure(message)) {
      this.desk.intake.turnAway('malformed');
      this.answer(message);
      return;
    }
    this.phase = 'taken';
    const answer = this.desk.intake.take({
      signal: this.signal,
      body: message.body,
      inflate: message.compressed ? inflate : undefined,
      convert: undefined,
      admitted: this.reader.surrender(),
      tenant: this.tenant,
      metadata: this.desk.includeMetadata ? this.desk.intake.metadataOf(this.headers) : undefined,
    });
    if (answer instanceof Promise) {
      // The message is here: from now on only the client's own deadline counts.
      this.deadline = this.clientDeadline;
      answer.then((settled) => this.answer(settled));
    } else this.answer(answer);
  }

  private answer(answer: Answer): void {
    if (this.phase === 'over') return;
    this.over();
    if (answer === undefined) succeed(this.stream, DONE[this.signal]);
    else fail(this.stream, answer);
  }

  private over(): void {
    this.phase = 'over';
    this.reader.drop();
    this.desk.calls.delete(this);
  }
}
