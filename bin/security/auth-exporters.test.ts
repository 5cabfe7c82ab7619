/** What exporters show, whichever authenticator they name and however its files change. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { factory as otlpGrpc } from '../../exporters/otlp_grpc/otlp_grpc.ts';
import * as grpcPeer from '../../exporters/otlp_grpc/testing.ts';
import { factory as otlpHttp } from '../../exporters/otlp_http/otlp_http.ts';
import * as httpPeer from '../../exporters/otlp_http/testing.ts';
import { factory as basicauth } from '../../extensions/basicauth/basicauth.ts';
import { factory as bearertokenauth } from '../../extensions/bearertokenauth/bearertokenauth.ts';
import { createBudget } from '../../src/component/budget.ts';
import type { Component } from '../../src/component/component.ts';
import { testHost, tracesOf, until } from '../../src/component/testing.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const folder = mkdtempSync(join(tmpdir(), 'misstep-auth-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const bearer = (written: object) => bearertokenauth.create('a', bearertokenauth.options.parse(written));
const basic = (written: object) => basicauth.create('a', basicauth.options.parse(written));

interface Sending {
  readonly extensions: Record<string, Component>;
  /** The Authorization of the next request. */
  next(): Promise<string | undefined>;
  readonly waiting: () => boolean;
}

async function through(protocol: 'http' | 'grpc', authenticator: Component): Promise<Sending> {
  const extensions: Record<string, Component> = { guard: authenticator };
  const host = testHost(undefined, extensions);
  await authenticator.start(host);
  const written = {
    auth: { authenticator: 'guard' },
    headers: { authorization: 'overruled' },
    retry_on_failure: { initial_interval: '10ms', max_interval: '10ms' },
  };
  const hints = { budget: createBudget(1e9) };
  let got: () => (string | undefined)[];
  let exporter: Component & { consume: (batch: ReturnType<typeof tracesOf>) => Promise<void> | undefined };
  if (protocol === 'http') {
    const peer = await httpPeer.backend(httpPeer.ok);
    open.push(peer.close);
    got = () => peer.received.map(({ headers }) => headers.authorization);
    exporter = otlpHttp.create('e', otlpHttp.options.parse({ ...written, endpoint: peer.url }), hints);
  } else {
    const peer = await grpcPeer.backend(grpcPeer.ok());
    open.push(peer.close);
    got = () => peer.calls.map(({ headers }) => headers.authorization);
    exporter = otlpGrpc.create(
      'e',
      otlpGrpc.options.parse({ ...written, endpoint: peer.endpoint, tls: { insecure: true } }),
      hints,
    );
  }
  await exporter.start(host);
  open.push(
    () => exporter.shutdown(AbortSignal.abort()),
    () => authenticator.shutdown(AbortSignal.abort()),
  );
  return {
    extensions,
    async next() {
      const before = got().length;
      exporter.consume(tracesOf(['a']));
      await until(() => got().length > before);
      return got().at(-1);
    },
    waiting: () => host.statuses_.some((status) => 'reason' in status && status.reason.includes('authenticator')),
  };
}

describe.each(['http', 'grpc'] as const)('over %s', (protocol) => {
  test('a token wins over a header, and one that is rotated in its file is sent from then on', async () => {
    const filename = file('token', 'one\ntwo\n');
    const sending = await through(protocol, bearer({ filename }));
    expect(await sending.next()).toBe('Bearer one');
    writeFileSync(filename, 'three\n');
    let sent = 'Bearer one';
    await until(() => {
      const { client } = sending.extensions['guard'] as unknown as { client: { headers(): Record<string, string> } };
      sent = client.headers()['authorization'] ?? '';
      return sent !== 'Bearer one';
    });
    expect(sent).toBe('Bearer three');
    expect(await sending.next()).toBe('Bearer three');
  });

  test('user and password, of files too', async () => {
    const client_auth = { username_file: file('user', 'ann\n'), password_file: file('password', 'p w\n') };
    const sending = await through(protocol, basic({ client_auth }));
    expect(await sending.next()).toBe(`Basic ${Buffer.from('ann:p w').toString('base64')}`);
  });

  test('nothing goes out without credentials while a reload changes the authenticator', async () => {
    const sending = await through(protocol, bearer({ token: 'old' }));
    expect(await sending.next()).toBe('Bearer old');
    delete sending.extensions['guard'];
    const next = sending.next();
    await until(sending.waiting);
    const fresh = bearer({ token: 'new' });
    await fresh.start(testHost());
    sending.extensions['guard'] = fresh;
    expect(await next).toBe('Bearer new');
  });

  test('an authenticator that has nothing to send stops the start', async () => {
    await expect(through(protocol, basic({ htpasswd: { inline: 'a:b' } }))).rejects.toThrow("'guard' has nothing to show");
    const hashed = bearer({ token: `sha256:${'0'.repeat(64)}` });
    await expect(through(protocol, hashed)).rejects.toThrow("'guard' has nothing to show");
  });
});

test.each<[object, string]>([
  [{}, 'no token. Add token, tokens or filename.'],
  [{ token: 'a', tokens: ['b'] }, 'more than one of token, tokens and filename. Keep one.'],
  [{ token: 'with space' }, 'not a token. Use visible ASCII characters without spaces.'],
  [{ tokens: ['fine', { token: 'line\nbreak', tenant: 'a' }] }, 'not a token.'],
  [{ token: 'a', header: 'no header' }, 'not a header name.'],
])('options: %j', (written, said) => {
  const { error } = bearertokenauth.options.safeParse(written);
  expect(error?.issues.map(({ message }) => message).join()).toContain(said);
});

test.each<[object, string]>([
  [{}, 'no credentials. Add htpasswd or client_auth.'],
  [{ htpasswd: { inline: 'a:b' }, client_auth: { username: 'a', password: 'b' } }, 'only one of htpasswd and client_auth.'],
  [{ htpasswd: {} }, 'nobody is let in. Add file or inline.'],
  [{ client_auth: { username: 'a' } }, 'no password. Add password or password_file.'],
  [{ client_auth: { password: 'a' } }, 'no user. Add username or username_file.'],
  [{ client_auth: { username: 'a:b', password: 'c' } }, 'a user with a colon'],
])('options of basicauth: %j', (written, said) => {
  const { error } = basicauth.options.safeParse(written);
  expect(error?.issues.map(({ message }) => message).join()).toContain(said);
});
