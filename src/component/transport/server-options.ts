/** Options that all servers of receivers have, under the Collector's keys. */
import { z } from 'zod';
import { wrong } from '../../../config/kind.ts';
import { serverTls } from '../../../config/tls.ts';
import { count, duration, MIB } from '../../../config/units.ts';
import { authOption } from '../auth.ts';
import { isLoopback, parseEndpoint } from './endpoint.ts';

/** A JSON body becomes one string, and V8's strings end at 512 MiB. */
export const MAX_MESSAGE_MIB = 256;

export const serverOptions = {
  insecure: z.boolean().default(false).describe('Allows an endpoint that other machines reach although nothing asks who sends.'),
  tls: serverTls().optional().describe('TLS; with client_ca_file clients need a certificate too.'),
  auth: authOption('Who may send: an extension that checks credentials before a body is read.'),
};

export const httpServerOptions = {
  ...serverOptions,
  max_request_body_size: count(20 * MIB, { min: 1, max: MAX_MESSAGE_MIB * MIB }).describe(
    'Largest body, before and after decompression, bytes.',
  ),
  // The Collector leaves these at 0, open to clients that never finish.
  read_header_timeout: duration('10s', { min: '10ms' }).describe('Time for the headers of a request.'),
  read_timeout: duration('1m', { min: '10ms' }).describe('Time for a whole request.'),
  // Longer than the 90 s for which Go clients keep a connection: who closes first decides whether a request is lost.
  idle_timeout: duration('2m', { min: '10ms' }).describe('A connection without a request is closed after this.'),
};

interface Reach {
  readonly endpoint: string;
  readonly insecure: boolean;
  readonly auth?: unknown;
  readonly tls?: { readonly client_ca_file?: string | undefined } | undefined;
}

export function checkReach({ endpoint: text, insecure, auth, tls }: Reach, ctx: z.core.$RefinementCtx): void {
  const where = parseEndpoint(text);
  if (where === undefined || insecure || auth !== undefined || tls?.client_ca_file !== undefined || isLoopback(where.host))
    return;
  const todo =
    "Bind localhost, or name an authenticator under auth, or demand client certificates with tls.client_ca_file, or write this line beside the endpoint: 'insecure: true'";
  wrong(ctx, 'other machines reach it, and nothing asks who sends', todo, ['endpoint']);
}

interface Times {
  readonly read_header_timeout: number;
  readonly read_timeout: number;
}

export function checkTimes(value: Times, ctx: z.core.$RefinementCtx): void {
  if (value.read_header_timeout > value.read_timeout)
    wrong(ctx, 'longer than read_timeout', 'Lower it or raise read_timeout.', ['read_header_timeout']);
}
