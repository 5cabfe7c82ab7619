// The demo's receiving side: takes what misstep sends on and picks out what it wrote: findings on spans, and carrier spans.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { protobufToJson } from '../../src/otlp/json.ts';

export interface Annotated {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  /** True if the finding came as a span of its own, because its target had been sent on before. */
  readonly carrier: boolean;
  /** What misstep added: `gen_ai.evaluation.*` and `misstep.*`. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Attributes of each `gen_ai.evaluation.result` event. */
  readonly findings: readonly ReadonlyMap<string, string>[];
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly KeyValue[] }[];
}
interface JsonRequest {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly scope?: { readonly name?: string }; readonly spans?: readonly JsonSpan[] }[];
  }[];
}

export interface Sink {
  readonly url: string;
  close(): void;
}

/** Listens on a free loopback port; `found` is called for each annotated span, in the order of arrival. */
export async function startSink(found: (span: Annotated) => void): Promise<Sink> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (request.url === '/v1/traces') {
        const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
        for (const span of annotatedIn(JSON.parse(protobufToJson('traces', plain)) as JsonRequest)) found(span);
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await listen(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Every span of the request on which misstep wrote a finding. */
function annotatedIn(request: JsonRequest): Annotated[] {
  return (request.resourceSpans ?? []).flatMap(({ scopeSpans }) =>
    (scopeSpans ?? []).flatMap(({ scope, spans }) =>
      (spans ?? []).flatMap((span) => {
        const carrier = scope?.name === 'misstep';
        const attributes = ours(span.attributes);
        const events = (span.events ?? [])
          .filter((event) => event.name === 'gen_ai.evaluation.result')
          .map((event) => ours(event.attributes));
        const findings = carrier && events.length === 0 ? [attributes] : events;
        if (findings.length === 0) return [];
        return [{ traceId: span.traceId, spanId: span.spanId, name: span.name, carrier, attributes, findings }];
      }),
    ),
  );
}

function ours(attributes: readonly KeyValue[] | undefined): ReadonlyMap<string, string> {
  const kept = (attributes ?? []).filter(
    ({ key }) => key.startsWith('misstep.') || key.startsWith('gen_ai.evaluation.') || key === 'gen_ai.agent.name',
  );
  return new Map(kept.map(({ key, value }) => [key, printed(value)]));
}

function printed(value: Readonly<Record<string, unknown>>): string {
  const [kind, inner] = Object.entries(value)[0] ?? ['', ''];
  if (kind !== 'arrayValue') return String(inner);
  const values = (inner as { readonly values?: readonly Readonly<Record<string, unknown>>[] }).values ?? [];
  return values.map(printed).join(', ');
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
}
