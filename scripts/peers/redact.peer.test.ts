// The same options for misstep's redact and the Collector's redaction processor: the same spans come out, apart from what docs/redaction.md lists.
import { afterEach, describe, expect, test } from 'vitest';
import {
  absent,
  type Backend,
  type FlatSpan,
  file,
  freePorts,
  note,
  peer,
  type Running,
  start,
  startBackend,
  startMisstep,
  until,
} from './kit.ts';

const otelcol = peer('otelcol');
if (!otelcol) note(absent('otelcol'));

const running: Running[] = [];
const backends: Backend[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  for (const backend of backends.splice(0)) backend.close();
});

const CARD = '4111111111111111';
const texts: Readonly<Record<string, string>> = {
  plain: `card ${CARD}, twice ${CARD}.`,
  nothing: 'card 41',
  edges: `${CARD}`,
  words: 'a cat, concat, cats',
  mail: 'to joe@example.com,ann@example.org',
  lines: `first\n${CARD}\nlast`,
  'not.ascii': `é😀${CARD}é`,
  password: 'hunter2',
  messages: JSON.stringify([{ role: 'user', content: `my ${CARD}` }]),
  skipped: CARD,
  allowed: `test ${CARD}`,
};

const cases: readonly (readonly [string, string])[] = [
  ['values', 'allow_all_keys: true, blocked_values: ["4[0-9]{15}", "\\\\bcat\\\\b", "[a-z]+@[a-z.]+", "^last$"]'],
  ['flags', 'allow_all_keys: true, blocked_values: ["(?i)CARD", "(?m)^last$"]'],
  [
    'keys',
    'allow_all_keys: true, blocked_key_patterns: ["pass.*"], ignored_keys: [skipped], blocked_values: ["4[0-9]{15}"], summary: debug',
  ],
  [
    'allowed',
    'allow_all_keys: false, allowed_keys: [plain, allowed], allowed_values: ["^test"], blocked_values: ["4[0-9]{15}"], summary: info',
  ],
  ...['md5', 'sha1', 'sha3'].map(
    (hash) => [hash, `allow_all_keys: true, blocked_values: ["4[0-9]{15}"], hash_function: ${hash}`] as const,
  ),
  ['hmac', `allow_all_keys: true, blocked_values: ["4[0-9]{15}"], hash_function: hmac-sha256, hmac_key: "${'k'.repeat(32)}"`],
];

const request = JSON.stringify({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'plain', value: { stringValue: texts['plain'] } }] },
      scopeSpans: [
        {
          scope: { name: 'app' },
          spans: [
            {
              traceId: '1'.repeat(32),
              spanId: '2'.repeat(16),
              name: 'one',
              attributes: Object.entries(texts).map(([key, stringValue]) => ({ key, value: { stringValue } })),
              events: [{ name: 'e', attributes: [{ key: 'plain', value: { stringValue: texts['plain'] } }] }],
            },
          ],
        },
      ],
    },
  ],
});

async function through(processor: string, begin: (config: string, port: number) => Promise<Running>): Promise<FlatSpan> {
  const [port = 0] = await freePorts(1);
  const backend = await startBackend();
  backends.push(backend);
  const config = file(
    'config.yaml',
    `receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}}
processors: {${processor}}
exporters: {otlp_http: {endpoint: "${backend.url}"}}
service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [otlp], processors: [${processor.slice(0, processor.indexOf(':'))}], exporters: [otlp_http]}}}
`,
  );
  running.push(await begin(config, port));
  const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: request,
  });
  expect(answer.status).toBe(200);
  await until('the span', () => backend.spans.length > 0);
  return backend.spans[0] as FlatSpan;
}

describe.runIf(otelcol)("the Collector's redaction processor", () => {
  test.each(cases)('%s', async (_name, options) => {
    const theirs = await through(`redaction: {${options}}`, (config, port) =>
      start(otelcol as string, ['--config', config], [port]),
    );
    const ours = await through(`redact: {builtin: false, ${options}}`, (config, port) => startMisstep(config, [port]));
    expect(ours.attributes).toEqual(theirs.attributes);
    expect(ours.events).toEqual(theirs.events);
  });
});
