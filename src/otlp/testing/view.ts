/** One span as everything that a `SpanReader` says of it, and the same from a decoded document: what differential tests compare. */
import type { SpanReader, Value } from '../span.ts';
import { ascending, type Document, encode } from './encode.ts';

export function viewOf(reader: SpanReader): Document {
  return {
    traceId: reader.traceId(),
    spanId: reader.spanId(),
    parentId: reader.parentId(),
    traceState: reader.traceState(),
    flags: reader.flags(),
    name: reader.name(),
    kind: reader.kind(),
    startNs: reader.startNs(),
    endNs: reader.endNs(),
    statusCode: reader.statusCode(),
    statusMessage: reader.statusMessage(),
    attributes: reader.attributes(),
    droppedAttributes: reader.droppedAttributes(),
    events: reader.events(),
    links: reader.links(),
    resource: reader.resource(),
    resourceBytes: Buffer.from(reader.resourceBytes()).toString('hex'),
    scopeName: reader.scopeName(),
    scopeVersion: reader.scopeVersion(),
    scopeAttributes: reader.scopeAttributes(),
  };
}

type Members = readonly Document[] | undefined;

/** Views of all spans of a decoded trace request in wire order. `resourceBytes` are those of an ascending encoding. */
export function viewsOf(document: Document): Document[] {
  return ((document['resourceSpans'] ?? []) as readonly Document[]).flatMap((group) => {
    const resource = (group['resource'] ?? {}) as Document;
    return ((group['scopeSpans'] ?? []) as readonly Document[]).flatMap((inScope) => {
      const scope = (inScope['scope'] ?? {}) as Document;
      return ((inScope['spans'] ?? []) as readonly Document[]).map((span) => viewOfSpan(span, resource, scope));
    });
  });
}

function viewOfSpan(span: Document, resource: Document, scope: Document): Document {
  const status = (span['status'] ?? {}) as Document;
  return {
    traceId: idOf(span['traceId']),
    spanId: idOf(span['spanId']),
    parentId: idOf(span['parentSpanId']),
    traceState: span['traceState'] ?? '',
    flags: span['flags'] ?? 0,
    name: span['name'] ?? '',
    kind: span['kind'] ?? 0,
    startNs: BigInt((span['startTimeUnixNano'] ?? 0) as string),
    endNs: BigInt((span['endTimeUnixNano'] ?? 0) as string),
    statusCode: status['code'] ?? 0,
    statusMessage: status['message'] ?? '',
    attributes: mapOf(span['attributes'] as Members),
    droppedAttributes: span['droppedAttributesCount'] ?? 0,
    events: ((span['events'] ?? []) as readonly Document[]).map((event) => ({
      name: event['name'] ?? '',
      timeMs: milliseconds(BigInt((event['timeUnixNano'] ?? 0) as string)),
      attributes: mapOf(event['attributes'] as Members),
    })),
    links: ((span['links'] ?? []) as readonly Document[]).map((link) => ({
      traceId: link['traceId'] ?? '',
      spanId: link['spanId'] ?? '',
      attributes: mapOf(link['attributes'] as Members),
    })),
    resource: mapOf(resource['attributes'] as Members),
    resourceBytes: Buffer.from(encode('Resource', resource, ascending)).toString('hex'),
    scopeName: scope['name'] ?? '',
    scopeVersion: scope['version'] ?? '',
    scopeAttributes: mapOf(scope['attributes'] as Members),
  };
}

function idOf(id: unknown): string {
  return typeof id === 'string' && !/^0*$/.test(id) ? id : '';
}

function milliseconds(ns: bigint): number {
  return Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1e6;
}

/** The first of duplicate keys stands. */
export function mapOf(attributes: Members): ReadonlyMap<string, Value> {
  const map = new Map<string, Value>();
  for (const { key = '', value } of attributes ?? []) {
    if (!map.has(key as string)) map.set(key as string, plainValue(value as Document | undefined));
  }
  return map;
}

function plainValue(value: Document | undefined): Value {
  if (!value) return undefined;
  if (value['intValue'] !== undefined) {
    const number = Number(value['intValue']);
    return Number.isSafeInteger(number) ? number : BigInt(value['intValue'] as string);
  }
  if (value['doubleValue'] !== undefined) return Number(value['doubleValue']);
  if (value['bytesValue'] !== undefined) return Uint8Array.from(Buffer.from(value['bytesValue'] as string, 'base64'));
  if (value['arrayValue']) return (((value['arrayValue'] as Document)['values'] ?? []) as readonly Document[]).map(plainValue);
  if (value['kvlistValue']) return mapOf((value['kvlistValue'] as Document)['values'] as Members);
  return (value['stringValue'] ?? value['boolValue']) as Value;
}
