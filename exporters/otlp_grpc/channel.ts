/** One HTTP/2 session to a backend, dialled when needed and again, with growing delays, when it died. */
import http2 from 'node:http2';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../../src/component/component.ts';

/**
 * Delays between dials that fail. Short: the retries have delays of their own, this only keeps ten senders with a
 * short `initial_interval` from dialling in turn.
 */
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 1_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** Answers are small, but many arrive at once: never let their windows hold them up. */
const WINDOW = 4_194_304;
/** MB that Node lets a session buffer; its default of 10 is less than one large request. */
const SESSION_MEMORY_MB = 256;

export class Channel {
  private readonly url: string;
  private options: http2.ClientSessionOptions | http2.SecureClientSessionOptions;
  private readonly clock: Clock;
  private session: http2.ClientHttp2Session | undefined;
  private dialling: Promise<http2.ClientHttp2Session> | undefined;
  private abort: (() => void) | undefined;
  /** Closed for new calls on purpose. */
  private readonly retired = new Set<http2.ClientHttp2Session>();
  private failures = 0;
  private failedAt = 0;
  private closed = false;

  constructor(url: string, tls: http2.SecureClientSessionOptions, clock: Clock) {
    this.url = url;
    this.clock = clock;
    this.options = { ...tls, settings: { enablePush: false, initialWindowSize: WINDOW }, maxSessionMemory: SESSION_MEMORY_MB };
  }

  /** A session that takes requests. Rejects when it cannot be had. */
  ready(): http2.ClientHttp2Session | Promise<http2.ClientHttp2Session> {
    const { session } = this;
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    this.dialling ??= this.dial().finally(() => {
      this.dialling = undefined;
    });
    return this.dialling;
  }

  /** The backend answered: the next loss is a first one again. */
  worked(): void {
    this.failures = 0;
  }

  /** Gives up a session that does not answer (half-open connection, hung peer), if it is still the present one. */
  discard(session: http2.ClientHttp2Session): void {
    if (this.session === session) this.lost(session);
    session.destroy();
  }

  /** New certificates: the next call dials with them, calls under way end where they are. Throws when they do not fit. */
  renew(tls: http2.SecureClientSessionOptions): void {
    createSecureContext(tls);
    this.options = { ...this.options, ...tls };
    const { session } = this;
    this.session = undefined;
    if (session === undefined || session.destroyed) return;
    this.retired.add(session);
    session.close();
  }

  close(): void {
    this.closed = true;
    this.session?.destroy();
    for (const session of this.retired) session.destroy();
    this.abort?.();
  }

  private async dial(): Promise<http2.ClientHttp2Session> {
    if (this.failures > 0) {
      const delay = Math.min(FIRST_DELAY_MS * 2 ** (this.failures - 1), MAX_DELAY_MS);
      const left = this.failedAt + delay - this.clock.monotonic();
      if (left > 0) await this.pause(left);
    }
    if (this.closed) throw new Error('the exporter was stopped');
    return this.connect();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.abort = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private connect(): Promise<http2.ClientHttp2Session> {
    return new Promise((resolve, reject) => {
      const session = http2.connect(this.url, this.options);
      const late = setTimeout(
        () => session.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
        CONNECT_TIMEOUT_MS,
      );
      this.abort = () => session.destroy(new Error('the exporter was stopped'));
      session.on('connect', () => {
        clearTimeout(late);
        session.setLocalWindowSize(WINDOW * 2);
        this.session = session;
        resolve(session);
      });
      session.on('error', reject);
      session.on('close', () => {
        clearTimeout(late);
        this.lost(session);
        reject(new Error('the connection was closed'));
      });
    });
  }

  private lost(session: http2.ClientHttp2Session): void {
    if (this.retired.delete(session)) return;
    if (this.session === session) this.session = undefined;
    else if (this.session !== undefined) return;
    this.failures++;
    this.failedAt = this.clock.monotonic();
  }
}
