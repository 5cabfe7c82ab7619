/**
 * Authenticators: extensions that receivers and exporters name as `auth: {authenticator: id}`. A receiver asks before it
 * reads a body; an exporter asks for the headers of each request. Both look the extension up every time, so that one whose
 * options a reload changes serves at once and no listener is closed for it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Component, Host } from './component.ts';

/** Who sends. */
export interface Sender {
  readonly tenant: string;
}

export interface ServerAuth {
  /** The WWW-Authenticate of a refusal. */
  readonly challenge: string;
  /** Header that carries the credentials, in lower case; it goes no further than the receiver. */
  readonly header: string;
  /** `undefined` = unknown. Takes as long for a wrong secret as for a right one. Names of `headers` are in lower case. */
  authenticate(headers: IncomingHttpHeaders): Sender | undefined;
  /** Whose key it is, wherever it stood. Absent if there are no keys without users. */
  ofKey?(key: string): Sender | undefined;
}

export interface ClientAuth {
  /** Headers that show who sends, names in lower case. */
  headers(): Readonly<Record<string, string>>;
}

/** `undefined` = it cannot do that. */
export interface Authenticator extends Component {
  readonly server: ServerAuth | undefined;
  readonly client: ClientAuth | undefined;
}

export function authOption(what: string) {
  return z.strictObject({ authenticator: z.string() }).optional().describe(what);
}

export type AuthOption = z.output<ReturnType<typeof authOption>>;

/** Looks the authenticator up whenever it is called. Throws at once, with what to do, if there is none that suits. */
export function serverAuth(option: AuthOption, host: Host): (() => ServerAuth | undefined) | undefined {
  if (option === undefined) return undefined;
  const find = () => found(option.authenticator, host)?.server;
  if (find() === undefined) throw unsuitable(option.authenticator, host, 'checks nobody; give it the credentials of its clients');
  return find;
}

/** As `serverAuth`, for those who send. */
export function clientAuth(option: AuthOption, host: Host): (() => ClientAuth | undefined) | undefined {
  if (option === undefined) return undefined;
  const find = () => found(option.authenticator, host)?.client;
  if (find() === undefined) throw unsuitable(option.authenticator, host, 'has nothing to show; give it credentials to send');
  return find;
}

function found(id: string, host: Host): Authenticator | undefined {
  const extension = host.extension(id);
  return extension !== undefined && 'server' in extension && 'client' in extension ? (extension as Authenticator) : undefined;
}

function unsuitable(id: string, host: Host, lacks: string): Error {
  if (host.extension(id) === undefined) return new Error(`auth: '${id}' does not run. Name it in service.extensions.`);
  if (found(id, host) === undefined)
    return new Error(`auth: '${id}' is no authenticator. Name a bearertokenauth or a basicauth.`);
  return new Error(`auth: '${id}' ${lacks}.`);
}

export type Digest = 'sha256' | 'sha1';

export function digest(text: string | Uint8Array, algorithm: Digest = 'sha256'): Buffer {
  return createHash(algorithm).update(text).digest();
}

/** How alike two digests are does not show in the time this takes. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
