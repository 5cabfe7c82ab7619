import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { request } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { expect, test } from 'vitest';
import { body, call, prefixed, rig } from './testing.ts';

// Of a throw-away authority, valid for a hundred years; `localhost` for both sides. Good for nothing but this test.
const file = (name: string) => new URL(`testdata/${name}`, import.meta.url).pathname;
const read = (name: string) => readFileSync(file(name));

function post(address: string, context: SecureContextOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const port = address.split(':')[1];
    const headers = { 'content-type': 'application/x-protobuf' };
    const sending = request({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      method: 'POST',
      path: '/v1/traces',
      headers,
      agent: false,
      ...context,
    });
    sending.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on('error', reject);
    sending.end(body());
  });
}

async function exported(address: string, context: SecureContextOptions): Promise<string | undefined> {
  const session = connect(`https://${address}`, { servername: 'localhost', ...context });
  const failed = new Promise<never>((_, reject) => session.on('error', reject));
  try {
    return (await Promise.race([call(session, { parts: [prefixed(body())] }), failed])).status;
  } finally {
    session.destroy();
  }
}

test('TLS and mutual TLS over both protocols', async () => {
  const tls = { cert_file: file('server.pem'), key_file: file('server.key') };
  const ca = read('ca.pem');
  const client = { ca, cert: read('client.pem'), key: read('client.key') };

  const one = await rig({ grpc: { tls }, http: { tls } });
  expect(await post(one.http, { ca })).toBe(200);
  expect(await exported(one.grpc, { ca })).toBe('0');
  await one.stop();

  const mutual = { ...tls, client_ca_file: file('ca.pem') };
  const two = await rig({ grpc: { tls: mutual }, http: { tls: mutual } });
  await expect(post(two.http, { ca })).rejects.toThrow();
  await expect(exported(two.grpc, { ca })).rejects.toThrow();
  expect(await post(two.http, client)).toBe(200);
  expect(await exported(two.grpc, client)).toBe('0');
  expect(two.got.length).toBe(2);
  await two.stop();
});
