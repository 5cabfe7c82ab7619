/**
 * Files that are read again when they change: keys, certificates, lists of tokens. They are looked at every so often,
 * for change notices are lost over symbolic links, mounts and network file systems, which is how secrets are mounted.
 */
import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** What is revoked stops working within a second. */
const LOOK_MS = 500;

export class WatchedFiles {
  private readonly files: readonly string[];
  private readonly changed: () => void;
  private readonly timer: NodeJS.Timeout;
  private seen: string;
  private looking = false;
  private closed = false;

  /**
   * `changed` is called when a file is written, replaced or taken away after this was made; a link counts as what it
   * leads to. If it throws it is called again at every look until it does not.
   */
  constructor(files: readonly string[], changed: () => void, everyMs = LOOK_MS) {
    this.files = files;
    this.changed = changed;
    this.seen = files.map((file) => mark(() => statSync(file, { bigint: true }))).join();
    this.timer = setInterval(() => this.look(), everyMs);
    this.timer.unref();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    // A file system that hangs is waited for, not asked again.
    if (this.looking) return;
    this.looking = true;
    const found = await Promise.allSettled(this.files.map((file) => stat(file, { bigint: true })));
    this.looking = false;
    const now = found.map((one) => mark(() => (one.status === 'fulfilled' ? one.value : raise(one.reason)))).join();
    if (this.closed || now === this.seen) return;
    this.seen = now;
    try {
      this.changed();
    } catch {
      this.seen = '';
    }
  }
}

/** Differs when the file does. */
function mark(read: () => BigIntStats): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = read();
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function raise(error: unknown): never {
  throw error;
}
