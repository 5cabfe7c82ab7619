/** Bytes that are not what they say they are. The message says what is wrong and at which byte or member; it holds no payload. */
export class WireError extends Error {
  /** Byte offset, or -1 for JSON. */
  readonly offset: number;
  constructor(message: string, offset = -1) {
    super(offset >= 0 ? `${message} at byte ${offset}` : message);
    this.name = 'WireError';
    this.offset = offset;
  }
}
