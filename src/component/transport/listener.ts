/** What the receiver does with either protocol once it listens. */
export interface Listener {
  /** Bound address as `host:port`. */
  readonly address: string;
  /** Takes no new connection or call, ends those under way; at `signal` cuts them off. */
  close(signal: AbortSignal): Promise<void>;
}
