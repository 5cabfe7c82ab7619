/** One process a directory: two would write over each other. A lock whose process has died, by kill -9 too, is taken over. */
import { readFileSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'lock';

/** Throws if a living process holds the directory. Returns what gives it back. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, FILE);
  const own = `${process.pid} ${startOf(process.pid)}`;
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(own);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readFile(path, 'utf8').catch(() => '');
    if (holder === own || isAlive(holder)) {
      const who = holder === own ? 'another component of this process' : `process ${holder.split(' ')[0]}`;
      throw new Error(`${directory} is in use by ${who}. Give each its own directory, or end the other.`);
    }
    await rm(path, { force: true });
  }
  throw new Error(`${path} cannot be taken: others take it at the same time.`);
}

/** `holder` is `<pid> <start time>`: a process id is given again, its start time is not. An unreadable lock is nobody's. */
function isAlive(holder: string): boolean {
  const [pid, start] = holder.split(' ');
  const id = Number(pid);
  if (!Number.isInteger(id) || id <= 0) return false;
  try {
    process.kill(id, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return start === '' || startOf(id) === start;
}

/** Clock ticks from boot to the start of a process; empty where there is no /proc, `dead` of one that is only waited for. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : (fields[19] ?? '');
  } catch {
    return '';
  }
}
