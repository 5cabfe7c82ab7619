// The page's server over a real socket: who may ask what, what is kept, what becomes of a reader that does not read.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage, request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { Component } from '../../src/component/component.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { createZpages, factory } from './zpages.ts';

const running: ReturnType<typeof createZpages>[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.shutdown(AbortSignal.abort());
});

async function serve(options: object = {}, extensions: Readonly<Record<string, Component>> = {}) {
  const host = testHost(undefined, extensions);
  const zpages = createZpages(factory.options.parse({ endpoint: 'localhost:0', ...options }));
  running.push(zpages);
  await zpages.start(host);
  return { host, port: zpages.port };
}

interface Answer {
  readonly code: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(port: number, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, path, method, headers });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  let body = '';
  for await (const part of response) body += part;
  return { code: response.statusCode, headers: response.headers, body };
}

const detection = (id: string, more: object = {}) => ({
  kind: 'detection',
  time_unix_ms: 1_700_000_000_000,
  tenant: 'default',
  id,
  trace_id: 't',
  span_id: 's',
  session_id: null,
  agent: 'researcher',
  detector: 'loop',
  message: 'repeated',
  severity: 'high',
  confidence: 0.9,
  revision: 0,
  explanation: 'why',
  evidence: { span_ids: ['s'] },
  ...more,
});

async function kept(port: number) {
  const { body } = await ask(port, '/status');
  return JSON.parse(body) as {
    readonly detections: { readonly id: string; readonly explanation: string }[];
    readonly skipped: number;
  };
}

describe('claim 29 (pages): the server', () => {
  test.each([
    ['GET', '/', 200],
    ['HEAD', '/', 200],
    ['GET', '/?x=1', 200],
    ['GET', '/status', 200],
    ['POST', '/', 405],
    ['PUT', '/status', 405],
    ['DELETE', '/events', 405],
    ['HEAD', '/events', 404],
    ['GET', '/../etc/passwd', 404],
    ['GET', '//status', 404],
  ])('%s %s is answered with %i', async (method, path, code) => {
    const { port } = await serve();
    expect((await ask(port, path, method)).code).toBe(code);
  });

  test.each([
    [{ host: 'localhost:1' }, 200],
    [{ host: '[::1]' }, 200],
    [{ host: '127.0.0.1', origin: 'http://localhost:3000' }, 200],
    [{ host: 'evil.example' }, 403],
    [{ host: 'localhost.evil.example' }, 403],
    [{ host: '127.0.0.1.evil.example' }, 403],
    [{ host: 'localhost@evil.example' }, 403],
    [{ host: 'localhost', origin: 'https://evil.example' }, 403],
    [{ host: 'localhost', origin: 'null' }, 403],
  ])('of %o', async (headers, code) => {
    const { port } = await serve();
    for (const path of ['/', '/status']) expect((await ask(port, path, 'GET', headers)).code).toBe(code);
  });

  test('the policy takes the one script and the one style of the page and nothing else', async () => {
    const { port } = await serve();
    const { headers, body } = await ask(port, '/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).not.toContain('unsafe');
    for (const name of ['script', 'style']) {
      const parts = [...body.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, 'g'))];
      expect(parts).toHaveLength(1);
      const hash = createHash('sha256').update(String(parts[0]?.[1])).digest('base64');
      expect(policy).toContain(`${name}-src 'sha256-${hash}'`);
    }
    expect(body).not.toMatch(/https?:\/\//);
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  test('an endpoint that others reach needs insecure, and is warned of', async () => {
    expect(factory.options.safeParse({ endpoint: '0.0.0.0:0' }).error?.issues[0]?.message).toContain('insecure: true');
    const { host, port } = await serve({ endpoint: '0.0.0.0:0', insecure: true });
    expect(host.logs.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect((await ask(port, '/', 'GET', { host: 'box.internal' })).code).toBe(200);
  });
});

describe('claim 29 (pages): what is kept', () => {
  test('the last 200; a later report takes the place of the earlier', async () => {
    const { host, port } = await serve();
    for (let i = 0; i < 250; i++) host.announce(() => detection(String(i)));
    host.announce(() => detection('100', { explanation: 'later' }));
    const { detections } = await kept(port);
    expect(detections).toHaveLength(200);
    expect(detections[0]?.id).toBe('50');
    expect(detections.at(-1)).toMatchObject({ id: '100', explanation: 'later' });
  });

  test('at most a mebibyte, long texts are cut, and what cannot be shown is counted', async () => {
    const { host, port } = await serve();
    const huge = 'x'.repeat(1_000_000);
    const ids = Array.from({ length: 100 }, () => 'i'.repeat(600));
    for (let i = 0; i < 60; i++) host.announce(() => detection(String(i), { explanation: huge, evidence: { span_ids: ids } }));
    host.announce(() => detection('wide', { evidence: { span_ids: ids.map(() => huge) } }));
    host.announce(() => ({ kind: 'something else' }));
    const { detections, skipped } = await kept(port);
    expect(skipped).toBe(2);
    expect(host.metric('misstep_zpages_skipped_records')).toBe(2);
    expect(JSON.stringify(detections).length).toBeLessThan(1024 * 1024 + 1_000);
    expect(detections.at(-1)?.explanation.length).toBe(4_001);
  });
});

describe('claim 29 (pages): readers', () => {
  async function open(port: number): Promise<IncomingMessage> {
    const [response] = (await once(get({ host: '127.0.0.1', port, path: '/events' }), 'response')) as [IncomingMessage];
    return response.setEncoding('utf8');
  }

  test('one that does not read is cut off and counted; the other gets everything', async () => {
    const { host, port } = await serve();
    const [slow, quick] = [await open(port), await open(port)];
    const cut = once(slow, 'error');
    let got = '';
    quick.on('data', (text: string) => {
      got += text;
    });
    const COUNT = 3_000;
    for (let i = 0; i < COUNT; i++) {
      host.announce(() => detection(String(i), { explanation: 'x'.repeat(3_900) }));
      if (i % 20 === 0) await until(() => got.split('\ndata:').length > i);
    }
    await until(() => got.split('\ndata:').length > COUNT);
    expect(host.metric('misstep_zpages_slow_clients')).toBe(1);
    slow.resume();
    await cut;
  });

  test('at most 16; one that leaves makes room', async () => {
    const { port } = await serve();
    const readers = await Promise.all(Array.from({ length: 16 }, () => open(port)));
    expect((await ask(port, '/events')).code).toBe(503);
    readers[0]?.destroy();
    let again: IncomingMessage | undefined;
    for (let tries = 0; again?.statusCode !== 200 && tries < 200; tries++) {
      again?.destroy();
      again = await open(port);
    }
    expect(again?.statusCode).toBe(200);
  });
});

describe('claim 29 (pages): steps', () => {
  const row = {
    span_id: 's',
    parent_id: '',
    kind: 'tool',
    name: 'n'.repeat(500),
    agent: null,
    tool: 't',
    outcome: 'ok',
    started_ms: 1,
    ended_ms: 2,
  };
  const database = (steps: () => Promise<object[]>) =>
    ({ start: async () => {}, shutdown: async () => {}, records: { of: () => ({ steps }) } }) as unknown as Component;

  test('come from the database, without content and with short names', async () => {
    const { port } = await serve({ database: 'd' }, { d: database(async () => [{ ...row, input: 'secret' }]) });
    const { code, body } = await ask(port, '/steps?tenant=default&trace=t');
    expect(code).toBe(200);
    expect(JSON.parse(body)).toEqual([{ ...row, name: 'n'.repeat(200) }]);
  });

  test('without a database there are none; one that fails is said', async () => {
    expect((await ask((await serve()).port, '/steps?trace=t')).body).toBe('[]');
    const { port } = await serve({ database: 'd' }, { d: database(() => Promise.reject(new Error('gone'))) });
    expect((await ask(port, '/steps?trace=t')).code).toBe(503);
    await expect(serve({ database: 'none' })).rejects.toThrow(/does not run/);
  });
});
