/** As much of n8n's public API as a patch needs, in memory, for tests; `npm run test:frameworks -- n8n-healing` has the real one. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: tests change workflows as they like.
type Json = any;

export interface N8nStub {
  readonly url: string;
  readonly host: string;
  readonly workflows: Map<string, Json>;
  /** Answers of writes, before they are given: throw a number to answer that status. */
  onPut: ((workflow: Json) => Json) | undefined;
  readonly puts: string[];
  stop(): Promise<void>;
}

/** Nodes `Hook → Round → Again → Round`: a circle that nothing ends. */
export function circle(name: string): Json {
  const node = (called: string, type: string, parameters: Json = {}) => ({
    id: called.toLowerCase(),
    name: called,
    type: `n8n-nodes-base.${type}`,
    typeVersion: 1,
    position: [0, 0],
    parameters,
  });
  const to = (target: string) => ({ main: [[{ node: target, type: 'main', index: 0 }]] });
  return {
    name,
    active: false,
    versionId: '1',
    activeVersionId: null,
    nodes: [
      node('Hook', 'webhook', { path: 'x' }),
      node('Round', 'code', { jsCode: 'return $input.all()' }),
      node('Again', 'code'),
    ],
    connections: { Hook: to('Round'), Round: to('Again'), Again: to('Round') },
    settings: { executionOrder: 'v1' },
    staticData: { kept: true },
  };
}

export async function startN8n(key: string): Promise<N8nStub> {
  const workflows = new Map<string, Json>();
  const puts: string[] = [];
  let stub: N8nStub;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const say = (status: number, body: Json) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (request.headers['x-n8n-api-key'] !== key) return say(401, { message: 'unauthorized' });
      const url = new URL(request.url ?? '', 'http://n8n');
      if (url.pathname === '/api/v1/workflows')
        return say(200, {
          data: [...workflows].map(([id, { name }]) => ({ id, name })).filter((one) => one.name === url.searchParams.get('name')),
        });
      const id = decodeURIComponent(/^\/api\/v1\/workflows\/([^/]+)$/.exec(url.pathname)?.[1] ?? '');
      const before = workflows.get(id);
      if (before === undefined) return say(404, { message: 'Not Found' });
      if (request.method === 'PUT') {
        puts.push(id);
        const given = JSON.parse(Buffer.concat(chunks).toString()) as Json;
        const extra = Object.keys(given).find((one) => !['name', 'nodes', 'connections', 'settings'].includes(one));
        if (extra !== undefined) return say(400, { message: `request/body must NOT have additional properties: ${extra}` });
        try {
          const next = stub.onPut?.(given) ?? given;
          // As n8n does: nodes without ids get some, anew each time; settings are added to those that are there; `DEFAULT` and -1 take one away.
          const settings = Object.entries({ ...before.settings, ...next.settings }).filter(
            ([, one]) => one !== 'DEFAULT' && one !== -1,
          );
          const nodes = next.nodes.map((node: Json) => ({ webhookId: `made-up-${puts.length}`, ...node }));
          workflows.set(id, {
            ...before,
            ...next,
            nodes,
            settings: Object.fromEntries(settings),
            versionId: String(puts.length + 1),
          });
        } catch (status) {
          return say(Number(status), { message: 'refused' });
        }
      }
      return say(200, { id, ...workflows.get(id) });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub = {
    url: `http://${host}`,
    host,
    workflows,
    onPut: undefined,
    puts,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return stub;
}
