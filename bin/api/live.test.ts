// What the API tells without being asked again: the stream of detections, and webhooks to a real receiver.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isSigned, schemeOf, secretBytes } from '../../receivers/webhook/signature.ts';
import { until } from '../../src/component/testing.ts';
import { deliveredByTwo } from '../testing/two-sidecars.ts';
import { announce, finding, type Platform, startPlatform } from './testing.ts';

const hex = (n: number) => n.toString(16).padStart(32, '0');
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function platformOf(options: object = {}): Promise<Platform> {
  const platform = await startPlatform(options);
  stops.push(() => platform.stop());
  return platform;
}

/** As it reaches the database with the batch. */
const store = (platform: Platform, id: number, more = {}) => platform.ingest([{ span: 2, events: [finding(id, more, id)] }]);

interface Event {
  readonly id: string;
  readonly event: string;
  readonly number: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it.
  readonly data: any;
}

/** What has come on a stream so far. */
async function listen(platform: Platform, query = '', headers: Record<string, string> = {}) {
  const end = new AbortController();
  stops.push(() => end.abort());
  const answer = await fetch(`${platform.url}/api/v1/detections/stream${query}`, { signal: end.signal, headers });
  const events: Event[] = [];
  const state = { status: answer.status, type: answer.headers.get('content-type'), events, text: '', ended: false };
  const reading = (async () => {
    for await (const text of (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      state.text += text;
      const parts = state.text.split('\n\n');
      state.text = parts.pop() as string;
      for (const part of parts) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? '';
        if (field('event') === '') continue;
        const data = JSON.parse(field('data'));
        events.push({ id: field('id'), event: field('event'), data, number: Number(`0x${data.data?.id ?? 0}`) });
      }
    }
    state.ended = true;
  })().catch(() => undefined);
  return { ...state, state, reading, close: () => end.abort() };
}

const hostile = '<script>alert(1)</script>\n\nevent: forged\ndata: {}\r\n\u001b[2J\u202e';

test('claim 29: hostile text of a run is data of one event and of one JSON string, and no page shows it', async () => {
  const platform = await platformOf();
  const { events } = await listen(platform);
  announce(platform, 7, { explanation: hostile });
  await until(() => events.length === 1);
  expect(events.map(({ event }) => event)).toEqual(['detection']);
  await platform.ingest([{ span: 2, events: [finding(7, { 'gen_ai.evaluation.explanation': hostile })] }]);
  const { headers, body } = await platform.ask('GET', `/detections/${'7'.padStart(32, '0')}`);
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(JSON.stringify(body)).not.toContain('\u001b');
  expect((await platform.ask('GET', '/docs')).body).not.toContain('alert(1)');
});

describe('the stream of detections', () => {
  test('tells what is found, of its tenant, as it is found', async () => {
    const platform = await platformOf();
    const { status, type, events } = await listen(platform);
    expect([status, type]).toEqual([200, 'text/event-stream']);
    announce(platform, 7);
    announce(platform, 8, { tenant: 'other' });
    announce(platform, 9, { kind: 'withdrawal' });
    await until(() => events.length === 2);
    expect(events.map(({ event, number, data }) => [event, number, data.type])).toEqual([
      ['detection', 7, 'detection.created'],
      ['detection', 9, 'detection.resolved'],
    ]);
    expect(events[0]?.data.data).toMatchObject({
      detection_type: 'loop',
      confidence: 90,
      confidence_tier: 'HIGH',
      details: { tool: 'ls' },
    });
  });

  test('filters', async () => {
    const platform = await platformOf();
    const { events } = await listen(platform, '?detection_type=cost&confidence_min=50');
    announce(platform, 1);
    announce(platform, 2, { detector: 'cost', confidence: 0.4 });
    announce(platform, 3, { detector: 'cost' });
    await until(() => events.length === 1);
    expect(events[0]?.number).toBe(3);
  });

  test('who comes back gets what came meanwhile, written or not, once', async () => {
    const platform = await platformOf();
    const first = await listen(platform);
    announce(platform, 100);
    await store(platform, 100);
    await until(() => first.events.length === 1);
    first.close();
    const last = first.events[0]?.id as string;
    for (const id of [200, 300]) {
      announce(platform, id);
      await store(platform, id);
    }
    announce(platform, 400);
    const again = await listen(platform, '', { 'last-event-id': last });
    await until(() => again.events.length === 3);
    announce(platform, 500);
    await until(() => again.events.length === 4);
    expect(again.events.map(({ number }) => number)).toEqual([200, 300, 400, 500]);
    const catchUp = await listen(platform, `?seconds=0&last_event_id=${last}`);
    await catchUp.reading;
    expect(catchUp.state.ended).toBe(true);
    expect(catchUp.events.map(({ number }) => number)).toEqual([200, 300, 400, 500]);
  });

  test('what it does not know as an event id is refused', async () => {
    const platform = await platformOf();
    expect(await platform.ask('GET', '/detections/stream?last_event_id=x')).toMatchObject({
      status: 400,
      body: { code: 'bad-event-id' },
    });
  });

  test('a client that does not read loses events, and is told how many', async () => {
    const platform = await platformOf();
    const answer = await fetch(`${platform.url}/api/v1/detections/stream`);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    stops.push(() => reader.cancel());
    const explanation = 'x'.repeat(20_000);
    let said = 0;
    await until(() => {
      for (let i = 0; i < 200; i++) announce(platform, ++said, { explanation });
      return platform.host.metric('misstep_stream_dropped_events') > 0;
    });
    let text = '';
    const decoder = new TextDecoder();
    while (!text.includes('event: dropped')) {
      announce(platform, ++said);
      const { value } = await reader.read();
      text = text.slice(-200) + decoder.decode(value, { stream: true });
    }
    expect(text).toMatch(/event: dropped\ndata: \{"count":\d+,"after":"\d+-/);
  });

  test('17 of one tenant are one too many; the end of the API ends all', async () => {
    const platform = await startPlatform();
    const streams = [];
    for (let i = 0; i < 16; i++) streams.push(await listen(platform));
    expect(await platform.ask('GET', '/detections/stream')).toMatchObject({ status: 429, body: { code: 'too-many-streams' } });
    await platform.stop();
    await Promise.all(streams.map(({ reading }) => reading));
    expect(streams.every(({ state }) => state.ended)).toBe(true);
  });
});

describe('webhooks', () => {
  interface Got {
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }
  async function receiver(answer: (n: number) => number = () => 204) {
    const got: Got[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (some) => {
        body += some;
      });
      request.on('end', () => {
        got.push({ headers: request.headers, body });
        response.writeHead(answer(got.length), { location: 'http://127.0.0.1:1/' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { got, host, url: `http://${host}/hook` };
  }
  const found = async (platform: Platform, id: number) => {
    announce(platform, id);
    await store(platform, id);
  };
  const secondsOf = () => new Promise((resolve) => setTimeout(resolve, 1));

  test('a detection is sent, signed with the secret that was shown once', async () => {
    const { got, host, url } = await receiver();
    const platform = await platformOf({ webhook_hosts: [host] });
    await found(platform, 1);
    await secondsOf();
    const { status, body } = await platform.ask('POST', '/webhooks', { url, detection_types: ['loop'] });
    expect([status, body.secret]).toEqual([201, expect.stringMatching(/^whsec_/)]);
    await found(platform, 2);
    await until(() => got.length > 0);
    const { headers, body: sent } = got[0] as Got;
    expect(JSON.parse(sent)).toMatchObject({ type: 'detection.created', data: { id: hex(2), confidence: 90 } });
    const signing = { standard: [secretBytes(body.secret) as Uint8Array], langsmith: [] };
    expect(schemeOf(headers, signing, Date.now())).toEqual({ scheme: 'standard' });
    expect(isSigned('standard', headers, Buffer.from(sent), signing)).toBe(true);
    expect(isSigned('standard', headers, Buffer.from(`${sent} `), signing)).toBe(false);
    await until(async () => (await platform.ask('GET', `/webhooks/${body.id}`)).body.delivered === 1);
    const { body: listed } = await platform.ask('GET', '/webhooks');
    expect(JSON.stringify(listed)).not.toContain('whsec_');
    // The secret before signs too, for a day.
    const rotated = await platform.ask('POST', `/webhooks/${body.id}/rotate`);
    await found(platform, 3);
    await until(() => got.length === 2);
    for (const secret of [body.secret, rotated.body.secret]) {
      const one = { standard: [secretBytes(secret) as Uint8Array], langsmith: [] };
      expect(isSigned('standard', got[1]?.headers as IncomingHttpHeaders, Buffer.from(got[1]?.body as string), one)).toBe(true);
    }
  });

  test('a receiver that fails is tried again with the same id; nothing behind it overtakes', async () => {
    const { got, host, url } = await receiver((n) => (n === 1 ? 503 : 200));
    const platform = await platformOf({ webhook_hosts: [host] });
    await platform.ask('POST', '/webhooks', { url });
    await found(platform, 1);
    await found(platform, 2);
    await until(() => got.length === 3, 10_000);
    const ids = got.map(({ headers }) => headers['webhook-id']);
    expect(ids[0]).toBe(ids[1]);
    expect(got.map(({ body }) => JSON.parse(body).data.id)).toEqual([hex(1), hex(1), hex(2)]);
  });

  test('what is refused is a dead letter, with its reason, and can be sent again', async () => {
    const { got, host, url } = await receiver((n) => (n === 1 ? 400 : 200));
    const platform = await platformOf({ webhook_hosts: [host] });
    const { body } = await platform.ask('POST', '/webhooks', { url });
    await found(platform, 1);
    await until(async () => (await platform.ask('GET', `/webhooks/${body.id}`)).body.failed === 1);
    const dead = await platform.ask('GET', `/webhooks/${body.id}/dead-letters`);
    expect(dead.body).toMatchObject({ total: 1, items: [{ error: 'answered 400', payload: { data: { id: hex(1) } } }] });
    expect((await platform.ask('POST', `/webhooks/${body.id}/redeliver`, {})).body).toEqual({ delivered: 1, failed: 0 });
    expect((await platform.ask('GET', `/webhooks/${body.id}/dead-letters`)).body.total).toBe(0);
    expect(got[1]?.headers['webhook-id']).toBe(got[0]?.headers['webhook-id']);
  });

  test('410 switches it off; a redirect is not followed', async () => {
    const gone = await receiver(() => 410);
    const moved = await receiver(() => 307);
    const platform = await platformOf({ webhook_hosts: [gone.host, moved.host] });
    const { body: one } = await platform.ask('POST', '/webhooks', { url: gone.url });
    const { body: two } = await platform.ask('POST', '/webhooks', { url: moved.url });
    await found(platform, 1);
    const state = async (id: string) => (await platform.ask('GET', `/webhooks/${id}`)).body;
    await until(async () => (await state(one.id)).switched_off !== null && (await state(two.id)).failed === 1);
    expect((await state(one.id)).switched_off).toContain('410');
    expect((await state(two.id)).last_error).toBe('answered 307');
  });

  test.each([
    'http://127.0.0.1:80/',
    'http://[::1]/',
    'http://localhost/x',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.7/',
    'ftp://example.com/',
    'https://user:password@example.com/',
    'no url',
  ])('claim 25: %s is no address for a webhook', async (url) => {
    const platform = await platformOf();
    const { status, body } = await platform.ask('POST', '/webhooks', { url });
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, 'not-valid', '/url']);
  });

  test('two sidecars on one database send each event once', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'misstep-two-'));
    stops.push(() => rmSync(directory, { recursive: true }));
    const got = await deliveredByTwo({ directory }, 60);
    expect(got.toSorted()).toEqual(Array.from({ length: 60 }, (_, i) => hex(i + 1)).sort());
  });

  test('a sidecar that died while it sent is waited for, and then another goes on', async () => {
    const { got, host, url } = await receiver();
    const platform = await platformOf({ webhook_hosts: [host] });
    const { body } = await platform.ask('POST', '/webhooks', { url });
    const mine = platform.database.records.of('default');
    const dead = async (untilMs: number) => {
      const row = await mine.document('webhook-state', body.id);
      await mine.put('webhook-state', body.id, { ...(row?.body as object), lease: { by: 'another', untilMs } });
    };
    await dead(Date.now() + 3_600_000);
    await found(platform, 1);
    // Another registration of the same tenant is looked at in the same rounds.
    const free = await platform.ask('POST', '/webhooks', { url });
    await found(platform, 2);
    await until(async () => (await platform.ask('GET', `/webhooks/${free.body.id}`)).body.delivered >= 1);
    expect((await platform.ask('GET', `/webhooks/${body.id}`)).body.delivered).toBe(0);
    await dead(Date.now() - 1);
    await until(async () => (await platform.ask('GET', `/webhooks/${body.id}`)).body.delivered === 2, 20_000);
    expect(got.length).toBeGreaterThanOrEqual(3);
  });

  test('after a restart it goes on where it was', async () => {
    const { got, host, url } = await receiver();
    const platform = await platformOf({ webhook_hosts: [host] });
    await platform.ask('POST', '/webhooks', { url });
    await found(platform, 1);
    await until(() => got.length === 1);
    await platform.restart(() => store(platform, 2));
    await until(() => got.some(({ body }) => JSON.parse(body).data.id === hex(2)), 10_000);
  });
});

describe('Idempotency-Key', () => {
  const key = { 'idempotency-key': 'k1' };

  test('the second is answered as the first was, and does nothing', async () => {
    const platform = await platformOf();
    const ask = (name: string, headers: Record<string, string> = key) =>
      platform.ask('POST', '/workflow-groups', { name }, headers);
    const first = await ask('g');
    const second = await ask('g');
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, 'false']);
    expect([second.status, second.headers.get('idempotency-replayed'), second.body]).toEqual([201, 'true', first.body]);
    expect((await platform.ask('GET', '/workflow-groups')).body.total).toBe(1);
    expect(await ask('other')).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
    expect(await ask('g', { 'idempotency-key': 'has spaces' })).toMatchObject({
      status: 422,
      body: { code: 'bad-idempotency-key' },
    });
  });

  test('of two at once one is done', async () => {
    const platform = await platformOf();
    const both = await Promise.all([1, 2].map(() => platform.ask('POST', '/workflow-groups', { name: 'g' }, key)));
    expect((await platform.ask('GET', '/workflow-groups')).body.total).toBe(1);
    expect(both.map(({ status }) => status).sort()).toEqual([201, expect.toBeOneOf([201, 409])]);
  });

  test('what failed may be sent again; what was shown once is not shown again', async () => {
    const platform = await platformOf();
    const wrong = () => platform.ask('POST', '/feedback', { detection_id: hex(7), is_correct: true }, key);
    expect([(await wrong()).status, (await wrong()).status]).toEqual([404, 404]);
    const made = () => platform.ask('POST', '/auth/api-keys', { name: 'k' }, { 'idempotency-key': 'k2' });
    expect([(await made()).status, (await made()).body.code]).toEqual([201, 'done-before']);
    expect((await platform.ask('GET', '/auth/api-keys')).body).toHaveLength(1);
  });

  test('keys of two tenants are two', async () => {
    const platform = await platformOf({ signup: true });
    const { body } = await platform.ask('POST', '/auth/tenants', { name: 't' });
    await platform.ask('POST', '/workflow-groups', { name: 'g' }, key);
    const other = await platform.ask('POST', '/workflow-groups', { name: 'g' }, { ...key, 'x-api-key': body.api_key });
    expect([other.status, other.headers.get('idempotency-replayed')]).toEqual([201, 'false']);
  });
});

test('a tenant has so many requests a minute, from wherever they come', async () => {
  const platform = await platformOf({ tenant_requests_per_minute: 3, signup: true });
  const { body } = await platform.ask('POST', '/auth/tenants', { name: 't' });
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await platform.ask('GET', '/agents'));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
  expect(answers.map(({ headers }) => headers.get('ratelimit'))).toEqual([2, 1, 0, 0].map((left) => `"tenant";r=${left};t=60`));
  expect(answers[3]?.headers.get('ratelimit-policy')).toBe('"tenant";q=3;w=60');
  expect(answers[3]?.headers.get('retry-after')).toBe('60');
  expect((await platform.ask('GET', '/agents', undefined, { 'x-api-key': body.api_key })).status).toBe(200);
});
