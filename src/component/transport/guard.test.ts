import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Blocked, checkAddress, lookupOutside, requestGuarded, zoneOf } from './guard.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A resolver of our own: each name gives its addresses in turn, the last one stays. */
function resolver(names: Readonly<Record<string, readonly string[]>>): LookupFunction {
  const asked = new Map<string, number>();
  return (hostname, options, callback) => {
    const n = asked.get(hostname) ?? 0;
    asked.set(hostname, n + 1);
    const address = names[hostname]?.[Math.min(n, (names[hostname]?.length ?? 1) - 1)] ?? '127.0.0.1';
    const family = address.includes(':') ? 6 : 4;
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

describe('claim 25: zones', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['93.184.216.34', 'public'],
    ['2606:4700:4700::1111', 'public'],
    ['172.32.0.1', 'public'],
    ['127.0.0.1', 'private'],
    ['0.0.0.0', 'private'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['224.0.0.1', 'private'],
    ['255.255.255.255', 'private'],
    ['::1', 'private'],
    ['::', 'private'],
    ['fd12:3456::1', 'private'],
    ['ff02::1', 'private'],
    ['2001:db8::1', 'private'],
    ['169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fd00:ec2::254', 'link-local'],
    ['100.100.100.200', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['64:ff9b::a9fe:a9fe', 'link-local'],
    ['::ffff:127.0.0.1', 'private'],
    ['::127.0.0.1', 'private'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['2002:a00:1::', 'private'],
    ['::ffff:8.8.8.8', 'public'],
    ['not an address', 'private'],
  ])('%s is %s', (address, zone) => {
    expect(zoneOf(address)).toBe(zone);
  });
});

describe('claim 25: a URL that a payload names', () => {
  test.each([
    'http://127.0.0.1/',
    'http://localhost/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'http://10.0.0.1/',
    'http://0/',
    'file:///etc/passwd',
    'ftp://example.test/',
    'gopher://example.test/',
    'http://user:password@example.test/',
    'not a url',
  ])('%s is not asked', async (url) => {
    await expect(requestGuarded(url)).rejects.toThrow(Blocked);
  });

  test.each([
    ['a name with a private address', ['10.0.0.1']],
    ['a name with the loopback', ['127.0.0.1']],
    ['a name of the metadata service', ['169.254.169.254']],
    ['a name with an IPv6 address that is one of these', ['::ffff:10.0.0.1']],
  ])('%s is not asked', async (_name, addresses) => {
    const lookup = resolver({ 'evil.test': addresses });
    await expect(requestGuarded('http://evil.test/', { lookup })).rejects.toThrow(/^evil\.test has the .* address/);
  });

  test('one address of several that is private is enough', async () => {
    const both: LookupFunction = (_hostname, _options, callback) =>
      callback(null, [
        { address: '8.8.8.8', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ]);
    await expect(requestGuarded('http://evil.test/', { lookup: both })).rejects.toThrow(Blocked);
  });

  test('the address that was judged is the one that is connected to: a name that changes its mind is judged again', async () => {
    let hits = 0;
    const port = await serve((_request, response) => {
      hits++;
      response.writeHead(302, { location: `http://rebinding.test:${port}/` }).end();
    });
    // Allowed at first, for this test has no public address; the redirect asks again, and the name now is the loopback.
    const lookup = resolver({ 'allowed.test': ['127.0.0.1'], 'rebinding.test': ['127.0.0.1'] });
    const asked = requestGuarded(`http://allowed.test:${port}/`, { lookup, allow: ['allowed.test'] });
    await expect(asked).rejects.toThrow('rebinding.test has the private address 127.0.0.1');
    expect(hits).toBe(1);
    const once = lookupOutside(['private'], resolver({ 'flip.test': ['8.8.8.8', '127.0.0.1'] }));
    const look = () => new Promise((resolve) => once('flip.test', { all: true }, (error) => resolve(error?.name ?? 'fine')));
    expect([await look(), await look()]).toEqual(['fine', 'Blocked']);
  });

  test.each(['http://169.254.169.254/', 'http://[::1]/', 'file:///etc/passwd', '//10.0.0.1/'])(
    'a redirect to %s is not followed',
    async (location) => {
      const port = await serve((_request, response) => response.writeHead(307, { location }).end());
      const asked = requestGuarded(`http://127.0.0.1:${port}/`, { allow: [`127.0.0.1:${port}`] });
      await expect(asked).rejects.toThrow(Blocked);
    },
  );

  test('what is allowed is asked; redirects have an end; credentials stay with their origin; answers are bounded', async () => {
    const seen: (string | undefined)[] = [];
    const second = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers['x-n8n-api-key'] as string | undefined, request.headers.accept);
      response.end('here');
    });
    const first = await serve((request, response) => {
      if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (request.url === '/large') response.end(Buffer.alloc(100_000));
      else response.writeHead(302, { location: `http://127.0.0.1:${second}/` }).end();
    });
    const allow = ['127.0.0.1'];
    const answer = await requestGuarded(`http://127.0.0.1:${first}/`, {
      allow,
      headers: { authorization: 'Bearer key', 'X-N8N-API-KEY': 'key', accept: 'text/plain' },
    });
    expect([answer.status, Buffer.from(answer.body).toString(), seen]).toEqual([
      200,
      'here',
      [undefined, undefined, 'text/plain'],
    ]);
    await expect(requestGuarded(`http://127.0.0.1:${first}/loop`, { allow })).rejects.toThrow('more than 3 redirects.');
    await expect(requestGuarded(`http://127.0.0.1:${first}/large`, { allow, maxBytes: 1_000 })).rejects.toThrow(Blocked);
    await expect(requestGuarded(`http://127.0.0.1:${first}/`, { allow: ['127.0.0.1:1'] })).rejects.toThrow(Blocked);
  });

  test('an answer that never comes is not waited for', async () => {
    const port = await serve(() => {});
    await expect(requestGuarded(`http://127.0.0.1:${port}/`, { allow: ['127.0.0.1'], timeoutMs: 50 })).rejects.toThrow();
  });
});

test('claim 25: of configured endpoints only link-local addresses are refused', () => {
  expect(() => checkAddress('169.254.169.254', ['link-local'])).toThrow('is a link-local address');
  expect(() => checkAddress('[fe80::1]', ['link-local'])).toThrow(Blocked);
  for (const host of ['127.0.0.1', '10.0.0.1', '[::1]', 'backend.test'])
    expect(() => checkAddress(host, ['link-local'])).not.toThrow();
});
