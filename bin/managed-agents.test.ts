// The receiver with its adapter against a local server that answers as the documented API does; there was no account to test with.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ManagedAgentsReceiver, managedAgentsFactory } from '../receivers/managed_agents/managed_agents.ts';
import { managedAgents } from '../receivers/webhook/managed-agents/managed-agents.ts';
import type { Batch } from '../src/batch/batch.ts';
import { Permanent, Refused } from '../src/component/component.ts';
import { testHost, until } from '../src/component/testing.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { spanReader } from '../src/otlp/span.ts';
import { walkTraces } from '../src/otlp/traces.ts';

const factory = managedAgentsFactory(managedAgents);

const at = (second: number) => new Date(Date.now() - 60_000 + second * 1000).toISOString();

/** The API: sessions with their events, `limit` and `page`, `created_at[gt]`, and a key. */
class Api {
  readonly sessions: { id: string; status: string; updated_at: string; agent: object }[] = [];
  readonly events = new Map<string, object[]>();
  readonly asked: { path: string; query: Record<string, string>; beta: unknown }[] = [];
  fail: { status: number; headers?: http.OutgoingHttpHeaders } | undefined;
  page = 2;
  url = '';
  readonly server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const query = Object.fromEntries(url.searchParams);
    this.asked.push({ path: url.pathname, query, beta: request.headers['anthropic-beta'] });
    const answer = (status: number, body: object, headers: http.OutgoingHttpHeaders = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (request.headers['x-api-key'] !== 'right')
      answer(401, { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } });
    else if (this.fail !== undefined) answer(this.fail.status, { error: { type: 'overloaded_error' } }, this.fail.headers);
    else if (url.pathname === '/v1/sessions') answer(200, { data: this.sessions, next_page: null });
    else {
      const id = url.pathname.split('/')[3] ?? '';
      const after = query['created_at[gt]'] ?? '';
      const all = (this.events.get(id) ?? []).filter(
        (one) => after === '' || String((one as { processed_at: unknown }).processed_at) > after,
      );
      const from = Number(query['page'] ?? 0);
      answer(200, {
        data: all.slice(from, from + this.page),
        next_page: from + this.page < all.length ? String(from + this.page) : null,
      });
    }
  });

  rest(id: string, events: object[], status = 'idle'): void {
    const known = this.sessions.find((one) => one.id === id);
    if (known !== undefined) this.sessions.splice(this.sessions.indexOf(known), 1);
    this.sessions.unshift({
      id,
      status,
      updated_at: at(this.asked.length / 1000 + this.events.size + events.length),
      agent: { name: 'coder' },
    });
    this.events.set(id, events);
  }
}

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function rig(given: object = {}, reply: (batch: Batch) => Promise<void> | undefined = () => undefined) {
  const api = new Api();
  await new Promise<void>((done) => api.server.listen(0, '127.0.0.1', done));
  open.push(() => {
    api.server.closeAllConnections();
    return new Promise((done) => api.server.close(done));
  });
  api.url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  const batches: Batch[] = [];
  const consumer = {
    consume(batch: Batch) {
      batches.push(batch);
      return reply(batch);
    },
  };
  const options = factory.options.parse({ endpoint: api.url, api_key: 'right', ...given });
  const receiver = new ManagedAgentsReceiver('managed_agents', options, new Map([['traces', consumer]]), managedAgents);
  const host = testHost();
  return { api, batches, receiver, host };
}

function spansOf(batch: Batch): { name: string; root: boolean; trace: string }[] {
  const index = walkTraces(batch.chunks[0]!, dialectKeys);
  return Array.from({ length: index.spanCount }, (_, row) => {
    const reader = spanReader().at(index, row);
    return { name: reader.name(), root: reader.parentId() === '', trace: reader.traceId() };
  });
}

const turn = (from: number) => [
  { id: `e${from}`, type: 'user.message', processed_at: at(from), content: [{ type: 'text', text: 'go' }] },
  { id: `e${from + 1}`, type: 'agent.tool_use', processed_at: at(from + 1), name: 'bash', input: {} },
  { id: `e${from + 2}`, type: 'agent.tool_result', processed_at: at(from + 2), tool_use_id: `e${from + 1}`, content: 'x' },
  { id: `e${from + 3}`, type: 'session.status_idle', processed_at: at(from + 3), stop_reason: { type: 'end_turn' } },
];

describe('a round', () => {
  it('reads each session that rests once, over pages, and later only what is new', async () => {
    const { api, batches, receiver, host } = await rig();
    const first = turn(0);
    api.rest('sesn_1', first);
    await receiver.round(host, 0);
    await receiver.round(host, 0);
    expect(batches.map((batch) => spansOf(batch).map(({ name }) => name))).toEqual([
      ['invoke_agent coder', 'chat', 'execute_tool bash'],
    ]);
    expect(api.asked.filter(({ path }) => path.endsWith('/events')).map(({ query }) => query['page'])).toEqual([undefined, '2']);
    expect(api.asked[0]).toMatchObject({ path: '/v1/sessions', beta: 'managed-agents-2026-04-01' });

    api.rest('sesn_1', [...first, ...turn(10)]);
    await receiver.round(host, 0);
    const later = spansOf(batches[1]!);
    expect(later.map(({ name, root }) => [name, root])).toEqual([
      ['chat', false],
      ['execute_tool bash', false],
    ]);
    expect(later[0]!.trace).toBe(spansOf(batches[0]!)[0]!.trace);
    expect(api.asked.at(-1)!.query['created_at[gt]']).toBe((first[3] as { processed_at: string }).processed_at);
  });

  it('reads a call that waits for the user together with its answer, and without one when the session is over', async () => {
    const { api, batches, receiver, host } = await rig();
    const [asked, call, result, end] = turn(0) as [object, object, object, object];
    const waiting = { ...end, id: 'w', processed_at: at(1), stop_reason: { type: 'requires_action' } };
    api.rest('sesn_1', [asked, call, waiting]);
    await receiver.round(host, 0);
    expect(spansOf(batches[0]!).map(({ name }) => name)).toEqual(['invoke_agent coder']);
    api.rest('sesn_1', [asked, call, waiting, result, end]);
    await receiver.round(host, 0);
    expect(spansOf(batches[1]!).map(({ name }) => name)).toEqual(['chat', 'execute_tool bash']);
    api.rest('sesn_2', [asked, call, waiting], 'terminated');
    await receiver.round(host, 0);
    expect(spansOf(batches[2]!).map(({ name }) => name)).toContain('execute_tool bash');
  });

  it('waits for sessions that run, and passes over those that rested long ago', async () => {
    const { api, batches, receiver, host } = await rig();
    api.rest('sesn_1', turn(0), 'running');
    await receiver.round(host, 0);
    api.rest('sesn_2', turn(0));
    await receiver.round(host, Date.now() + 1_000_000);
    expect(batches).toEqual([]);
  });

  it('reads again what the pipeline refused, but not what it refused for good', async () => {
    let say: Error | undefined = new Refused('queue', 'full', 1);
    const { api, batches, receiver, host } = await rig({}, () => (say === undefined ? undefined : Promise.reject(say)));
    api.rest('sesn_1', turn(0));
    await expect(receiver.round(host, 0)).rejects.toThrow('full');
    say = new Permanent('no');
    await receiver.round(host, 0);
    await receiver.round(host, 0);
    expect(batches.length).toBe(2);
  });

  it.each<[number, object, RegExp]>([
    [529, {}, /status 529 \(overloaded_error\)/],
    [307, { location: 'http://169.254.169.254/' }, /does not answer: Blocked/],
    [307, { location: 'http://10.0.0.1/' }, /does not answer: Blocked/],
  ])('status %i %j is an error that says so', async (status, headers, said) => {
    const { api, receiver, host } = await rig();
    api.fail = { status, headers: headers as http.OutgoingHttpHeaders };
    await expect(receiver.round(host, 0)).rejects.toThrow(said);
  });
});

describe('the component', () => {
  it('pulls from its start on and stops at once', async () => {
    const { api, batches, receiver, host } = await rig({ interval: '1s' });
    api.rest('sesn_1', turn(0));
    await receiver.start(host);
    open.push(() => receiver.shutdown(AbortSignal.timeout(5_000)));
    await until(() => batches.length === 1 && host.statuses_.length > 0);
    expect(host.statuses_.at(-1)).toEqual({ state: 'ok' });
    await receiver.shutdown(AbortSignal.timeout(5_000));
  });

  it('says what is wrong with a key and does not show it', async () => {
    const { receiver, host } = await rig({ api_key: 'wrong-key' });
    await receiver.start(host);
    open.push(() => receiver.shutdown(AbortSignal.timeout(5_000)));
    await until(() => host.statuses_.length > 0);
    expect(host.statuses_[0]).toMatchObject({
      state: 'failing',
      reason: expect.stringMatching(/401 \(authentication_error\).*Check api_key/),
    });
    expect(JSON.stringify([host.logs, host.statuses_])).not.toContain('wrong-key');
  });
});

it.each([{}, { api_key: 'k', endpoint: 'ftp://x' }, { api_key: 'k', interval: '1ms' }, { api_key: 'k', more: 1 }])(
  'options %j are refused',
  (given) => {
    expect(factory.options.safeParse(given).success).toBe(false);
  },
);
