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
import type { Authenticator, ServerAuth } from '../../src/component/auth.ts';
import type { ExtensionFactory, Host } from '../../src/component/component.ts';
import { recordsOf } from '../../src/component/records.ts';
import type { Analyses } from './analysis/analysis.ts';
import { Catalogue, type Catalogued } from './catalogue.ts';
import type { Analyse } from './mcp/tool.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

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
  tenant_requests_per_minute: z
    .int()
    .min(1)
    .default(3_000)
    .describe('Of one tenant, from all addresses. The default is that of five busy addresses.'),
  webhook_hosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Hosts, also as host:port, to which detections may be sent although their addresses are not public.'),
  datadog: z
    .strictObject({
      api_key: secret().describe('Best from the environment.'),
      site: z
        .string()
        .regex(/^[a-z0-9.-]+$/)
        .default('datadoghq.com'),
      endpoint: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('Instead of https://api.<site>.'),
    })
    .optional()
    .describe('Where POST /metrics/datadog/flush sends.'),
  ingest_endpoint: z
    .url({ protocol: /^http$/ })
    .optional()
    .describe('The receiver `webhook`: spans and webhooks that are sent to the API are handed to it.'),
  mcp: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether MCP is served, at /mcp.'),
      read_only: z.boolean().default(false).describe('Leaves out the tool that judges detections.'),
      allowed_origins: z
        .array(z.string().regex(/^[a-z0-9.-]+$/, 'must be the name of a host, as app.example.com.'))
        .default([])
        .describe('Hosts of web pages that may ask. On a loopback address pages of this machine may, others nowhere.'),
    })
    .prefault({})
    .describe("The Model Context Protocol: the records as tools of somebody's agent."),
  n8n_hosts: z
    .array(z.string().min(1).max(255))
    .default([])
    .describe(
      'Hosts (`host` or `host:port`) of n8n that patches may be sent to though their addresses are private, or by plain HTTP.',
    ),
  sources: z
    .strictObject({
      root: z.string().min(1).describe('A directory; what is outside of it, or reached by a link, is not read.'),
      tenants: z.array(z.string().min(1)).min(1).default(['default']).describe('Who may have fixes as diffs against its files.'),
    })
    .optional()
    .describe(
      'Python files of yours, against which fixes are proposed as diffs. They are read when a request names one, and never written.',
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

/** What MCP analyses with: only who knows every adapter and detector can. */
export interface Analysis {
  readonly analyse: Analyse;
  readonly formats: readonly [string, ...string[]];
}

/** `detectors` in the order in which they are listed; `analyser` is the module of the thread that analyses for the routes. */
export function apiFactory(
  detectors: () => readonly Catalogued[],
  analysis: Analysis,
  analyser: URL,
): ExtensionFactory<typeof options> {
  return {
    kind: 'extension',
    type: 'api',
    stability: 'alpha',
    summary: 'REST API over a database: traces, detections, analytics, feedback.',
    options,
    create: (id, value) => new Api(id, value, detectors, analysis, analyser),
  };
}

class Api implements Authenticator {
  private readonly id: string;
  private readonly options: Options;
  private readonly detectors: () => readonly Catalogued[];
  private readonly analysis: Analysis;
  private readonly analyser: URL;
  private analyses: Analyses | undefined;
  private senders: ServerAuth | undefined;
  private app: FastifyInstance | undefined;
  private webhooks: Webhooks | undefined;

  constructor(id: string, value: Options, detectors: () => readonly Catalogued[], analysis: Analysis, analyser: URL) {
    this.id = id;
    this.options = value;
    this.detectors = detectors;
    this.analysis = analysis;
    this.analyser = analyser;
  }

  /** For the receiver to which spans are handed on: whose they are. */
  get server(): ServerAuth | undefined {
    return this.senders;
  }

  get client(): undefined {
    return undefined;
  }

  /** The port it listens on, also when 0 was asked for. */
  get port(): number {
    return (this.app?.server.address() as AddressInfo | null)?.port ?? 0;
  }

  async start(host: Host): Promise<void> {
    const { database, endpoint, signup, tls, ingest_endpoint, webhook_hosts, datadog, mcp } = this.options;
    const { requests_per_minute: perMinute, tenant_requests_per_minute: tenantPerMinute } = this.options;
    const { n8n_hosts: n8nHosts, encryption_key: own, sources } = this.options;
    const records = recordsOf(database, host.extension(database));
    // Who runs no API does not wait for what it needs.
    const [{ Keys }, { Senders }, { routes }, { createApi }, { Feed }, { Webhooks }, { Analyses }, { wireDetection }, { Vault }] =
      await Promise.all([
        import('./auth.ts'),
        import('./sender.ts'),
        import('./routes.ts'),
        import('./server.ts'),
        import('./feed.ts'),
        import('./webhooks/webhooks.ts'),
        import('./analysis/analysis.ts'),
        import('./routes/detections.ts'),
        import('./vault.ts'),
      ]);
    const keys = await Keys.open(records, () => host.clock.now());
    const vault = own === undefined ? Vault.of(keys.derive('vault')) : Vault.ofText(own.reveal());
    const at = endpoint.lastIndexOf(':');
    const [address, port] = [endpoint.slice(0, at) || '0.0.0.0', Number(endpoint.slice(at + 1))];
    const local = LOOPBACK.test(address);
    const catalogue = new Catalogue(this.detectors());
    const feed = new Feed(host, this.id);
    const webhooks = new Webhooks(host, records, keys, (row) => wireDetection(row, catalogue), { allow: webhook_hosts });
    await webhooks.start();
    this.webhooks = webhooks;
    const analyses = new Analyses(this.analyser);
    this.analyses = analyses;
    const senders = new Senders(local ? 'default' : undefined);
    this.senders = senders;
    const app = await createApi(
      routes,
      { host, records, keys, catalogue, feed, webhooks, analyses, datadog, vault, n8nHosts, sources },
      {
        anonymous: local ? 'default' : undefined,
        signup: signup ?? local,
        perMinute,
        tenantPerMinute,
        senders,
        ingest: ingest_endpoint === undefined ? undefined : new URL(ingest_endpoint),
        mcp: mcp.enabled ? { readOnly: mcp.read_only, origins: mcp.allowed_origins, local, ...this.analysis } : undefined,
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
    const { app, webhooks, analyses } = this;
    this.senders = undefined;
    this.app = undefined;
    this.webhooks = undefined;
    await app?.close();
    await webhooks?.stop();
    await analyses?.close();
  }
}
