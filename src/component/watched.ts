/**
 * Files that are read again when they change: keys, certificates, lists of tokens. They are looked at every so often,
 * for change notices are lost over symbolic links, mounts and network file systems, which is how secrets are mounted.
 */
import { stat } from 'node:fs/promises';

/** What is revoked stops working within a second. */
export const LOOK_MS = 500;

export class WatchedFiles {
  private readonly files: readonly string[];
  private readonly timer: NodeJS.Timeout;
  private seen: string | undefined;
  private looking = false;
  private closed = false;

  /** `changed` is called after any of `files` has changed since this was made; what it throws is tried again at the next look. */
  constructor(files: readonly string[], changed: () => void, everyMs = LOOK_MS) {
    this.files = files;
    const look = async () => {
      if (this.looking) return;
      this.looking = true;
      const now = await this.marks();
      this.looking = false;
      if (this.closed || now === this.seen) return;
      const first = this.seen === undefined;
      this.seen = now;
      if (first) return;
      try {
        changed();
      } catch {
        this.seen = '';
      }
    };
    void look();
    this.timer = setInterval(look, everyMs);
    this.timer.unref();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
  }

  /** Differs when a file was written, replaced or taken away; a link counts as what it leads to. */
  private async marks(): Promise<string> {
    const marks = this.files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
        return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
      } catch (error) {
        return String((error as NodeJS.ErrnoException).code);
      }
    });
    return (await Promise.all(marks)).join('\n');
  }
}
