/** The records of a configuration without its pipelines: what `misstep mcp --config` asks where no misstep runs. */

import { Analyses } from '../../extensions/api/analysis/analysis.ts';
import { Keys } from '../../extensions/api/auth.ts';
import { Catalogue } from '../../extensions/api/catalogue.ts';
import { Feed } from '../../extensions/api/feed.ts';
import type { Services } from '../../extensions/api/route.ts';
import { wireDetection } from '../../extensions/api/routes/detections.ts';
import { Vault } from '../../extensions/api/vault.ts';
import { Webhooks } from '../../extensions/api/webhooks/webhooks.ts';
import type { Component, ExtensionFactory, Host } from '../../src/component/component.ts';
import { recordsOf } from '../../src/component/records.ts';
import { startService } from '../../src/service/service.ts';
import type { ServiceSpec } from '../../src/service/spec.ts';
import { analyser } from '../analysis.ts';
import { catalogued } from '../catalogued.ts';
import { version } from '../shipped.ts';

const STOP_MS = 5_000;

export interface OpenRecords {
  readonly services: Services;
  close(): Promise<void>;
}

/** Throws if the configuration has no extension `api`, or its database cannot be opened. */
export async function openRecords(spec: ServiceSpec): Promise<OpenRecords> {
  const api = [...spec.extensions.values()].find(({ type }) => type === 'api');
  if (api === undefined) throw new Error("the configuration has no extension 'api'. Name one as config/platform.yaml does.");
  // Its factory's schema has checked it.
  const { database } = api.options as { readonly database: string };
  const told: { host?: Host } = {};
  const listener = {
    id: 'mcp',
    type: 'mcp',
    options: {},
    factory: hostListener(api.factory.options, (host) => {
      told.host = host;
    }),
  };
  const service = await startService(
    {
      ...spec,
      pipelines: [],
      extensions: new Map([...spec.extensions, ['mcp', listener]]),
      started: [database, 'mcp'],
      // The page of metrics belongs to the misstep that runs.
      telemetry: { logs: { ...spec.telemetry.logs, level: 'warn' }, resource: spec.telemetry.resource },
    },
    { buildVersion: version() },
  );
  const close = () => service.shutdown(AbortSignal.timeout(STOP_MS));
  try {
    const host = told.host as Host;
    const records = recordsOf(database, host.extension(database));
    const keys = await Keys.open(records, () => host.clock.now());
    const catalogue = new Catalogue(catalogued());
    const feed = new Feed(host, 'mcp');
    // Not started: deliveries are those of the misstep that runs.
    const webhooks = new Webhooks(host, records, keys, (row) => wireDetection(row, catalogue), { allow: [] });
    const analyses = new Analyses(analyser);
    const vault = Vault.of(keys.derive('vault'));
    const off = { datadog: undefined, n8nHosts: [], sources: undefined };
    const services = { host, records, keys, catalogue, feed, webhooks, analyses, vault, ...off };
    return { services, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An extension that does nothing but say what it was given. */
function hostListener(options: ExtensionFactory['options'], given: (host: Host) => void): ExtensionFactory {
  const component: Component = { start: async (host) => given(host), shutdown: async () => undefined };
  return {
    kind: 'extension',
    type: 'mcp',
    stability: 'alpha',
    summary: 'The host, for the command mcp.',
    options,
    create: () => component,
  };
}
