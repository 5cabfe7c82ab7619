/** Certificates that are renewed while the process runs: the throw-away ones of the receivers and of the exporters. */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { factory as otlpGrpc } from '../../exporters/otlp_grpc/otlp_grpc.ts';
import * as grpcPeer from '../../exporters/otlp_grpc/testing.ts';
import { factory as otlpHttp } from '../../exporters/otlp_http/otlp_http.ts';
import * as httpPeer from '../../exporters/otlp_http/testing.ts';
import { body, rig } from '../../receivers/otlp/testing.ts';
import { createBudget } from '../../src/component/budget.ts';
import { testHost, tracesOf, until } from '../../src/component/testing.ts';

const file = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;
/** Signed by a test authority. */
const first = {
  cert: file('receivers/otlp/testdata/server.pem'),
  key: file('receivers/otlp/testdata/server.key'),
  ca: file('receivers/otlp/testdata/ca.pem'),
};
/** Signed by itself. */
const second = {
  cert: file('exporters/otlp_http/testdata/cert.pem'),
  key: file('exporters/otlp_http/testdata/key.pem'),
  ca: file('exporters/otlp_http/testdata/cert.pem'),
};
const client = { cert: file('receivers/otlp/testdata/client.pem'), key: file('receivers/otlp/testdata/client.key') };

const folder = mkdtempSync(join(tmpdir(), 'misstep-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

let made = 0;
/** A file that can be replaced, as secrets are: written aside and moved into its place. */
function replaceable(from: string): { readonly path: string; put(other: string): void } {
  const path = join(folder, `${made++}.pem`);
  const put = (other: string) => {
    copyFileSync(other, `${path}.new`);
    renameSync(`${path}.new`, path);
  };
  put(from);
  return { path, put };
}

const reload_interval = '10ms';

/** Who answers on a new connection: the names of its certificate. */
function shown(address: string): Promise<string | undefined> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('the certificate of both listeners is renewed; a connection that is open goes on; a key that does not fit changes nothing', async () => {
  const [cert, key] = [replaceable(first.cert), replaceable(first.key)];
  const tls = { cert_file: cert.path, key_file: key.path, reload_interval };
  const on = await rig({ http: { tls }, grpc: { tls } });
  open.push(on.stop);
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(first.ca), servername: 'localhost' });
  open.push(async () => agent.destroy());
  const sockets = new Set<number | undefined>();
  const post = () =>
    new Promise<number>((resolve, reject) => {
      const { hostname: host, port } = new URL(`https://${on.http}`);
      const headers = { 'content-type': 'application/x-protobuf' };
      const sent = request({ host, port, method: 'POST', path: '/v1/traces', headers, agent }, (response) => {
        sockets.add(sent.socket?.localPort);
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject).end(body());
    });
  expect(await post()).toBe(200);
  expect([await shown(on.http), await shown(on.grpc)]).toEqual(['localhost', 'localhost']);

  cert.put(second.cert);
  await until(() => on.logs.filter((line) => line.startsWith('error Certificates cannot')).length === 2);
  expect([await shown(on.http), await shown(on.grpc)]).toEqual(['localhost', 'localhost']);

  key.put(second.key);
  await until(() => on.logs.filter((line) => line.startsWith('info Certificates were')).length === 2);
  expect([await shown(on.http), await shown(on.grpc)]).toEqual(['misstep test', 'misstep test']);
  expect(on.logs.filter((line) => line.startsWith('error'))).toHaveLength(2);
  expect(await post()).toBe(200);
  expect(sockets.size).toBe(1);
});

test('whose clients are let in is renewed too', async () => {
  const clients = replaceable(second.ca);
  const tls = { cert_file: first.cert, key_file: first.key, client_ca_file: clients.path, reload_interval };
  const on = await rig({ http: { tls } });
  open.push(on.stop);
  const post = () =>
    new Promise<number>((resolve) => {
      const { hostname: host, port } = new URL(`https://${on.http}`);
      const material = { ca: readFileSync(first.ca), cert: readFileSync(client.cert), key: readFileSync(client.key) };
      const options = { host, port, method: 'POST', path: '/v1/traces', servername: 'localhost', agent: false, ...material };
      const sent = request({ ...options, headers: { 'content-type': 'application/x-protobuf' } }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', () => resolve(0)).end(body());
    });
  expect(await post()).toBe(0);
  clients.put(first.ca);
  await until(() => on.logs.some((line) => line.startsWith('info Certificates were')));
  expect(await post()).toBe(200);
  clients.put(second.ca);
  await until(() => on.logs.filter((line) => line.startsWith('info Certificates were')).length === 2);
  expect(await post()).toBe(0);
});

describe.each(['http', 'grpc'] as const)('an exporter over %s', (protocol) => {
  test('sends with what it is given while it runs: whom it trusts and who it is', async () => {
    const server = {
      cert: readFileSync(first.cert),
      key: readFileSync(first.key),
      ca: readFileSync(first.ca),
      requestCert: true,
      rejectUnauthorized: true,
    };
    const peer =
      protocol === 'http'
        ? await httpPeer.backend(httpPeer.ok, 0, server)
        : await grpcPeer.backend(grpcPeer.ok(), 0, { ...server, allowHTTP1: false });
    open.push(peer.close);
    const [ca, cert, key] = [replaceable(second.ca), replaceable(second.cert), replaceable(second.key)];
    const tls = {
      ca_file: ca.path,
      cert_file: cert.path,
      key_file: key.path,
      server_name_override: 'localhost',
      reload_interval,
    };
    const retry_on_failure = { initial_interval: '10ms', max_interval: '20ms' };
    const hints = { budget: createBudget(1e9) };
    const endpoint = 'url' in peer ? peer.url : peer.endpoint;
    const factory = protocol === 'http' ? otlpHttp : otlpGrpc;
    const exporter = factory.create('e', factory.options.parse({ endpoint, tls, retry_on_failure }) as never, hints);
    const host = testHost();
    await exporter.start(host);
    open.push(() => exporter.shutdown(AbortSignal.abort()));
    const reread = () => host.logs.filter(({ message }) => message === 'Certificates were read again.').length;

    exporter.consume(tracesOf(['a']));
    await until(() => host.statuses_.some(({ state }) => state === 'degraded'));
    ca.put(first.ca);
    await until(() => reread() === 1);
    expect(host.books.sent).toBe(0);
    key.put(client.key);
    cert.put(client.cert);
    await until(() => host.books.sent === 1);

    // Good for the next connection; what is open is not cut off.
    ca.put(second.ca);
    const before = reread();
    await until(() => reread() > before);
    exporter.consume(tracesOf(['b']));
    ca.put(first.ca);
    await until(() => host.books.sent === 2);
    expect(host.difference()).toBe(0);
  });
});
