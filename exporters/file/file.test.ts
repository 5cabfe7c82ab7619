import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBudget } from '../../src/component/budget.ts';
import { testHost, tracesOf } from '../../src/component/testing.ts';
import { jsonToProtobuf } from '../../src/otlp/json.ts';
import { factory } from './file.ts';
import { FileLog } from './log.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'misstep-file-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function exporter(written: object) {
  const host = testHost();
  const component = factory.create('file', factory.options.parse(written), { budget: createBudget(0) });
  await component.start(host);
  return { host, component, stop: () => component.shutdown(AbortSignal.timeout(10_000)) };
}

const requests = [tracesOf(['a', 'b']), tracesOf(['c']), tracesOf(['d', 'e', 'f'])];
const bodies = requests.map(({ chunks }) => Buffer.from(chunks[0] ?? ''));

describe('file', () => {
  test.each(['none', 'gzip'])('writes a line of OTLP/JSON a request, compression %s', async (compression) => {
    const path = join(directory, 'deep', 'spans.json');
    const { host, component, stop } = await exporter({ path, compression, create_directory: true });
    await Promise.all(requests.map((batch) => component.consume(batch)));
    await stop();
    const file = await readFile(path);
    const lines = (compression === 'gzip' ? gunzipSync(file) : file).toString().split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => Buffer.from(jsonToProtobuf('traces', line).body))).toEqual(bodies);
    expect([host.books.sent, host.difference()]).toEqual([6, 0]);
  });

  test('writes length-delimited protobuf, byte for byte', async () => {
    const path = join(directory, 'spans.bin');
    const { component, stop } = await exporter({ path, format: 'proto' });
    for (const batch of requests) await component.consume(batch);
    await stop();
    const file = await readFile(path);
    const read: Buffer[] = [];
    for (let at = 0; at < file.length; ) {
      const end = at + 4 + file.readUInt32BE(at);
      read.push(file.subarray(at + 4, end));
      at = end;
    }
    expect(read).toEqual(bodies);
  });

  test.each([
    [true, 'before\n'],
    [false, ''],
  ])('append: %s', async (append, kept) => {
    const path = join(directory, 'spans.json');
    await writeFile(path, 'before\n');
    const { stop } = await exporter({ path, append });
    await stop();
    expect(await readFile(path, 'utf8')).toBe(kept);
  });

  test('a path that cannot be opened fails at start', async () => {
    await expect(exporter({ path: join(directory, 'no', 'such', 'file') })).rejects.toThrow('ENOENT');
  });

  test('a disk that is full refuses and counts, and leaves what was there whole', async () => {
    const { host, component, stop } = await exporter({ path: '/dev/full', append: true });
    await expect(component.consume(requests[0] as (typeof requests)[0])).rejects.toMatchObject({ reason: 'write_failed' });
    expect(host.books.dropped).toEqual({ write_failed: 2 });
    expect(host.statuses_.at(-1)).toMatchObject({ state: 'failing' });
    await stop();
    expect(host.difference()).toBe(0);
  });

  test('nothing is taken after shutdown, and shutdown is safe without start and twice', async () => {
    const never = factory.create('file', factory.options.parse({ path: join(directory, 'x') }), { budget: createBudget(0) });
    await never.shutdown(AbortSignal.abort());
    const { component, stop } = await exporter({ path: join(directory, 'spans.json') });
    await stop();
    await stop();
    await expect(component.consume(requests[0] as (typeof requests)[0])).rejects.toMatchObject({ reason: 'shutdown' });
  });
});

describe('rotation', () => {
  test('stands between two records, loses none, and keeps max_backups files', async () => {
    const path = join(directory, 'spans.json');
    await writeFile(join(directory, 'spans-notes.json'), 'not ours');
    const log = await FileLog.open({
      path,
      append: false,
      createDirectory: false,
      gzip: false,
      maxBytes: 100,
      maxBackups: 3,
      // A clock that stands still: names must differ and be in order all the same.
      now: () => 1_700_000_000_000,
    });
    const record = (i: number) => Buffer.from(`${String(i).padStart(39, '0')}\n`);
    for (let i = 0; i < 20; i++) await log.write([record(i)]);
    await log.close();
    const names = (await readdir(directory)).sort();
    expect(names).toHaveLength(5);
    expect(names).toContain('spans-notes.json');
    const kept = names.filter((name) => name !== 'spans-notes.json');
    const files = await Promise.all(kept.map((name) => readFile(join(directory, name), 'utf8')));
    for (const file of files) expect(file.length).toBe(80);
    // Ten files of two records; the last four are left.
    const records = files
      .join('')
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b);
    expect(records).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
  });
});
