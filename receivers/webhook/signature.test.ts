// Senders that sign: the vector of the Standard Webhooks libraries, near misses of it, messages that are played again.
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/component/component.ts';
import { payloads, type Rig, rig } from './rig.ts';
import { isSigned, schemeOf, secretBytes } from './signature.ts';

const open: Rig[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

/** Of the libraries' tests. */
const vector = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  body: Buffer.from('{"test": 2432232314}'),
  at: 1_614_265_330,
  headers: {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
};
const secret = secretBytes(vector.secret) ?? Buffer.alloc(0);
const other = Buffer.from('another');

test.each<[string, boolean, { headers?: object; body?: Buffer; secrets?: Uint8Array[] }]>([
  ['as it is', true, {}],
  [
    'one of several signatures',
    true,
    { headers: { 'webhook-signature': `v1a,xx v1,AAAA ${vector.headers['webhook-signature']}` } },
  ],
  ['one of several secrets', true, { secrets: [other, secret] }],
  ['another secret', false, { secrets: [other] }],
  ['no secret', false, { secrets: [] }],
  ['a byte more', false, { body: Buffer.concat([vector.body, Buffer.from('\n')]) }],
  ['the same JSON, written otherwise', false, { body: Buffer.from('{"test":2432232314}') }],
  ['another id', false, { headers: { 'webhook-id': 'msg_2' } }],
  ['another time', false, { headers: { 'webhook-timestamp': '1614265331' } }],
  ['another version', false, { headers: { 'webhook-signature': vector.headers['webhook-signature'].replace('v1,', 'v2,') } }],
  ['a signature cut short', false, { headers: { 'webhook-signature': 'v1,g0hM9SsE' } }],
  [
    'one too late in the list',
    false,
    { headers: { 'webhook-signature': `${'v1,AAAA '.repeat(16)}${vector.headers['webhook-signature']}` } },
  ],
])('the vector: %s: %s', (_name, holds, { headers = {}, body = vector.body, secrets = [secret] }) => {
  expect(isSigned('standard', { ...vector.headers, ...headers }, body, { standard: secrets, langsmith: [] })).toBe(holds);
});

test.each<[string, object, number, string | undefined]>([
  ['at once', {}, 0, undefined],
  ['300 s later', {}, 300, undefined],
  ['301 s later', {}, 301, 'webhook-timestamp is 301 s ago, at most 300 s are allowed. Compare the clocks.'],
  ['300 s before', {}, -300, undefined],
  ['301 s before', {}, -301, 'webhook-timestamp is 301 s ahead, at most 300 s are allowed. Compare the clocks.'],
  ['without an id', { 'webhook-id': undefined }, 0, 'webhook-id is missing.'],
  ['without a time', { 'webhook-timestamp': '' }, 0, 'webhook-timestamp is missing.'],
  ['without a signature', { 'webhook-signature': undefined }, 0, 'webhook-signature is missing.'],
  ['with a date', { 'webhook-timestamp': '2021-02-25T15:02:10Z' }, 0, 'webhook-timestamp is no number of seconds.'],
  ['with an exponent', { 'webhook-timestamp': '1e9' }, 0, 'webhook-timestamp is no number of seconds.'],
])('the headers %s', (_name, headers, later, wrong) => {
  const found = schemeOf({ ...vector.headers, ...headers }, { standard: [secret], langsmith: [] }, (vector.at + later) * 1000);
  expect(found).toEqual(wrong === undefined ? { scheme: 'standard' } : { wrong });
});

test("LangSmith's header does not carry an old message past the clock", () => {
  const headers = { ...vector.headers, 'x-langsmith-signature': 'sha256=00' };
  const signing = { standard: [secret], langsmith: [other] };
  expect(schemeOf(headers, signing, 0)).toEqual({ scheme: 'langsmith' });
  expect(isSigned('langsmith', headers, vector.body, signing)).toBe(false);
});

test.each(['whsec_', 'whsec_%%', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'sk_x', ''])('no secret: %j', (text) => {
  expect(secretBytes(text)).toBeUndefined();
});

const PATH = '/api/v1/dify/webhook';

function sign(body: string, id: string, at: number, key: Uint8Array = secret): Record<string, string> {
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` };
}

describe('a signed path', () => {
  const times = { now: vector.at * 1000, monotonic: 0 };
  const clock: Clock = { now: () => times.now, monotonic: () => times.monotonic };
  const start = async (signatures: object): Promise<Rig> => {
    const made = await rig({ signatures }, { clock });
    open.push(made);
    return made;
  };
  const body = JSON.stringify(payloads.dify);

  test('takes what is signed, under its tenant, and nothing else; others stay open', async () => {
    const on = await start({ [PATH]: { standard_webhooks: [vector.secret], tenant: 'acme' } });
    const good = sign(body, 'm-1', vector.at);
    expect((await on.send(PATH, body, { headers: good })).status).toBe(200);
    expect(on.got.map(({ tenant }) => tenant)).toEqual(['acme']);
    const refused = [
      await on.send(PATH, body),
      await on.send(PATH, `${body} `, { headers: good }),
      await on.send(PATH, body, { headers: sign(body, 'm-1', vector.at, other) }),
      await on.send(PATH, body, { headers: sign(body, 'm-1', vector.at - 301) }),
    ];
    for (const { status, json, body: said } of refused) {
      expect([status, json['code']]).toEqual([401, 'bad-signature']);
      expect(said.toString()).not.toContain(vector.secret.slice(6));
    }
    expect(on.registry.read('misstep_receiver_refused_requests')).toMatchObject([
      { labels: { reason: 'unauthenticated' }, value: refused.length },
    ]);
    expect((await on.send('/api/v1/n8n/webhook', payloads.n8n)).status).toBe(200);
    expect([on.got.length, on.admission.held]).toEqual([2, 0]);
  });

  test('knows a message that is played again, and one that is sent again with a new time', async () => {
    const on = await start({ [PATH]: { standard_webhooks: [vector.secret] } });
    const headers = sign(body, 'm-1', vector.at);
    const first = await on.send(PATH, body, { headers });
    const again = [
      await on.send(PATH, body, { headers }),
      await on.send(PATH, body, { headers: sign(body, 'm-1', vector.at + 30) }),
      await on.send(PATH, body, { headers: sign(body, 'm-2', vector.at) }),
    ];
    for (const one of again) expect([one.headers['idempotency-replayed'], one.json]).toEqual(['true', first.json]);
    expect(on.got).toHaveLength(1);
    const next = JSON.stringify({ ...payloads.dify, status: 'failed' });
    expect((await on.send(PATH, next, { headers: sign(next, 'm-1', vector.at) })).json['code']).toBe('idempotency-key-reused');
    // A day later nothing is remembered.
    times.monotonic += 24 * 60 * 60 * 1000;
    expect((await on.send(PATH, body, { headers })).headers['idempotency-replayed']).toBeUndefined();
  });

  test("LangSmith's header", async () => {
    const on = await start({ '/api/v1/langgraph/webhook': { langsmith: ['old', 'secret'] } });
    const text = JSON.stringify(payloads.langgraph);
    const hex = createHmac('sha256', 'secret').update(text).digest('hex');
    const send = (headers: Record<string, string>) => on.send('/api/v1/langgraph/webhook', text, { headers });
    expect((await send({ 'x-langsmith-signature': `sha256=${hex}` })).status).toBe(200);
    for (const wrong of [`sha256=${hex.replace(/^./, 'x')}`, hex, 'sha256=', `sha256=${'0'.repeat(64)}`])
      expect((await send({ 'x-langsmith-signature': wrong })).json['code']).toBe('bad-signature');
    expect((await send({})).json['detail']).toBe('X-LangSmith-Signature is missing.');
  });
});
