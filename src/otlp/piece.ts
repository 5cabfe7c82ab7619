import { LENGTH, putVarint, varintSize } from './wire.ts';

/** A message in the making, of ranges of a received body and new bytes. The last range is held back, so that ranges that touch become one chunk. */
export class Piece {
  readonly chunks: Uint8Array[] = [];
  length = 0;
  private readonly body: Uint8Array;
  private from = 0;
  private to = 0;

  constructor(body: Uint8Array) {
    this.body = body;
  }

  add(from: number, to: number): void {
    this.length += to - from;
    if (this.to !== from) {
      this.flush();
      this.from = from;
    }
    this.to = to;
  }

  addBytes(bytes: Uint8Array): void {
    this.flush();
    this.chunks.push(bytes);
    this.length += bytes.length;
  }

  /** `field` is at most 15: its tag is one byte. */
  addFramed(field: number, content: Piece): void {
    this.flush();
    content.flush();
    const head = new Uint8Array(1 + varintSize(content.length));
    head[0] = (field << 3) | LENGTH;
    putVarint(head, 1, content.length);
    this.chunks.push(head);
    for (const chunk of content.chunks) this.chunks.push(chunk);
    this.length += head.length + content.length;
  }

  flush(): void {
    if (this.to > this.from) this.chunks.push(this.body.subarray(this.from, this.to));
    this.from = this.to = 0;
  }
}
