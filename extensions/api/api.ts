/**
 * The REST API of the seed over a database: traces, detections, analytics, feedback. Nothing of it is on the path of the spans.
 *
 * On a loopback address requests without a key are of the tenant `default`; on any other address everybody needs a key.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { secret } from '../../config/secret.ts';
import type { Component, ExtensionFactory, Host } from '../../src/component/component.ts';
import { recordsOf } from '../../src/component/records.ts';
import { Catalogue, type Catalogued } from './catalogue.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

const options = z.strictObject({
  endpoint: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]*):\d{1,5}$/, 'must be host:port, e.g. 127.0.0.1:8000.')
    .default('127.0.0.1:8000')
    .describe('Where it listens.'),
  database: z.string().min(1).default('database').describe('The extension that keeps the records.'),
  signup: z
    .boolean()
    .optional()
    .describe('Whether strangers may make tenants by POST /auth/tenants. Default: on a loopback address only.'),
  requests_per_minute: z.int().min(1).default(600).describe('Of one address. The default is ten a second.'),
  ingest_endpoint: z
    .url({ protocol: /^http$/ })
    .optional()
    .describe('The receiver `webhook`: spans and webhooks that are sent to the API are handed to it.'),
  n8n_hosts: z
    .array(z.string().min(1).max(255))
    .default([])
    .describe(
      'Hosts (`host` or `host:port`) of n8n that patches may be sent to though their addresses are private, or by plain HTTP.',
    ),
  encryption_key: secret()
    .refine((value) => value.reveal().length >= 32, 'must have at least 32 characters.')
    .optional()
    .describe("Encrypts keys of other APIs that tenants leave here. Default: a key derived from the database's secret."),
  tls: z
    .strictObject({ cert_file: z.string().min(1), key_file: z.string().min(1) })
    .optional()
    .describe('PEM files; read at the start.'),
});
type Options = z.output<typeof options>;

/** `detectors` in the order in which they are listed. */
export function apiFactory(detectors: () => readonly Catalogued[]): ExtensionFactory<typeof options> {
  return {
    kind: 'extension',
    type: 'api',
    stability: 'alpha',
    summary: 'REST API over a database: traces, detections, analytics, feedback.',
    options,
    create: (id, value) => new Api(id, value, detectors),
  };
}

class Api implements Component {
  private readonly id: string;
  private readonly options: Options;
  private readonly detectors: () => readonly Catalogued[];
  private app: FastifyInstance | undefined;

  constructor(id: string, value: Options, detectors: () => readonly Catalogued[]) {
    this.id = id;
    this.options = value;
    this.detectors = detectors;
  }

  /** The port it listens on, also when 0 was asked for. */
  get port(): number {
    return (this.app?.server.address() as AddressInfo | null)?.port ?? 0;
  }

  async start(host: Host): Promise<void> {
    const { database, endpoint, signup, requests_per_minute: perMinute, tls, ingest_endpoint } = this.options;
    const { n8n_hosts: n8nHosts, encryption_key: own } = this.options;
    const records = recordsOf(database, host.extension(database));
    // Who runs no API does not wait for what it needs.
    const [{ Keys }, { routes }, { createApi }, { Vault }] = await Promise.all([
      import('./auth.ts'),
      import('./routes.ts'),
      import('./server.ts'),
      import('./vault.ts'),
    ]);
    const keys = await Keys.open(records, () => host.clock.now());
    const vault = own === undefined ? Vault.of(keys.derive('vault')) : Vault.ofText(own.reveal());
    const at = endpoint.lastIndexOf(':');
    const [address, port] = [endpoint.slice(0, at) || '0.0.0.0', Number(endpoint.slice(at + 1))];
    const local = LOOPBACK.test(address);
    const app = await createApi(
      routes,
      { host, records, keys, catalogue: new Catalogue(this.detectors()), vault, n8nHosts },
      {
        anonymous: local ? 'default' : undefined,
        signup: signup ?? local,
        perMinute,
        ingest: ingest_endpoint === undefined ? undefined : new URL(ingest_endpoint),
        tls: tls === undefined ? undefined : { cert: readFileSync(tls.cert_file), key: readFileSync(tls.key_file) },
      },
    );
    await app.listen({ host: address.replace(/^\[|\]$/g, ''), port });
    this.app = app;
    host.logger.log('info', `The API is at http${tls === undefined ? '' : 's'}://${endpoint}/api/v1, its documents at /docs.`, {
      extension: this.id,
    });
    host.status({ state: 'ok' });
  }

  async shutdown(): Promise<void> {
    const { app } = this;
    this.app = undefined;
    await app?.close();
  }
}
