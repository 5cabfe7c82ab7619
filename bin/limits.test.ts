// What misstep writes stays within what each backend keeps: one finding of every message of every shipped detector, with texts far too
// long, in place, on a carrier and as a log record. Each row names where its limit is said; docs/backends says what a user sees of it.
import { describe, expect, test } from 'vitest';
import type { MessageSpec } from '../src/detector/detector.ts';
import { annotate, carriers, EVENT_NAME, findingLog } from '../src/detector/emit.ts';
import type { Emission } from '../src/detector/host.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { type SpanReader, spanReader, type Value } from '../src/otlp/span.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { type NewSpan, writeTraces } from '../src/otlp/write.ts';
import { shippedDetectors } from './detectors.ts';

const LONG = '€'.repeat(20_000);
const at = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const options = { version: '1.2.3', markError: new Set<string>(), openinference: true };
const now = 1_764_158_400_000;
/** More than any shipped detector gives; the slots of a message come on top. */
const DATA = 20;

const emissions: readonly Emission[] = shippedDetectors.flatMap(({ detector: { meta } }) =>
  Object.entries(meta.messages as Readonly<Record<string, MessageSpec>>).map(
    ([message, { text, tier, severity, impact, action, taxonomy }], n): Emission => {
      const slots = [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, slot]) => slot as string);
      const keys = [...slots, ...Array.from({ length: DATA }, (_, i) => `key_${i}`)];
      const ids = { id: n.toString(16).padStart(32, '0'), windowKey: LONG, tenant: LONG, sessionId: LONG, agent: LONG };
      const kind = {
        detector: meta.id,
        message,
        category: meta.family,
        version: meta.version,
        tier,
        scope: meta.scope,
        severity,
      };
      const said = { score: 1, confidence: 0.9, explanation: LONG, impact, action, taxonomy };
      const data = Object.fromEntries(keys.map((key) => [key, LONG]));
      const evidence = Array.from({ length: 16 }, () => at);
      const finding = { ...ids, ...kind, ...said, revision: 0, at, evidence, data, atMs: now };
      return { finding, configHash: '0123456789ab', label: 'fail', resource: new Uint8Array(0), traceState: '', flags: 1 };
    },
  ),
);

/** The span that they are about: a tool call with one attribute of its own. */
const target: NewSpan = {
  ...at,
  parentId: '',
  traceState: '',
  flags: 1,
  name: 'execute_tool search',
  kind: 1,
  startNs: 1n,
  endNs: 2n,
  attributes: { 'gen_ai.operation.name': 'execute_tool' },
  events: [],
  links: [],
};

/** The target with the findings on it, as it is forwarded. */
function inPlace(some: readonly Emission[]): SpanReader {
  const body = writeTraces([{ resource: { 'service.name': 'demo' }, scope: { name: 'app', version: '' }, spans: [target] }]);
  const { chunks } = annotate(walkTraces(body, dialectKeys), some, now, options);
  return spanReader().at(walkTraces(Buffer.concat(chunks), dialectKeys), 0);
}

function carrier(emission: Emission): SpanReader {
  return spanReader().at(walkTraces(carriers([emission], now, options), dialectKeys), 0);
}

type Attributes = ReadonlyMap<string, Value>;

const bytes = (text: string): number => Buffer.byteLength(text);
const texts = (value: Value): readonly string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? value.flatMap((one) => texts(one as Value)) : [];
const longestKey = (attributes: Attributes): number => Math.max(...[...attributes.keys()].map(bytes));
const longestText = (attributes: Attributes): number => Math.max(...[...attributes.values()].flatMap(texts).map(bytes));
/** As backends without lists keep a list: as JSON. */
const flat = (value: Value): string => (Array.isArray(value) ? JSON.stringify(value) : String(value));
const longestValue = (attributes: Attributes): number => Math.max(...[...attributes.values()].map((value) => bytes(flat(value))));

/** Every set of attributes that a finding is written as. */
const sets: readonly (readonly [string, Attributes])[] = emissions.flatMap((emission) => {
  const { detector, message } = emission.finding;
  const name = `${detector}.${message}`;
  const span = inPlace([emission]);
  const late = carrier(emission);
  const event = span.events()[0]?.attributes as Attributes;
  const log = new Map(Object.entries(findingLog(event, 1n, 1n).attributes)) as Attributes;
  return [
    [`${name} span`, span.attributes()],
    [`${name} event`, event],
    [`${name} carrier`, late.attributes()],
    [`${name} carrier's event`, late.events()[0]?.attributes as Attributes],
    [`${name} log`, log],
  ];
});

const logs = sets.filter(([name]) => name.endsWith('log'));

const rows: readonly {
  readonly backend: string;
  readonly what: string;
  readonly limit: number;
  readonly source: string;
  readonly of: readonly (readonly [string, Attributes])[];
  readonly measure: (attributes: Attributes) => number;
}[] = [
  {
    backend: 'Tempo 3.0',
    what: 'bytes of a key',
    limit: 2_048,
    source: 'distributor.max_attribute_bytes: longer ones are cut',
    of: sets,
    measure: longestKey,
  },
  {
    backend: 'Tempo 3.0',
    what: 'bytes of a value',
    limit: 2_048,
    source: 'distributor.max_attribute_bytes: longer ones are cut',
    of: sets,
    measure: longestText,
  },
  {
    backend: 'Datadog Agent 7',
    what: 'bytes of a key',
    limit: 200,
    source: 'pkg/trace/agent/truncator.go, MaxMetaKeyLen: longer ones are cut',
    of: sets,
    measure: longestKey,
  },
  {
    backend: 'Datadog Agent 7',
    what: 'bytes of a value',
    limit: 25_000,
    source: 'pkg/trace/agent/truncator.go, MaxMetaValLen: longer ones are cut',
    of: sets,
    measure: longestValue,
  },
  {
    backend: 'Datadog logs',
    what: 'attributes of a record',
    limit: 256,
    source: 'docs.datadoghq.com/logs/log_collection, attribute best practices',
    of: logs,
    measure: ({ size }) => size,
  },
  {
    backend: 'Datadog logs',
    what: 'characters of a part of a key, between dots',
    limit: 50,
    source: 'docs.datadoghq.com/logs/log_collection, attribute best practices',
    of: logs,
    measure: (attributes) => Math.max(...[...attributes.keys()].flatMap((key) => key.split('.').map(({ length }) => length))),
  },
  {
    backend: 'Datadog logs',
    what: 'characters of a value that may be a facet',
    limit: 1_024,
    source: 'docs.datadoghq.com/logs/log_collection, attribute best practices',
    of: logs,
    measure: (attributes) => Math.max(...[...attributes.values()].flatMap(texts).map(({ length }) => length)),
  },
  {
    backend: 'Loki 3.7',
    what: 'entries of structured metadata',
    limit: 128,
    source:
      'limits_config.max_structured_metadata_entries_count: more are refused with 400; 40 are left for the resource, ids and severity',
    of: logs,
    measure: (attributes) => attributes.size + 40,
  },
  {
    backend: 'Loki 3.7',
    what: 'bytes of structured metadata',
    limit: 65_536,
    source: 'limits_config.max_structured_metadata_size: more are refused with 400; 8 KiB are left for the resource',
    of: logs,
    measure: (attributes) => [...attributes].reduce((sum, [key, value]) => sum + bytes(key) + bytes(flat(value)), 8_192),
  },
  {
    backend: 'Loki 3.7',
    what: 'bytes of a line',
    limit: 262_144,
    source: 'limits_config.max_line_size: longer ones are refused',
    of: logs,
    measure: (attributes) => bytes(flat(attributes.get('gen_ai.evaluation.explanation'))),
  },
  {
    backend: 'Jaeger 2.20 on Elasticsearch',
    what: 'characters of a value that people search by',
    limit: 256,
    source: 'span mapping, ignore_above: longer ones are kept and never found',
    of: sets,
    measure: (attributes) => {
      const prose = ['gen_ai.evaluation.explanation', 'annotations.0.annotation.explanation'];
      return longestText(new Map([...attributes].filter(([key]) => !prose.includes(key))));
    },
  },
];

test.each(rows)('$backend: $what at most $limit ($source)', ({ limit, of, measure }) => {
  expect(of.length).toBeGreaterThanOrEqual(shippedDetectors.length);
  const beyond = of.map(([name, attributes]) => ({ name, size: measure(attributes) })).filter(({ size }) => size > limit);
  expect(beyond).toEqual([]);
});

describe('Loki 3.7: labels', () => {
  /** pkg/loghttp/push/otlp_config.go of 3.7.4: resource attributes that become labels; nothing of a record does. */
  const labels = [
    'service.name',
    'service.namespace',
    'service.instance.id',
    'deployment.environment',
    'k8s.',
    'cloud.',
    'container.name',
  ];

  test('no attribute of a finding is one', () => {
    const keys = new Set(logs.flatMap(([, attributes]) => [...attributes.keys()]));
    expect([...keys].filter((key) => labels.some((label) => key.startsWith(label)))).toEqual([]);
  });
});

describe('Datadog Agent 7: span events are one text of 25,000 bytes (MarshalEvents, MaxMetaValLen)', () => {
  /** As the Agent writes them. */
  const meta = (span: SpanReader): number =>
    bytes(
      JSON.stringify(
        span.events().map(({ name, attributes }) => ({
          name,
          time_unix_nano: 1_764_158_400_000_000_000,
          attributes: Object.fromEntries([...attributes].map(([key, value]) => [key, flat(value)])),
        })),
      ),
    );
  /** As findings are: a sentence, an agent, two facts. */
  const usual = (n: number): Emission[] =>
    Array.from({ length: n }, (_, i) => {
      const [first] = emissions as [Emission];
      const data = { tool: 'web_search', count: 5 };
      const own = { explanation: 'x'.repeat(150), agent: 'researcher', sessionId: 'session-1', data };
      return { ...first, finding: { ...first.finding, ...own, id: i.toString(16).padStart(32, '0') } };
    });

  test('ten usual findings on one span fit', () => {
    expect(meta(inPlace(usual(10)))).toBeLessThan(25_000);
  });

  test('one of the longest fits, at the size that docs/backends/datadog.md says', () => {
    const largest = Math.max(...emissions.map((emission) => meta(inPlace([emission]))));
    expect(largest).toBeLessThan(12_000);
  });

  test('however many there are, the names and the severity stand on the span', () => {
    const span = inPlace(emissions);
    const names = span.attributes().get('misstep.detections') as readonly string[];
    expect(names.length).toBe(new Set(emissions.map(({ finding }) => finding.detector)).size);
    expect(bytes(flat(names))).toBeLessThan(2_048);
    expect(span.attributes().get('misstep.detection.severity')).toBe('critical');
    expect(span.events().every(({ name }) => name === EVENT_NAME)).toBe(true);
  });
});
