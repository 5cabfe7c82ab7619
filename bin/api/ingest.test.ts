// Whose spans they are that come by the API: the header with which it speaks to the receiver, and who may not use it.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SENDER_HEADER, Senders } from '../../extensions/api/sender.ts';
import { type Platform, startPlatform } from './testing.ts';

let platform: Platform;
let tenant: { readonly id: string; readonly api_key: string };
const got: IncomingHttpHeaders[] = [];
const receiver = createServer((request, response) => {
  got.push(request.headers);
  request.resume().on('end', () => response.writeHead(202).end('{}'));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const ingest_endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  platform = await startPlatform({ ingest_endpoint, signup: true }, false);
  tenant = (await platform.ask('POST', '/auth/tenants', { name: 't' })).body;
});
afterAll(async () => {
  await platform.stop();
  receiver.close();
});

const send = (headers: Record<string, string>, path = '/traces/ingest') =>
  platform.ask('POST', path, { resourceSpans: [] }, headers);

test('the key says whose; what a client says in that header itself is not handed on', async () => {
  expect((await send({ 'x-pisama-api-key': tenant.api_key, [SENDER_HEADER]: 'x other' })).status).toBe(202);
  expect(String(got.at(-1)?.[SENDER_HEADER]).split(' ')[1]).toBe(tenant.id);
  expect((await send({}, `/n8n/webhook?token=${tenant.api_key}`)).status).toBe(202);
  expect(String(got.at(-1)?.[SENDER_HEADER]).split(' ')[1]).toBe(tenant.id);
});

test('an unknown key gets no further; without one the receiver judges', async () => {
  const before = got.length;
  expect(await send({ authorization: 'Bearer msk_wrong' })).toMatchObject({ status: 401, body: { code: 'unknown-key' } });
  expect(got.length).toBe(before);
  await send({ [SENDER_HEADER]: 'x other' });
  expect(got.at(-1)?.[SENDER_HEADER]).toBeUndefined();
});

test('the receiver believes this process only', () => {
  const senders = new Senders('default');
  expect(senders.authenticate({ [SENDER_HEADER]: senders.say('t1') })).toEqual({ tenant: 't1' });
  expect(senders.authenticate({ [SENDER_HEADER]: new Senders('default').say('t1') })).toBeUndefined();
  expect(senders.authenticate({ [SENDER_HEADER]: senders.say('') })).toBeUndefined();
  expect(senders.authenticate({})).toEqual({ tenant: 'default' });
  expect(senders.authenticate({ 'x-api-key': 'k' })).toBeUndefined();
  expect(new Senders(undefined).authenticate({})).toBeUndefined();
});
