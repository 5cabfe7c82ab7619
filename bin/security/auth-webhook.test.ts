// Where the sender of a webhook may put its key, and that it shows up nowhere.
import { afterEach, describe, expect, test } from 'vitest';
import { factory as basicauth } from '../../extensions/basicauth/basicauth.ts';
import { factory as bearertokenauth } from '../../extensions/bearertokenauth/bearertokenauth.ts';
import { otlp, payloads, type Rig, rig } from '../../receivers/webhook/rig.ts';
import type { Component } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function guarded(extension: Component): Promise<Rig> {
  await extension.start(testHost());
  const on = await rig({ auth: { authenticator: 'guard' } }, { extensions: { guard: extension } });
  open.push(on.stop, () => extension.shutdown(AbortSignal.abort()));
  return on;
}

const bearer = (written: object) => bearertokenauth.create('bearertokenauth', bearertokenauth.options.parse(written));
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const N8N = '/api/v1/n8n/webhook';
const KEY = 'key-canary';
const ways: [string, Record<string, string>, string][] = [
  ['Bearer', { authorization: `Bearer ${KEY}` }, ''],
  ['bearer, beside a header that is wrong', { authorization: `bearer ${KEY}`, api_key: 'x' }, ''],
  ['X-Misstep-API-Key', { 'x-misstep-api-key': KEY }, ''],
  ['X-Pisama-API-Key', { 'X-Pisama-API-Key': KEY }, ''],
  ['x-api-key', { 'x-api-key': KEY }, ''],
  ['api_key', { api_key: KEY }, ''],
  ['Basic with any user', { authorization: basic('any', KEY) }, ''],
  ['the query', {}, `?a=b&token=${KEY}`],
];

describe('a key', () => {
  test.each(ways)('by %s', async (_name, headers, query) => {
    const on = await guarded(bearer({ tokens: ['other', { token: KEY, tenant: 'acme' }] }));
    const answer = await on.send(`${N8N}${query}`, payloads.n8n, { headers });
    expect(answer.status).toBe(200);
    expect(on.got.map(({ tenant }) => tenant)).toEqual(['acme']);
    // OTLP likewise, but for the query.
    expect((await on.send(`/v1/traces${query}`, otlp, { headers })).status).toBe(query === '' ? 200 : 401);
    expect(JSON.stringify(on.logs)).not.toContain('canary');
  });

  test('that is wrong or missing: 401 before the body, counted, and never said', async () => {
    const on = await guarded(bearer({ tokens: ['first', 'second'] }));
    const wrong = ways.map(([, headers, query]) => [headers, query] as const);
    for (const [headers, query] of [
      ...wrong,
      [{}, ''],
      [{ authorization: basic('first', '') }, ''],
      [{ authorization: 'first' }, ''],
    ] as const) {
      const { status, headers: given, json, body } = await on.send(`${N8N}${query}`, '{not read', { headers });
      expect([status, given['www-authenticate'], json['code'], json['instance']]).toEqual([
        401,
        'Bearer realm="misstep"',
        'unauthenticated',
        N8N,
      ]);
      expect(body.toString()).not.toContain('canary');
    }
    expect(JSON.stringify(on.logs)).not.toContain('canary');
    expect(on.registry.read('misstep_receiver_refused_requests')).toMatchObject([
      { labels: { receiver: 'webhook', transport: 'http', reason: 'unauthenticated' }, value: wrong.length + 3 },
    ]);
    expect(on.got).toEqual([]);
    expect((await on.send('/v1/traces', otlp)).json).toEqual({ code: 16, message: 'credentials are missing or wrong' });
  });

  test('is no key to a basicauth: that asks for its users', async () => {
    const written = { htpasswd: { inline: 'ann:secret' } };
    const on = await guarded(basicauth.create('basicauth', basicauth.options.parse(written)));
    expect((await on.send(N8N, payloads.n8n, { headers: { authorization: basic('ann', 'secret') } })).status).toBe(200);
    for (const headers of [{ 'x-api-key': 'secret' }, { authorization: basic('any', 'secret') }])
      expect((await on.send(N8N, payloads.n8n, { headers })).status).toBe(401);
  });

  test('of one tenant does not answer for the other', async () => {
    const on = await guarded(
      bearer({
        tokens: [
          { token: 'a', tenant: 'A' },
          { token: 'b', tenant: 'B' },
        ],
      }),
    );
    for (const token of ['a', 'b', 'a']) await on.send(`${N8N}?token=${token}`, payloads.n8n);
    expect(on.got.map(({ tenant }) => tenant)).toEqual(['A', 'B']);
  });
});
