/** Gathers a message whose length was declared, without believing it: a client that only says much is given little. */

/** The buffer for the whole is made when this part of it has come; until then the chunks are kept as they are. */
const BELIEVED_AT = 1 / 4;
/** Up to here a lie costs less than the pieces. */
const BELIEVED_BYTES = 64 * 1024;

const EMPTY = new Uint8Array(0);

export class Gathering {
  private readonly length: number;
  private bytes: Uint8Array | undefined;
  private parts: Uint8Array[] = [];
  private read = 0;

  /** `length` in bytes. */
  constructor(length: number) {
    this.length = length;
  }

  get missing(): number {
    return this.length - this.read;
  }

  /** Keeps `chunk`, which must not be longer than what is missing. */
  push(chunk: Uint8Array): void {
    const read = this.read + chunk.length;
    if (this.read === 0 && read === this.length) this.bytes = chunk;
    else if (this.bytes !== undefined) this.bytes.set(chunk, this.read);
    else {
      this.parts.push(chunk);
      if (this.length <= BELIEVED_BYTES || read >= this.length * BELIEVED_AT) this.believe();
    }
    this.read = read;
  }

  /** What has come; all of it when nothing is missing. */
  whole(): Uint8Array {
    return this.bytes ?? EMPTY;
  }

  private believe(): void {
    this.bytes = Buffer.allocUnsafeSlow(this.length);
    let at = 0;
    for (const part of this.parts.splice(0)) {
      this.bytes.set(part, at);
      at += part.length;
    }
  }
}
