// The receiver with its adapter against a local server that answers as n8n 2.41.1 does. The real one: scripts/frameworks/n8n.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { N8nReceiver, n8nFactory } from '../receivers/n8n/n8n.ts';
import { n8n } from '../receivers/webhook/n8n/n8n.ts';
import type { Batch } from '../src/batch/batch.ts';
import { type Component, Permanent, Refused } from '../src/component/component.ts';
import type { StorageExtension } from '../src/component/stored.ts';
import { testHost, until } from '../src/component/testing.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { spanReader } from '../src/otlp/span.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { openStorage } from '../src/storage/storage.ts';

const factory = n8nFactory(n8n);
const UNFINISHED = ['new', 'running', 'waiting'];

interface Execution {
  status: string;
  readonly startedAt: string | null;
}

type Answer = { status?: number; headers?: http.OutgoingHttpHeaders; body?: unknown };

/** Executions by id with `status`, `limit` and `cursor`; running ones are listed only when asked for, as n8n does. */
class N8n {
  readonly executions = new Map<number, Execution>();
  readonly asked: { path: string; query: Record<string, string> }[] = [];
  /** Instead of what n8n would answer. */
  answer: (path: string, query: Record<string, string>) => Answer | undefined = () => undefined;
  /** Below what is asked for, so that few executions are many pages. */
  page = 2;
  url = '';
  readonly server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const query = Object.fromEntries(url.searchParams);
    this.asked.push({ path: url.pathname, query });
    const said = this.answer(url.pathname, query) ?? this.own(request.headers['x-n8n-api-key'], url.pathname, query);
    response.writeHead(said.status ?? 200, { 'content-type': 'application/json', ...said.headers });
    response.end(typeof said.body === 'string' || Buffer.isBuffer(said.body) ? said.body : JSON.stringify(said.body ?? {}));
  });

  private own(key: unknown, path: string, query: Record<string, string>): Answer {
    if (key !== 'right') return { status: 401, body: { message: 'Unauthorized' } };
    const one = /^\/api\/v1\/executions\/(\d+)$/.exec(path)?.[1];
    if (one !== undefined) {
      const found = this.executions.get(Number(one));
      return found === undefined ? { status: 404, body: { message: 'Not Found' } } : { body: whole(Number(one), found) };
    }
    if (path !== '/api/v1/executions') return { status: 404 };
    const below = query['cursor'] === undefined ? Number.POSITIVE_INFINITY : Number(query['cursor']);
    const all = [...this.executions]
      .filter(([, { status }]) => (query['status'] === undefined ? status !== 'running' : status === query['status']))
      .filter(([id]) => id < below)
      .sort(([a], [b]) => b - a);
    const data = all.slice(0, this.page).map(([id, { status, startedAt }]) => ({ id: String(id), status, startedAt }));
    return { body: { data, nextCursor: all.length > this.page ? String(data.at(-1)?.id) : null } };
  }

  add(id: number, status = 'success', startedAt: string | null = new Date(Date.now() - 60_000 + id).toISOString()): void {
    this.executions.set(id, { status, startedAt });
  }
}

const whole = (id: number, { status, startedAt }: Execution) => ({
  id: String(id),
  status,
  startedAt,
  workflowId: 'w',
  workflowData: { id: 'w', name: `run ${id}`, nodes: [], connections: {} },
  data: { resultData: { runData: { Start: [{ startTime: 1, executionTime: 1, executionIndex: 0 }] } } },
});

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function rig(given: object = {}, reply: (batch: Batch) => Promise<void> | undefined = () => undefined) {
  const api = new N8n();
  await new Promise<void>((done) => api.server.listen(0, '127.0.0.1', done));
  open.push(() => {
    api.server.closeAllConnections();
    return new Promise((done) => api.server.close(done));
  });
  api.url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  const read: string[] = [];
  const consumer = {
    consume(batch: Batch) {
      read.push(rootOf(batch));
      return reply(batch);
    },
  };
  const options = factory.options.parse({ endpoint: api.url, api_key: 'right', ...given });
  const make = () => new N8nReceiver('n8n', options, new Map([['traces', consumer]]), n8n);
  const receiver = make();
  const host = testHost();
  if (options.storage === undefined) await receiver.restore(host);
  return { api, read, receiver, host, make };
}

function rootOf(batch: Batch): string {
  const index = walkTraces(batch.chunks[0]!, dialectKeys);
  const rows = Array.from({ length: index.spanCount }, (_, row) => row);
  const root = rows.find((row) => spanReader().at(index, row).parentId() === '')!;
  return spanReader().at(index, root).name();
}

const runs = (...ids: number[]) => ids.map((id) => `run ${id}`);

describe('a round', () => {
  it('reads each execution that ended once, over pages, the oldest first, with its data', async () => {
    const { api, read, receiver, host } = await rig();
    for (const id of [1, 2, 3, 4, 5]) api.add(id, id === 4 ? 'error' : 'success');
    await receiver.round(host);
    expect(read).toEqual(runs(1, 2, 3, 4, 5));
    expect(api.asked.find(({ path }) => path.endsWith('/3'))!.query).toEqual({ includeData: 'true' });
    for (let i = 0; i < 3; i++) await receiver.round(host);
    expect(read.length).toBe(5);
    api.add(6);
    api.asked.length = 0;
    await receiver.round(host);
    expect(read.slice(5)).toEqual(runs(6));
    // Three lists of what goes on, one page of what ended, one execution.
    expect(api.asked.length).toBe(5);
  });

  it('reads what ends after later ones did, and what waited or was queued, when it has ended', async () => {
    const { api, read, receiver, host } = await rig();
    api.add(1, 'running');
    api.add(2, 'waiting');
    api.add(3, 'new', null);
    api.add(4);
    await receiver.round(host);
    for (const id of [5, 6, 7, 8]) {
      api.add(id);
      await receiver.round(host);
    }
    expect(read).toEqual(runs(4, 5, 6, 7, 8));
    for (const id of [1, 2, 3]) api.add(id, 'error');
    await receiver.round(host);
    expect(read.slice(5)).toEqual(runs(1, 2, 3));
  });

  it('passes over what started before the lookback, what was deleted, and other ends than those asked for', async () => {
    const { api, read, receiver, host } = await rig({ status: ['error', 'crashed'], lookback: '1h' });
    api.add(1, 'error', new Date(Date.now() - 7_200_000).toISOString());
    api.add(2, 'error');
    api.add(3, 'success');
    api.add(4, 'running');
    api.add(5, 'running');
    await receiver.round(host);
    api.add(4, 'success');
    api.executions.delete(5);
    await receiver.round(host);
    await receiver.round(host);
    expect(read).toEqual(runs(2));
    expect(host.logs).toEqual([]);
    expect(api.asked.filter(({ path }) => /[45]$/.test(path)).length).toBe(2);
  });

  it('reads again what the pipeline refused, but not what it refused for good', async () => {
    let say: Error | undefined = new Refused('queue', 'full', 1);
    const { api, read, receiver, host } = await rig({}, () => (say === undefined ? undefined : Promise.reject(say)));
    api.add(1);
    await expect(receiver.round(host)).rejects.toThrow('full');
    say = new Permanent('no');
    await receiver.round(host);
    await receiver.round(host);
    expect(read).toEqual(runs(1, 1));
  });

  it('starts anew where ids do, as in another database', async () => {
    const { api, read, receiver, host } = await rig();
    for (const id of [101, 102]) api.add(id);
    for (let i = 0; i < 3; i++) await receiver.round(host);
    api.executions.clear();
    api.add(1, 'success', new Date().toISOString());
    await receiver.round(host);
    await receiver.round(host);
    expect(read).toEqual(runs(101, 102, 1));
    expect(host.logs.map(({ message }) => message)).toEqual([expect.stringMatching(/begin anew/)]);
  });

  it('claim: each execution is read once, whatever starts and ends between two requests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { minLength: 20, maxLength: 60 }), async (chances) => {
        const { api, read, receiver, host } = await rig();
        let last = 0;
        let at = 0;
        const happen = () => {
          const chance = chances[at++];
          if (chance === undefined) return;
          const live = [...api.executions].filter(([, { status }]) => UNFINISHED.includes(status)).map(([id]) => id);
          if (chance % 2 === 0 || live.length === 0) api.add(++last, UNFINISHED[chance % 3]);
          else api.add(live[chance % live.length]!, 'success');
        };
        api.answer = () => {
          happen();
          return undefined;
        };
        while (at < chances.length) await receiver.round(host);
        for (const [id] of api.executions) api.add(id, 'success');
        await receiver.round(host);
        await receiver.round(host);
        expect(read.toSorted()).toEqual(runs(...api.executions.keys()).toSorted());
        for (const close of open.splice(0).reverse()) await close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('with a storage', () => {
  async function stored() {
    const directory = mkdtempSync(join(tmpdir(), 'misstep-n8n-'));
    open.push(async () => rmSync(directory, { recursive: true, force: true }));
    const events = { damaged() {}, missing() {}, failed() {}, working() {} };
    const start = async () => {
      const storage = await openStorage(
        { directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 1_000, maxBytes: 1_000_000 },
        events,
      );
      const extension: StorageExtension = { storage, async start() {}, async shutdown() {} };
      return { storage, host: testHost(undefined, { files: extension }) };
    };
    return start;
  }

  it('a restart goes on where it was, after whatever time, with what was running', async () => {
    const { api, read, make } = await rig({ storage: 'files', lookback: '0s' });
    const start = await stored();
    api.add(1, 'running', '2026-01-01T00:00:00.000Z');
    for (const id of [2, 3]) api.add(id, 'success', new Date(Date.now() + 60_000 + id).toISOString());
    for (let round = 0; round < 4; round++) {
      const { storage, host } = await start();
      const receiver = make();
      await receiver.restore(host);
      await receiver.round(host);
      await storage.close();
      if (round === 0) expect(read).toEqual(runs(2, 3));
      // Ended while nobody looked, long before the new start's lookback.
      if (round === 0) api.add(4, 'success', '2026-01-02T00:00:00.000Z');
      if (round === 1) api.add(1, 'success', '2026-01-01T00:00:00.000Z');
    }
    expect(read).toEqual(runs(2, 3, 4, 1));
  });

  it('one that does not run is an error that says so, and another n8n has a place of its own', async () => {
    const { make, api } = await rig({ storage: 'files' });
    await expect(make().restore(testHost())).rejects.toThrow("storage: 'files' does not run. Name it in service.extensions.");
    const start = await stored();
    const { storage, host } = await start();
    api.add(1);
    const receiver = make();
    await receiver.restore(host);
    await receiver.round(host);
    expect([...storage.stream(`receiver n8n ${api.url}`).entries()].length).toBe(2);
    await storage.close();
  });
});

describe('an API that is not to be trusted', () => {
  it.each<[string, Answer, RegExp]>([
    ['429', { status: 429, headers: { 'retry-after': '7' } }, /status 429\.$/],
    ['500 on the list', { status: 500, body: 'no JSON' }, /status 500\.$/],
    ['403', { status: 403 }, /status 403\. Check the scopes of api_key/],
    ['404', { status: 404 }, /status 404\. Check endpoint/],
    ['a login page', { body: '<html>' }, /no JSON object/],
    ['a list', { body: [] }, /no JSON object/],
    ['null', { body: 'null' }, /no JSON object/],
    ['a huge list', { body: Buffer.alloc(9 * 1024 * 1024, 0x20) }, /more than 8388608 bytes/],
    ['a redirect to metadata', { status: 307, headers: { location: 'http://169.254.169.254/' } }, /does not answer: Blocked/],
    ['a redirect inside', { status: 302, headers: { location: 'http://10.0.0.1/' } }, /does not answer: Blocked/],
    ['a redirect to itself', { status: 302, headers: { location: '/api/v1/executions' } }, /does not answer: Blocked/],
  ])('%s is an error that says so', async (_name, answer, said) => {
    const { api, read, receiver, host } = await rig();
    api.add(1);
    api.answer = () => answer;
    await expect(receiver.round(host)).rejects.toThrow(said);
    expect(read).toEqual([]);
    api.answer = () => undefined;
    await receiver.round(host);
    expect(read).toEqual(runs(1));
  });

  it.each<[string, unknown]>([
    ['no members', {}],
    ['data of another type', { data: 'x', nextCursor: 7 }],
    [
      'items of other types',
      { data: [null, 7, 'x', [], {}, { id: -1 }, { id: '1e3' }, { id: 1.5 }, { id: {} }, { id: '9'.repeat(99) }] },
    ],
    ['members of prototypes', '{"__proto__": {"data": [{"id": "1", "status": "success"}]}}'],
    ['a cursor that is none', { data: [], nextCursor: 'x'.repeat(100_000) }],
  ])('%s: nothing is read', async (_name, body) => {
    const { api, read, receiver, host } = await rig();
    api.answer = (path) => (path.endsWith('/executions') ? { body } : undefined);
    await receiver.round(host);
    expect([read, api.asked.length]).toEqual([[], 4]);
  });

  it('a list without an end is left off, and said so', async () => {
    const { api, read, receiver, host } = await rig();
    let id = 1_000_000;
    api.add(7);
    api.answer = (path, { status }) => {
      if (!path.endsWith('/executions') || status !== undefined) return undefined;
      return { body: { data: [{ id: String(id--), status: 'canceled', startedAt: null }], nextCursor: 'more' } };
    };
    await receiver.round(host);
    expect(api.asked.filter(({ path, query }) => path.endsWith('/executions') && query['status'] === undefined).length).toBe(40);
    expect(host.logs.map(({ message }) => message)).toEqual([expect.stringMatching(/More executions are listed than are read/)]);
    expect(read).toEqual([]);
  });

  it('a cursor that goes round in circles is left off at once', async () => {
    const { api, receiver, host } = await rig();
    api.answer = (path, { status }) =>
      path.endsWith('/executions') && status === undefined
        ? { body: { data: [{ id: '5', status: 'running', startedAt: null }], nextCursor: 'same' } }
        : undefined;
    await receiver.round(host);
    expect(api.asked.filter(({ query }) => query['cursor'] !== undefined).length).toBe(1);
  });

  it.each<[string, Answer, number, string]>([
    ['status 500', { status: 500 }, 3, 'the API answers with status 500.'],
    [
      'another execution',
      { body: { id: '9', status: 'success' } },
      3,
      'the API answers with another execution than was asked for',
    ],
    ['more than is read', { body: Buffer.alloc(33 * 1024 * 1024, 0x20) }, 1, 'the API answers with more than 33554432 bytes'],
    ['a workflow that is none', { body: { id: '2', status: 'success', workflowData: ['x y'] } }, 1, 'PayloadError'],
  ])('%s to one execution: it is passed over, the others are read', async (_name, answer, tries, said) => {
    const { api, read, receiver, host } = await rig();
    for (const id of [1, 2, 3]) api.add(id);
    api.answer = (path) => (path.endsWith('/2') ? answer : undefined);
    for (let i = 1; i < tries; i++) await expect(receiver.round(host)).rejects.toThrow(said);
    for (let i = 0; i < 3; i++) await receiver.round(host);
    expect(read).toEqual(runs(1, 3));
    expect(api.asked.filter(({ path }) => path.endsWith('/2')).length).toBe(tries);
    expect(host.metric('misstep_receiver_refused_requests')).toBe(1);
    expect(JSON.stringify(host.logs)).not.toContain('x y');
  });
});

it('an execution of 10,000 levels, with secrets in it, is read and tells none', async () => {
  const batches: Batch[] = [];
  const { api, receiver, host, read } = await rig({}, (batch) => {
    batches.push(batch);
    return undefined;
  });
  api.add(1);
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const secrets = '{"headers":{"authorization":"Bearer s3cr3t"}}';
  const run = `{"startTime":1,"executionTime":1,"data":{"main":[[{"json":${secrets}}]]},"inputOverride":${deep}}`;
  const body = `{"id":"1","status":"success","workflowId":"w","workflowData":{"name":"run 1","nodes":[{"name":"Hook","type":"n8n-nodes-base.webhook"}],"connections":{}},"data":{"resultData":{"runData":{"Hook":[${run}]}}}}`;
  api.answer = (path) => (path.endsWith('/1') ? { body } : undefined);
  await receiver.round(host);
  expect(read).toEqual(runs(1));
  expect(Buffer.concat(batches[0]!.chunks).includes('s3cr3t')).toBe(false);
});

describe('the component', () => {
  const running = async (component: Component, host: ReturnType<typeof testHost>) => {
    await component.start(host);
    open.push(() => component.shutdown(AbortSignal.timeout(1000)));
  };

  it('pulls from its start on and stops at once', async () => {
    const { api, read, receiver, host } = await rig({ interval: '1s' });
    api.add(1);
    await running(receiver, host);
    await until(() => read.length === 1 && host.statuses_.length > 0);
    expect(host.statuses_.at(-1)).toEqual({ state: 'ok' });
  });

  it('stops when its time is up, whatever the API does', async () => {
    const { api, receiver, host } = await rig();
    api.server.removeAllListeners('request');
    await receiver.start(host);
    await receiver.shutdown(AbortSignal.timeout(50));
    expect(host.statuses_).toEqual([]);
  });

  it('says what is wrong with a key and does not show it', async () => {
    const { receiver, host } = await rig({ api_key: 'wrong-key' });
    await running(receiver, host);
    await until(() => host.statuses_.length > 0);
    expect(host.statuses_[0]).toMatchObject({ state: 'failing', reason: expect.stringMatching(/401.*Check api_key/) });
    expect(JSON.stringify([host.logs, host.statuses_])).not.toContain('wrong-key');
  });

  it('waits as long as it is asked to', async () => {
    const { api, receiver, host } = await rig();
    api.answer = () => ({ status: 429, headers: { 'retry-after': '120' } });
    await running(receiver, host);
    await until(() => host.logs.length > 0);
    expect(host.logs[0]!.fields).toMatchObject({ in_ms: 120_000 });
    expect(host.statuses_[0]).toMatchObject({ state: 'degraded' });
  });

  it('keeps the path under which n8n is', async () => {
    const { api, receiver, host } = await rig();
    const options = factory.options.parse({ endpoint: `${api.url}/flows/`, api_key: 'right' });
    const below = new N8nReceiver('n8n', options, new Map([['traces', { consume: () => undefined }]]), n8n);
    await expect(below.round(host)).rejects.toThrow('404');
    expect(api.asked[0]!.path).toBe('/flows/api/v1/executions');
    void receiver;
  });
});

it.each([
  {},
  { api_key: 'k', endpoint: 'ftp://x' },
  { api_key: 'k', endpoint: 'http://user:word@x' },
  { api_key: 'k', endpoint: 'http://x/?a=b' },
  { api_key: 'k', interval: '1ms' },
  { api_key: 'k', status: [] },
  { api_key: 'k', status: ['running'] },
  { api_key: 'k', more: 1 },
])('options %j are refused', (given) => {
  expect(factory.options.safeParse(given).success).toBe(false);
});
