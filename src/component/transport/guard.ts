/**
 * Where requests may go. A URL that a payload or an API names could make this process ask, with the trust that its
 * network has in it, for what the sender cannot reach (SSRF): `requestGuarded` goes to public addresses only, unless a
 * host is allowed. A URL of the configuration is the operator's choice, but for link-local addresses, where clouds hand
 * out the credentials of the machine.
 *
 * Addresses are judged when they are connected to, not before: a name that answers otherwise the second time, and a
 * redirect, are judged like the first.
 */
import { lookup as resolve } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { z } from 'zod';
import { wrong } from '../../../config/kind.ts';

export type Zone = 'public' | 'private' | 'link-local';

/** RFC 3927 and RFC 4291, and the metadata services that stand elsewhere: AWS over IPv6, Alibaba, Oracle. */
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128', '100.100.100.200/32', '192.0.0.192/32'];
/** All that the IANA registries of special-purpose addresses do not call globally reachable, and multicast. */
const PRIVATE = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/128', '::1/128', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
  ...['5f00::/16', 'fc00::/7', 'fec0::/10', 'ff00::/8'],
];
const linkLocal = blockList(LINK_LOCAL);
const notPublic = blockList(PRIVATE);

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** `address` is an IP address; whatever else it is is private. An IPv4 address within an IPv6 one counts as itself. */
export function zoneOf(address: string): Zone {
  const plain = address.replace(/%.*$/, '');
  const version = isIP(plain);
  if (version === 0) return 'private';
  if (version === 4) return zoneIn(plain, 'ipv4');
  const inner = embedded(plain);
  return inner === undefined ? zoneIn(plain, 'ipv6') : zoneIn(inner, 'ipv4');
}

function zoneIn(address: string, family: 'ipv4' | 'ipv6'): Zone {
  if (linkLocal.check(address, family)) return 'link-local';
  return notPublic.check(address, family) ? 'private' : 'public';
}

/** Of ::ffff:0:0/96 (mapped), ::ffff:0:0:0/96 (translated), ::/96 (compatible) and 64:ff9b::/96 (NAT64). */
function embedded(address: string): string | undefined {
  // The URL class writes an address in its one canonical form.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const match = /^(?:::(?:ffff:)?(?:0:)?|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (match === null) return undefined;
  const [high, low] = [Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** A request that was not made, or not made on. */
export class Blocked extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Blocked';
  }
}

/** An answer with more bytes than are read. */
export class TooLarge extends Blocked {
  constructor(maxBytes: number) {
    super(`an answer of more than ${maxBytes} bytes.`);
  }
}

/** What a configured endpoint needs to reach link-local addresses. */
export function allowLinkLocal() {
  return z
    .boolean()
    .default(false)
    .describe('Allows an endpoint with a link-local address, where clouds serve the credentials of the machine.');
}

/** Complains of a host that is a link-local address, unless it is `allowed`. Brackets of IPv6 may stay. */
export function checkLinkLocal(hostname: string, allowed: boolean, ctx: z.core.$RefinementCtx, option = 'endpoint'): void {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (allowed || isIP(address) === 0 || zoneOf(address) !== 'link-local') return;
  wrong(ctx, 'a link-local address, as of a metadata service', 'If it is meant, write allow_link_local: true.', [option]);
}

/** Throws if `hostname` is an address in one of `zones`; a name is judged by `lookupOutside`. Brackets of IPv6 may stay. */
export function checkAddress(hostname: string, zones: readonly Zone[]): void {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address.replace(/%.*$/, '')) === 0) return;
  const zone = zoneOf(address);
  if (zones.includes(zone)) throw new Blocked(`${address} is a ${zone} address, which is not allowed here.`);
}

/** Resolves names as `net.connect` does, and fails if any address of the name is in one of `zones`. */
export function lookupOutside(zones: readonly Zone[], lookup: LookupFunction = resolve as LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address);
      const inside = error === null ? addresses.find((address) => zones.includes(zoneOf(address))) : undefined;
      if (inside === undefined) return callback(error, found, family);
      const message = `${hostname} has the ${zoneOf(inside)} address ${inside}, which is not allowed here.`;
      callback(new Blocked(message), '', undefined);
    });
  };
}

export interface GuardedRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** `host:port` or host that may be asked whatever its address is. */
  readonly allow?: readonly string[];
  /** For all of it, redirects included, ms. */
  readonly timeoutMs?: number;
  /** Default 3. Beyond it a redirect is the answer. */
  readonly maxRedirects?: number;
  /** Most of an answer that is read. */
  readonly maxBytes?: number;
  /** Ends the request early. */
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly lookup?: LookupFunction;
}

export interface GuardedAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Uint8Array;
}

const OUTSIDE: readonly Zone[] = ['private', 'link-local'];
const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1_048_576;
/** All that another origin than the one asked first is told: every API has a header of its own for its key. */
const NOT_SECRET = ['accept', 'accept-encoding', 'content-type', 'user-agent'];

/** One request and its redirects; rejects with `Blocked` where it must not go. */
export async function requestGuarded(url: string, request: GuardedRequest = {}): Promise<GuardedAnswer> {
  const late = AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS);
  const signal = request.signal === undefined ? late : AbortSignal.any([late, request.signal]);
  let target = checkedUrl(url);
  let { headers = {}, body, method = 'GET' } = request;
  for (let redirects = 0; ; redirects++) {
    const answer = await once(target, { ...request, method, headers, ...(body === undefined ? {} : { body }) }, signal);
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    if (request.maxRedirects === redirects) return answer;
    if (redirects === MAX_REDIRECTS) throw new Blocked(`more than ${MAX_REDIRECTS} redirects.`);
    const next = checkedUrl(new URL(location, target).href);
    if (target.protocol === 'https:' && next.protocol === 'http:') throw new Blocked('a redirect from https to http.');
    if (next.origin !== target.origin)
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => NOT_SECRET.includes(name.toLowerCase())));
    if (answer.status < 304) {
      method = 'GET';
      body = undefined;
    }
    target = next;
  }
}

function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new Blocked('not a URL with http:// or https://.');
  if (url.username !== '' || url.password !== '') throw new Blocked('a URL with credentials.');
  return url;
}

function once(url: URL, request: GuardedRequest, signal: AbortSignal): Promise<GuardedAnswer> {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const allow = request.allow ?? [];
  const zones = allow.includes(url.hostname) || allow.includes(`${url.hostname}:${port}`) ? [] : OUTSIDE;
  checkAddress(url.hostname, zones);
  const { method, headers, body, maxBytes = MAX_BYTES } = request;
  return new Promise((resolve, reject) => {
    const options = { method, headers, signal, agent: false, lookup: lookupOutside(zones, request.lookup) };
    const sent = (url.protocol === 'https:' ? https : http).request(url, options as http.RequestOptions, (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on('data', (part: Buffer) => {
        length += part.length;
        if (length > maxBytes) response.destroy(new TooLarge(maxBytes));
        else parts.push(part);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
