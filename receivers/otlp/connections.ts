/** The HTTP/2 connections of a listener: their age, their idleness, and their end. */
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../src/component/component.ts';

/** All in ms, 0 = never. */
export interface Ages {
  readonly max_connection_idle: number;
  readonly max_connection_age: number;
  readonly max_connection_age_grace: number;
}

/** A client that has not even sent its settings by then speaks something else, or nothing. */
const GREETING_MS = 10_000;
/** Connections that were opened together must not all end together: up to a tenth either way, as in gRPC. */
const JITTER = 0.1;

interface Life {
  readonly since: number;
  readonly maxAge: number;
  greeted: boolean;
  calls: number;
  idleSince: number;
  closedAt: number | undefined;
}

export class Connections {
  private readonly lives = new Map<Http2Session, Life>();
  private readonly ages: Ages;
  private readonly clock: Clock;

  constructor(ages: Ages, clock: Clock) {
    this.ages = ages;
    this.clock = clock;
  }

  add(session: Http2Session): void {
    const now = this.clock.monotonic();
    const maxAge = this.ages.max_connection_age * (1 - JITTER + 2 * JITTER * Math.random());
    const life: Life = { since: now, maxAge, greeted: false, calls: 0, idleSince: now, closedAt: undefined };
    this.lives.set(session, life);
    session.once('remoteSettings', () => {
      life.greeted = true;
    });
    session.once('close', () => this.lives.delete(session));
  }

  /** A call has begun; needed only where idleness counts. */
  call(stream: ServerHttp2Stream): void {
    const life = this.ages.max_connection_idle > 0 && stream.session ? this.lives.get(stream.session) : undefined;
    if (life === undefined) return;
    life.calls++;
    stream.once('close', () => {
      life.calls--;
      life.idleSince = this.clock.monotonic();
    });
  }

  /** `now` in monotonic ms. */
  tick(now: number): void {
    const { max_connection_idle: idle, max_connection_age: age, max_connection_age_grace: grace } = this.ages;
    for (const [session, life] of this.lives) {
      if (life.closedAt !== undefined) {
        if (grace > 0 && now - life.closedAt >= grace) session.destroy();
      } else if (!life.greeted && now - life.since >= GREETING_MS) session.destroy();
      else if ((idle > 0 && life.calls === 0 && now - life.idleSince >= idle) || (age > 0 && now - life.since >= life.maxAge)) {
        life.closedAt = now;
        part(session);
      }
    }
  }

  /** Lets the calls under way end, takes no new ones. */
  close(): void {
    for (const session of this.lives.keys()) part(session);
  }

  destroy(): void {
    for (const session of this.lives.keys()) session.destroy();
  }
}

/** GOAWAY first: it tells the client which calls to send elsewhere. `close` alone says so only at the end. */
function part(session: Http2Session): void {
  if (session.destroyed || session.closed) return;
  session.goaway();
  session.close();
}
