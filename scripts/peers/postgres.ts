// A PostgreSQL of its own, from a folder of programs, for tests: empty databases, ended by its process.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgres } from '../../extensions/database/postgres.ts';
import { freePorts } from './kit.ts';

export interface Postgres {
  url(name: string): string;
  /** Makes an empty database and returns its address. */
  empty(): Promise<string>;
  stop(): Promise<void>;
}

export async function startPostgres(bin: string): Promise<Postgres> {
  const directory = mkdtempSync(join(tmpdir(), 'misstep-postgres-'));
  /** PostgreSQL does not run as root; nobody does. */
  const who = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  chmodSync(directory, 0o777);
  if (who.uid !== undefined) chownSync(directory, who.uid, who.gid);
  const data = join(directory, 'data');
  const init = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'misstep', '-A', 'trust', '--no-sync'], {
    ...who,
    encoding: 'utf8',
  });
  if (init.status !== 0) throw new Error(`initdb: ${init.stderr}`);
  const [port] = await freePorts(1);
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-k', directory, '-h', '127.0.0.1', '-F'], {
    ...who,
    stdio: 'ignore',
  });
  const url = (name: string) => `postgres://misstep@127.0.0.1:${port}/${name}`;
  for (let tries = 0; ; tries++) {
    const driver = await openPostgres(url('postgres')).catch(() => undefined);
    if (driver !== undefined) {
      await driver.close();
      break;
    }
    if (tries > 200) throw new Error('PostgreSQL does not start.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  let n = 0;
  return {
    url,
    async empty() {
      const name = `test_${n++}`;
      const admin = await openPostgres(url('postgres'));
      await admin.run(`CREATE DATABASE ${name}`);
      await admin.close();
      return url(name);
    },
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGQUIT');
      await gone;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
