import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Damage, openStorage, type Storage, type StorageOptions, type Stream } from './storage.ts';

let directory = '';
let damages: Damage[] = [];
let missing = 0;
const failures: string[] = [];
const open: Storage[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'misstep-storage-'));
  damages = [];
  missing = 0;
  failures.length = 0;
});

afterEach(async () => {
  for (const storage of open.splice(0)) await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

async function opened(options: Partial<StorageOptions> = {}): Promise<Storage> {
  const storage = await openStorage(
    { directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 1_000, maxBytes: 1_000_000, ...options },
    {
      damaged: (damage) => damages.push(damage),
      missing: (records) => {
        missing += records;
      },
      failed: (error) => failures.push(error.message),
      working: () => failures.push('working'),
    },
  );
  open.push(storage);
  return storage;
}

const text = (value: string) => [Buffer.from(value)];
const keys = (stream: Stream) => [...stream.entries()].map(([key]) => key);
const files = () => readdirSync(directory).filter((file) => file.endsWith('.seg'));
const path = (file: string | undefined) => join(directory, file as string);

/** `count` records of about 100 bytes in the stream `a`. */
async function filled(count: number, options: Partial<StorageOptions> = {}): Promise<void> {
  const storage = await opened(options);
  const stream = storage.stream('a');
  for (let key = 0; key < count; key++) {
    stream.put(key, key * 2, text(`${key}`.padEnd(60, '.')));
    await storage.committed();
  }
  await storage.close();
}

async function readAll(stream: Stream): Promise<string[]> {
  return Promise.all(keys(stream).map(async (key) => (await stream.read(key)).toString().replaceAll('.', '')));
}

test.each(['none', 'interval', 'commit'] as const)('%s: what was committed is there after a restart, in order', async (sync) => {
  const storage = await opened({ sync, syncIntervalMs: 1 });
  const [a, b] = [storage.stream('a'), storage.stream('b')];
  a.put(1, 7, text('one'));
  b.put(1, 0, [Buffer.from('an'), Buffer.from('other')]);
  a.put(2, 8, text('two'));
  await storage.committed();
  a.put(1, 9, text('one again'));
  a.remove(2);
  a.put(3, 0, []);
  await storage.committed();
  await storage.close();
  const again = await opened({ sync });
  expect(await readAll(again.stream('a'))).toEqual(['one again', '']);
  expect([...again.stream('a').entries()].map(([key, { tag }]) => [key, tag])).toEqual([
    [1, 9],
    [3, 0],
  ]);
  expect(again.unclaimed).toBeGreaterThan(40);
  expect(await readAll(again.stream('b'))).toEqual(['another']);
  expect([again.unclaimed, damages, missing]).toEqual([0, [], 0]);
});

test('segments go, oldest first, when all in them is removed', async () => {
  const storage = await opened();
  const stream = storage.stream('a');
  for (let key = 0; key < 40; key++) {
    stream.put(key, 0, text('x'.repeat(100)));
    await storage.committed();
  }
  const before = files().length;
  expect(before).toBeGreaterThan(4);
  for (let key = 0; key < 40; key++) stream.remove(key);
  await storage.committed();
  expect(files().length).toBeLessThanOrEqual(2);
  expect(storage.liveBytes).toBe(0);
  await storage.close();
  expect(keys((await opened()).stream('a'))).toEqual([]);
});

test('one old record does not keep every segment after it: it is moved', async () => {
  const storage = await opened();
  const stream = storage.stream('a');
  stream.put(0, 5, text('old'));
  for (let key = 1; key < 200; key++) {
    stream.put(key, 0, text('x'.repeat(100)));
    await storage.committed();
    stream.remove(key);
  }
  await storage.committed();
  expect(files().length).toBeLessThanOrEqual(6);
  expect((await stream.read(0)).toString()).toBe('old');
  await storage.close();
  const again = (await opened()).stream('a');
  expect([...again.entries()].map(([key, { tag }]) => [key, tag])).toEqual([[0, 5]]);
  expect((await again.read(0)).toString()).toBe('old');
});

test('claim 12: a full storage refuses puts, takes removals, and works again', async () => {
  const storage = await opened({ maxBytes: 3_000, segmentBytes: 500 });
  const stream = storage.stream('a');
  let key = 0;
  const fill = async () => {
    for (;;) {
      stream.put(key++, 0, text('x'.repeat(100)));
      await storage.committed();
    }
  };
  await expect(fill()).rejects.toMatchObject({ code: 'FULL' });
  expect(storage.bytes).toBeLessThanOrEqual(3_000);
  for (const [each] of [...stream.entries()].slice(0, 10)) stream.remove(each);
  await storage.committed();
  stream.put(1_000, 0, text('fits'));
  await storage.committed();
  expect(keys(stream)).toContain(1_000);
});

test('a process at a time', async () => {
  await opened();
  await expect(opened()).rejects.toThrow('is in use by another component of this process');
});

test('the lock of a process that died is taken over', async () => {
  writeFileSync(join(directory, 'lock'), '999999999 1');
  await (await opened()).close();
  writeFileSync(join(directory, 'lock'), `${process.pid} 1`);
  await (await opened()).close();
  writeFileSync(join(directory, 'lock'), '');
  await opened();
});

test.skipIf(process.platform !== 'linux')(
  'the lock of a process that was killed and is not waited for yet is taken over',
  async () => {
    // The shell execs into sleep, which never waits for its child.
    const shell = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const said = await new Promise<string>((resolve) => shell.stdout.once('data', (data) => resolve(String(data))));
      const pid = Number(said.trim());
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ');
      while (stat()[2] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
      writeFileSync(join(directory, 'lock'), `${pid} ${stat()[21]}`);
      await opened();
    } finally {
      shell.kill();
    }
  },
);

test('claim 11: a log cut at every byte: what lies before the cut is kept, and nothing throws', async () => {
  await filled(6, { segmentBytes: 1_000_000 });
  const [file] = files();
  const whole = readFileSync(path(file));
  for (let cut = 0; cut < whole.length; cut++) {
    writeFileSync(path(file), whole.subarray(0, cut));
    const storage = await opened();
    expect(keys(storage.stream('a'))).toEqual([0, 1, 2, 3, 4, 5].slice(0, Math.floor(cut / 100)));
    // What is written after a torn end is found too.
    storage.stream('a').put(99, 0, text('new'));
    await storage.committed();
    await storage.close();
    open.length = 0;
    const again = await opened();
    expect(keys(again.stream('a'))).toEqual([...[0, 1, 2, 3, 4, 5].slice(0, Math.floor(cut / 100)), 99]);
    await again.close();
    open.length = 0;
    for (const each of files()) if (each !== file) rmSync(path(each));
  }
  expect(damages.every(({ torn }) => torn || damages.length > 0)).toBe(true);
});

test('claim 11: every byte flipped in turn: one record is lost, no other', async () => {
  await filled(6, { segmentBytes: 1_000_000 });
  const [file] = files();
  const whole = readFileSync(path(file));
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ 0xff;
    writeFileSync(path(file), damaged);
    damages = [];
    missing = 0;
    const storage = await opened();
    const hit = Math.floor(at / 100);
    expect(keys(storage.stream('a'))).toEqual([0, 1, 2, 3, 4, 5].filter((key) => key !== hit));
    expect(damages).toMatchObject([{ file, offset: hit * 100, bytes: 100, torn: hit === 5 }]);
    expect(missing).toBe(hit === 5 ? 0 : 1);
    await storage.close();
    open.length = 0;
  }
});

test('a whole segment that is emptied, or gone, is told by the numbers that are missing', async () => {
  await filled(30);
  const [first, second, third] = files();
  expect(third).toBeDefined();
  truncateSync(path(second), 0);
  const storage = await opened();
  const lost = 30 - keys(storage.stream('a')).length;
  expect([missing, lost]).toEqual([lost, 10]);
  expect(statSync(path(first)).size).toBeGreaterThan(0);
});

test('zeros, garbage and foreign files are no trouble', async () => {
  await filled(3);
  const [file] = files();
  appendFileSync(path(file), Buffer.alloc(5_000));
  writeFileSync(path('0000000000000009.seg'), Buffer.from('MSL1 is how a record begins, but this is none'));
  writeFileSync(path('notes.txt'), 'mine');
  const storage = await opened();
  expect(keys(storage.stream('a'))).toEqual([0, 1, 2]);
  expect(damages).toHaveLength(2);
});

test('a record that is damaged while it is open is told to whoever reads it', async () => {
  const storage = await opened();
  const stream = storage.stream('a');
  stream.put(1, 0, text('abc'));
  await storage.committed();
  const [file] = files();
  const bytes = readFileSync(path(file));
  bytes[41] = 0;
  writeFileSync(path(file), bytes);
  await expect(stream.read(1)).rejects.toMatchObject({ code: 'DAMAGED' });
  await expect(stream.read(2)).rejects.toMatchObject({ code: 'ABSENT' });
});

test('claim 12: a group that cannot be written leaves nothing, and the next one is tried', async () => {
  const storage = await opened();
  const stream = storage.stream('a');
  stream.put(1, 0, text('kept'));
  await storage.committed();
  // Longer than a file may be on any system: fails in the write itself.
  const endless = { length: 2 ** 31 } as Uint8Array;
  expect(() => stream.put(2, 0, [endless])).toThrow(expect.objectContaining({ code: 'FULL' }));
  rmSync(directory, { recursive: true });
  for (let i = 0; i < 20; i++) stream.put(10 + i, 0, text('x'.repeat(100)));
  await storage.committed();
  stream.put(3, 0, text('no directory for a new segment'));
  stream.remove(1);
  await expect(storage.committed()).rejects.toMatchObject({ code: 'ENOENT' });
  expect(keys(stream)).not.toContain(3);
  expect(keys(stream)).not.toContain(1);
  expect(failures).toHaveLength(1);
  const { mkdirSync } = await import('node:fs');
  mkdirSync(directory);
  stream.put(4, 0, text('again'));
  await storage.committed();
  expect(failures[1]).toBe('working');
  expect((await stream.read(4)).toString()).toBe('again');
});
