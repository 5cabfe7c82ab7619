import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { factory as basicauth } from '../../extensions/basicauth/basicauth.ts';
import { factory as bearertokenauth } from '../../extensions/bearertokenauth/bearertokenauth.ts';
import { body, call, prefixed, type Rig, rig, until, withSession } from '../../receivers/otlp/testing.ts';
import type { Component } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';
import { type Ask, ask } from '../../src/component/transport/testing.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

interface Guarded extends Rig {
  readonly extensions: Record<string, Component>;
}

/** A receiver whose two protocols ask `extension`. */
async function guarded(extension: Component, more: object = {}): Promise<Guarded> {
  await extension.start(testHost());
  const extensions = { guard: extension };
  const auth = { authenticator: 'guard' };
  const on = await rig({ grpc: { auth, ...more }, http: { auth, ...more } }, undefined, { extensions });
  open.push(on.stop, () => extension.shutdown(AbortSignal.abort()));
  return Object.assign(on, { extensions });
}

const bearer = (written: object) => bearertokenauth.create('bearertokenauth', bearertokenauth.options.parse(written));
const basic = (written: object) => basicauth.create('basicauth', basicauth.options.parse(written));
const basicHeader = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

const http = (on: Rig, headers: Record<string, string>, more: Ask = {}) => ask(on.http, { body: body(), headers, ...more });
const grpc = (on: Rig, headers: Record<string, string>) =>
  withSession(on.grpc, (session) => call(session, { headers, parts: [prefixed(body())] }));

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'misstep-auth-'));
  open.push(async () => rmSync(made, { recursive: true, force: true }));
  return made;
}

describe('bearer tokens', () => {
  test('claim 23: only those that are known, over both protocols; wrong ones are counted and never said', async () => {
    const on = await guarded(bearer({ tokens: ['first-token', { token: 'second-token', tenant: 'acme' }] }));
    for (const [given, tenant] of [
      ['Bearer first-token', 'default'],
      ['bearer second-token', 'acme'],
    ] as const) {
      expect((await http(on, { authorization: given })).status).toBe(200);
      expect((await grpc(on, { authorization: given })).status).toBe('0');
      expect(on.got.splice(0).map((batch) => batch.tenant)).toEqual([tenant, tenant]);
    }
    const wrong: Record<string, string>[] = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer wrong-token-canary' },
      { authorization: 'Bearer first-toke' },
      { authorization: 'Bearer first-token2' },
      { authorization: 'first-token' },
      { authorization: basicHeader('first-token', '').authorization ?? '' },
    ];
    for (const headers of wrong) {
      const refused = await http(on, headers);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer realm="misstep"']);
      const status = await grpc(on, headers);
      expect(status.status).toBe('16');
      expect(refused.body.toString() + status.message).not.toContain('canary');
    }
    expect(on.got).toEqual([]);
    const refused = on.registry.read('misstep_receiver_refused_requests');
    expect(refused.map(({ labels, value }) => [labels['reason'], value])).toEqual([
      ['unauthenticated', wrong.length],
      ['unauthenticated', wrong.length],
    ]);
    expect(JSON.stringify(on.logs)).not.toContain('token');
  });

  test('an answer comes before the body is read', async () => {
    const on = await guarded(bearer({ token: 'key' }));
    const [host, port] = on.http.split(':');
    const socket = connect(Number(port), host);
    let answer = '';
    socket.on('data', (part) => {
      answer += part;
    });
    socket.write('POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n');
    await until(() => answer.includes('\r\n\r\n'), 'an answer');
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
    expect(on.admission.held).toBe(0);
  });

  test('a header and scheme of its own; a digest in the place of the token', async () => {
    const digest = createHash('sha256').update('secret-key').digest('hex');
    const on = await guarded(bearer({ header: 'X-API-Key', scheme: '', token: `sha256:${digest}` }));
    expect((await http(on, { 'x-api-key': 'secret-key' })).status).toBe(200);
    expect((await http(on, { 'x-api-key': `sha256:${digest}` })).status).toBe(401);
    expect((await http(on, { authorization: 'secret-key' })).status).toBe(401);
  });

  test('the header with the token is no metadata', async () => {
    const on = await guarded(bearer({ token: 'key' }), { include_metadata: true });
    await http(on, { authorization: 'Bearer key', 'x-tenant': 'a' });
    await grpc(on, { authorization: 'Bearer key', 'x-tenant': 'a' });
    for (const { metadata } of on.got) {
      expect(metadata?.get('x-tenant')).toEqual(['a']);
      expect(JSON.stringify([...(metadata ?? [])])).not.toContain('Bearer');
    }
    expect(on.got.length).toBe(2);
  });

  test('claim 23: a token that is taken out of its file is refused within a second; a broken file changes nothing', async () => {
    const filename = join(folder(), 'tokens');
    writeFileSync(filename, 'old\n\nkept acme\n');
    const on = await guarded(bearer({ filename }));
    const status = async (token: string) => (await http(on, { authorization: `Bearer ${token}` })).status;
    expect([await status('old'), await status('kept')]).toEqual([200, 200]);
    expect(on.got.map((batch) => batch.tenant)).toEqual(['default', 'acme']);

    writeFileSync(filename, 'kept acme\nnew\n');
    const began = performance.now();
    while ((await status('old')) === 200) expect(performance.now() - began).toBeLessThan(1_000);
    expect([await status('kept'), await status('new')]).toEqual([200, 200]);

    writeFileSync(filename, 'one two three canary\n');
    const host = testHost();
    await expect(bearer({ filename }).start(host)).rejects.toThrow(`${filename}:1: not a token.`);
    await expect(bearer({ filename }).start(host)).rejects.not.toThrow('canary');
    expect(await status('new')).toBe(200);
  });

  test('while a reload changes the authenticator senders are asked to repeat', async () => {
    const first = bearer({ token: 'old' });
    const on = await guarded(first);
    delete on.extensions['guard'];
    expect((await http(on, { authorization: 'Bearer old' })).status).toBe(503);
    expect((await grpc(on, { authorization: 'Bearer old' })).status).toBe('14');
    const second = bearer({ token: 'new' });
    await second.start(testHost());
    on.extensions['guard'] = second;
    expect((await http(on, { authorization: 'Bearer old' })).status).toBe(401);
    expect((await http(on, { authorization: 'Bearer new' })).status).toBe(200);
  });

  /**
   * Sanity only: a comparison that ends at the first difference is faster by a few ns a byte, far below the noise of a
   * request. What is measured is that a wrong token of the right beginning does not take another time than any wrong one.
   */
  test('claim 23: how much of a token is right does not show in the time', async () => {
    const token = 'k'.repeat(4_096);
    const extension = bearer({ token });
    await extension.start(testHost());
    const { server } = extension as unknown as { server: { authenticate(headers: object): unknown } };
    const near = { authorization: `Bearer ${token.slice(0, -1)}x` };
    const far = { authorization: `Bearer x${token.slice(1)}` };
    const took = (headers: object) => {
      const start = process.hrtime.bigint();
      for (let i = 0; i < 200; i++) server.authenticate(headers);
      return Number(process.hrtime.bigint() - start);
    };
    const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let i = 0; i < 60; i++) {
      least[0] = Math.min(least[0] ?? 0, took(near));
      least[1] = Math.min(least[1] ?? 0, took(far));
    }
    expect((least[0] ?? 0) / (least[1] ?? 1)).toBeGreaterThan(0.7);
    expect((least[0] ?? 0) / (least[1] ?? 1)).toBeLessThan(1.4);
  });
});

describe('user and password', () => {
  const sha = `{SHA}${createHash('sha1').update('pw-sha').digest('base64')}`;
  const salted = Buffer.concat([createHash('sha1').update('pw-ssha').update('salt').digest(), Buffer.from('salt')]);

  test('claim 23: of htpasswd, in every form that is taken', async () => {
    const inline = `# people\nann:pw:plain\nbob:${sha}\ncyd:{SSHA}${salted.toString('base64')}\n`;
    const on = await guarded(basic({ htpasswd: { inline, tenants: { bob: 'acme' } } }));
    for (const [user, password] of [
      ['ann', 'pw:plain'],
      ['bob', 'pw-sha'],
      ['cyd', 'pw-ssha'],
    ] as const) {
      expect((await http(on, basicHeader(user, password))).status).toBe(200);
      expect((await grpc(on, basicHeader(user, password))).status).toBe('0');
    }
    expect(on.got.map((batch) => batch.tenant)).toEqual(['default', 'default', 'acme', 'acme', 'default', 'default']);
    for (const headers of [
      {},
      basicHeader('ann', 'pw'),
      basicHeader('ann', ''),
      basicHeader('nobody', 'pw:plain'),
      basicHeader('', ''),
      basicHeader('bob', sha),
      basicHeader('__proto__', 'x'),
      { authorization: 'Basic !!!' },
    ]) {
      const refused = await http(on, headers);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Basic realm="misstep", charset="UTF-8"']);
    }
  });

  test.each([
    ['ann:$2y$05$abcdefghijklmnopqrstuv', 'passwords as $2y$ are not supported. Write {SHA}'],
    ['ann:$apr1$salt$canary', 'passwords as $apr1$ are not supported'],
    ['ann:{CRYPT}canary', 'passwords as {CRYPT} are not supported'],
    ['ann:{SHA}canary', 'not the base64 of a SHA-1.'],
    ['canary', 'line 1: no user:password.'],
    ['ann:', 'an empty password.'],
  ])('refuses %s', (inline, said) => {
    const { error } = basicauth.options.safeParse({ htpasswd: { inline } });
    expect(error?.issues[0]?.message).toContain(said);
    expect(error?.issues[0]?.message).not.toContain('canary');
  });
});

test('an authenticator that is not there, is none or cannot check stops the start', async () => {
  const extensions = {
    none: { start: async () => {}, shutdown: async () => {} },
    client: basic({ client_auth: { username: 'u', password: 'p' } }),
  };
  for (const [authenticator, said] of [
    ['absent', "auth: 'absent' does not run. Name it in service.extensions."],
    ['none', "auth: 'none' is no authenticator. Name a bearertokenauth or a basicauth."],
    ['client', "auth: 'client' checks nobody"],
  ] as const) {
    await expect(rig({ http: { auth: { authenticator } } }, undefined, { extensions })).rejects.toThrow(said);
  }
});
