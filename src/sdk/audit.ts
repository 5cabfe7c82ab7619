/** What was decided, by whom and why: the last events in memory, and each of them to a sink. */
import { redact } from '../text/redact.ts';

export type AuditKind = 'detection' | 'decision' | 'fix' | 'rollback' | 'error';

/** Texts are without secrets. `timeMs`: Unix ms; `number` counts from 1 and has no gaps. */
export class AuditEvent {
  readonly number: number;
  readonly timeMs: number;
  readonly kind: AuditKind;
  readonly subject: string;
  readonly data: Readonly<Record<string, string | number | boolean>>;

  constructor(
    number: number,
    timeMs: number,
    kind: AuditKind,
    subject: string,
    data: Readonly<Record<string, string | number | boolean>> = {},
  ) {
    this.number = number;
    this.timeMs = timeMs;
    this.kind = kind;
    this.subject = redact(subject);
    this.data = Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? redact(value) : value]),
    );
  }
}

export interface AuditOptions {
  /** Events kept in memory; the oldest go first. Default 1,000. */
  readonly capacity?: number;
  /** Gets every event as it happens, for example to append it to a file. If it throws, that is counted; the event stays in memory. */
  readonly sink?: (event: AuditEvent) => void;
  /** Unix ms. */
  readonly now?: () => number;
}

export class AuditLogger {
  /** Events that the sink did not take. */
  sinkErrors = 0;
  private readonly kept: AuditEvent[] = [];
  private readonly capacity: number;
  private readonly sink: ((event: AuditEvent) => void) | undefined;
  private readonly now: () => number;
  private count = 0;

  constructor({ capacity = 1_000, sink, now = Date.now }: AuditOptions = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1)
      throw new RangeError(`capacity: must be a whole number from 1, got ${capacity}.`);
    this.capacity = capacity;
    this.sink = sink;
    this.now = now;
  }

  log(kind: AuditKind, subject: string, data: Readonly<Record<string, string | number | boolean>> = {}): AuditEvent {
    const event = new AuditEvent(++this.count, this.now(), kind, subject, data);
    this.kept.push(event);
    if (this.kept.length > this.capacity) this.kept.shift();
    try {
      this.sink?.(event);
    } catch {
      this.sinkErrors++;
    }
    return event;
  }

  /** The kept ones, oldest first. */
  events(kind?: AuditKind): readonly AuditEvent[] {
    return kind === undefined ? [...this.kept] : this.kept.filter((event) => event.kind === kind);
  }

  /** All that were logged, those that are no longer kept too. */
  get total(): number {
    return this.count;
  }
}
