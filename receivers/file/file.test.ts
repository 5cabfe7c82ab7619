import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import { type Host, Permanent, Refused } from '../../src/component/component.ts';
import { createAdmission } from '../../src/service/admission.ts';
import { systemClock } from '../../src/service/clock.ts';
import { createBook } from '../../src/service/ledger.ts';
import { createRegistry } from '../../src/service/meter.ts';
import { createFileReceiver, factory } from './file.ts';
import { texts } from './lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function written(content: string | Uint8Array): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, content);
  return path;
}

const spans = (...names: string[]) => ({ resourceSpans: [{ scopeSpans: [{ spans: names.map((name) => ({ name })) }] }] });
const logs = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] };
const line = (document: unknown) => JSON.stringify(document);

function rig(include: string[], signals: readonly Signal[] = ['traces', 'logs']) {
  const got: Batch[] = [];
  const logged: { message: string; at: unknown }[] = [];
  const registry = createRegistry();
  const book = createBook(registry);
  const made = {
    got,
    logged,
    book,
    registry,
    admission: createAdmission(() => 0),
    reply: (_batch: Batch): Promise<void> | undefined => undefined,
  };
  const consumer = {
    consume(batch: Batch) {
      got.push(batch);
      return made.reply(batch);
    },
  };
  const host: Host = {
    logger: { log: (_level, message, fields) => logged.push({ message, at: fields?.['at'] }) },
    clock: systemClock,
    meter: registry,
    ledger: book.scope(),
    admission: made.admission,
    buildVersion: 'test',
    status() {},
    extension: () => undefined,
    statuses: () => new Map(),
    readiness: () => ({ ready: true, reasons: [] }),
    pressure: () => 0,
    provide() {},
    facts: () => ({}),
    announce() {},
    watch: () => () => undefined,
  };
  const receiver = createFileReceiver(
    'file',
    factory.options.parse({ include }),
    new Map(signals.map((signal) => [signal, consumer])),
  );
  return Object.assign(made, { host, receiver });
}

async function read(include: string[], signals?: readonly Signal[]) {
  const on = rig(include, signals);
  await on.receiver.start(on.host);
  await on.receiver.finished();
  await on.receiver.shutdown(new AbortController().signal);
  expect(on.admission.held).toBe(0);
  return on;
}

describe('reads', () => {
  const two = `${line(spans('a', 'b'))}\n${line(logs)}\n`;
  test.each<[string, string | Uint8Array, [Signal, number][]]>([
    ['a document in one line', line(spans('a')), [['traces', 1]]],
    ['a document over many lines', JSON.stringify(spans('a', 'b'), null, 2), [['traces', 2]]],
    [
      'lines',
      two,
      [
        ['traces', 2],
        ['logs', 1],
      ],
    ],
    [
      'lines with blank ones, CRLF and a BOM',
      `\ufeff\r\n${two.replaceAll('\n', '\r\n\r\n')}`,
      [
        ['traces', 2],
        ['logs', 1],
      ],
    ],
    [
      'lines without a last line end',
      two.trimEnd(),
      [
        ['traces', 2],
        ['logs', 1],
      ],
    ],
    [
      'lines in gzip',
      gzipSync(two),
      [
        ['traces', 2],
        ['logs', 1],
      ],
    ],
    ['a document in gzip', gzipSync(JSON.stringify(logs, null, 1)), [['logs', 1]]],
    ['nothing', '', []],
    ['a request without items', line({ resourceSpans: [] }), []],
  ])('%s', async (_name, content, batches) => {
    const on = await read([written(content)]);
    expect(on.got.map(({ signal, items }) => [signal, items])).toEqual(batches);
    expect(on.registry.read('misstep_receiver_refused_requests')).toEqual([]);
  });

  test('files in their order, and counts what was taken', async () => {
    const on = await read([written(line(spans('a', 'b'))), written(line(spans('c')))]);
    expect(on.got.map(({ items }) => items)).toEqual([2, 1]);
    expect(on.book.receivers()).toContainEqual({
      receiver: 'file',
      transport: 'file',
      signal: 'traces',
      accepted: 3,
      refused: 0,
    });
  });
});

describe('skips, counts and names', () => {
  test.each<[string, string, string]>([
    ['what is no JSON', '{"resourceSpans": }', 'malformed'],
    ['what is no request', '{"spans": []}', 'malformed'],
    ['what is no object', '7', 'malformed'],
    ['a broken span', line({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'zz' }] }] }] }), 'malformed'],
    ['a signal without pipeline', line({ resourceMetrics: [] }), 'no_pipeline'],
  ])('%s', async (_name, bad, reason) => {
    const path = written(`${line(spans('a'))}\n${bad}\n\n${bad}\n${line(spans('b'))}\n`);
    const on = await read([path]);
    expect(on.got.length).toBe(2);
    expect(on.registry.read('misstep_receiver_refused_requests')).toEqual([
      { labels: { receiver: 'file', transport: 'file', reason }, value: 2 },
    ]);
    expect(on.logged.map(({ at }) => at).filter((at) => at !== undefined)).toEqual([`${path}:2`, `${path}:4`]);
  });

  test('a gzip that is cut off keeps what came before, and the next file', async () => {
    const whole = gzipSync(Array.from({ length: 5_000 }, (_, i) => line(spans(`${i * 7919}`))).join('\n'));
    const on = await read([written(whole.subarray(0, whole.length - 1_000)), written(line(spans('b')))]);
    expect(on.got.length).toBeGreaterThan(1_000);
    expect(on.logged.some(({ message }) => message === 'The file cannot be read further.')).toBe(true);
    expect(on.registry.read('misstep_receiver_refused_requests').map(({ value }) => value)).toEqual([1]);
  });

  test('a line over the limit, without holding it', async () => {
    const path = written(`short\n${'x'.repeat(300_000)}\nend\n`);
    const seen: [number, string | undefined][] = [];
    for await (const { line: at, bytes } of texts(path, 1_000, new AbortController().signal)) seen.push([at, bytes?.toString()]);
    expect(seen).toEqual([
      [1, 'short'],
      [2, undefined],
      [3, 'end'],
    ]);
  });

  test('a document over the limit', async () => {
    const path = written(`{\n${'"x": 1,\n'.repeat(1_000)}"y": 2}`);
    const seen: unknown[] = [];
    for await (const text of texts(path, 1_000, new AbortController().signal)) seen.push(text);
    expect(seen).toEqual([{ line: 1, bytes: undefined }]);
  });
});

describe('a pipeline that refuses', () => {
  test('for now is asked again', async () => {
    const on = rig([written(line(spans('a', 'b')))]);
    let left = 2;
    on.reply = () => (left-- > 0 ? Promise.reject(new Refused('queue_full', 'full', 1)) : undefined);
    await on.receiver.start(on.host);
    await on.receiver.finished();
    expect(on.got.length).toBe(3);
    expect(on.book.receivers()).toContainEqual({
      receiver: 'file',
      transport: 'file',
      signal: 'traces',
      accepted: 2,
      refused: 4,
    });
  });

  test('for good is not', async () => {
    const on = rig([written(`${line(spans('a'))}\n${line(spans('b'))}`)]);
    on.reply = () => Promise.reject(new Permanent('no'));
    await on.receiver.start(on.host);
    await on.receiver.finished();
    expect(on.got.length).toBe(2);
  });

  test('for ever ends at shutdown', async () => {
    const on = rig([written(line(spans('a'))), written(line(spans('b')))]);
    on.reply = () => Promise.reject(new Refused('queue_full', 'full', 60_000));
    await on.receiver.start(on.host);
    await on.receiver.shutdown(new AbortController().signal);
    await on.receiver.shutdown(new AbortController().signal);
    expect(on.got.length).toBeLessThanOrEqual(1);
    expect(on.logged.at(-1)?.message).toBe('Stopped before the end of the file.');
    expect(on.admission.held).toBe(0);
  });
});

test('a file that is not there stops the start', async () => {
  const on = rig([join(folder, 'none.json')]);
  await expect(on.receiver.start(on.host)).rejects.toThrow(
    `cannot read ${join(folder, 'none.json')}. Check the path and its permissions.`,
  );
});
