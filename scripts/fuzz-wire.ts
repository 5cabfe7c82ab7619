// Mutates requests and walks, reads, splices, cuts and converts them: `node dist/scripts/fuzz-wire.js [count] [seed]`.
// 10,000,000 mutations unless told otherwise (nightly; unit tests do 20,000). Anything but an answer or a
// WireError is a failure, as is a body that takes longer than a second or memory that grows. Each failure is
// printed with its seed, number and bytes in hex; exit code 1.
import { join } from '../src/otlp/cut.ts';
import { WireError } from '../src/otlp/error.ts';
import { protobufToJson } from '../src/otlp/json.ts';
import { compileKeys } from '../src/otlp/keys.ts';
import { countItems, splitItems } from '../src/otlp/requests.ts';
import { filterSpans, spliceSpans, splitTraces } from '../src/otlp/splice.ts';
import { type Document, encode, seeded } from '../src/otlp/testing/encode.ts';
import { mutated, readEverything } from '../src/otlp/testing/mutate.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { writeSpanEvent } from '../src/otlp/write.ts';

const count = Number(process.argv[2] ?? 10_000_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  console.error('usage: fuzz-wire [count] [seed], both whole numbers');
  process.exit(2);
}
const random = seeded(seed);
const keys = compileKeys(['gen_ai.operation.name', 'session.id', 'k'], ['llm.', 'llm.input_messages.'], ['openinference.']);
const event = writeSpanEvent({ name: 'found', timeNs: 1n, attributes: { a: 'b' } });

const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const times = <T>(most: number, make: () => T): T[] => Array.from({ length: Math.floor(random() * (most + 1)) }, make);
const hex = (bytes: number): string => Array.from({ length: bytes * 2 }, () => Math.floor(random() * 16).toString(16)).join('');

function value(depth = 0): Document {
  const scalars = [
    { stringValue: hex(4) },
    { intValue: '-5' },
    { doubleValue: 1.5 },
    { boolValue: true },
    { bytesValue: 'AAEC' },
    {},
  ];
  if (depth > 3 || random() < 0.7) return pick<Document>(scalars);
  if (random() < 0.5) return { arrayValue: { values: times(3, () => value(depth + 1)) } };
  return { kvlistValue: { values: times(3, () => ({ key: hex(1), value: value(depth + 1) })) } };
}

const attributes = (): Document[] =>
  times(5, () => ({
    key: pick(['gen_ai.operation.name', 'session.id', 'k', 'llm.input_messages.0.role', 'other']),
    value: value(),
  }));

function span(): Document {
  return {
    traceId: hex(16),
    spanId: hex(8),
    parentSpanId: hex(8),
    traceState: 'a=b',
    flags: 1,
    name: hex(6),
    kind: 3,
    startTimeUnixNano: '1790000000000000000',
    endTimeUnixNano: '1790000000100000000',
    attributes: attributes(),
    events: times(2, () => ({ name: 'e', timeUnixNano: '7', attributes: attributes() })),
    links: times(1, () => ({ traceId: hex(16), spanId: hex(8), attributes: attributes() })),
    status: { code: 2, message: 'm' },
  };
}

function request(): Uint8Array {
  const scopes = (): Document[] =>
    times(2, () => ({ scope: { name: pick(['openinference.x', 'n']), attributes: attributes() }, spans: times(3, span) }));
  const document = { resourceSpans: times(2, () => ({ resource: { attributes: attributes() }, scopeSpans: scopes() })) };
  const order = pick(['ascending', 'descending', 'shuffled'] as const);
  return encode('ExportTraceServiceRequest', document, { order, split: random() < 0.3, padding: pick([0, 0, 3]), random });
}

/** All that is done with a body. Counts must agree with each other. */
function run(body: Uint8Array): void {
  readEverything(body, keys);
  const index = walkTraces(body, keys);
  const edits = [];
  for (let row = 0; row < index.spanCount; row += 2) edits.push({ row, append: event });
  const spliced = walkTraces(join(spliceSpans(index, edits)), keys).spanCount;
  const filtered = filterSpans(index, (row) => row % 2 === 0);
  const half = filtered ? countItems('traces', join(filtered)) : 0;
  const whole = [splitTraces(index, 200), splitItems('traces', body, 1)].map((parts) =>
    parts.reduce((sum, part) => sum + countItems('traces', part), 0),
  );
  const counts = [spliced, half * 2 - (index.spanCount % 2), ...whole];
  if (counts.some((each) => each !== index.spanCount))
    throw new Error(`${index.spanCount} spans, but ${counts.join(', ')} after a change`);
}

function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

let accepted = 0;
let failures = 0;
let bodies: Uint8Array[] = [];
let heap = 0;
for (let i = 0; i < count && failures < 10; i++) {
  if (i % 20_000 === 0) bodies = Array.from({ length: 50 }, request);
  const body = mutated(pick(bodies), random);
  const start = process.hrtime.bigint();
  try {
    if (attempt(() => run(body))) accepted++;
    attempt(() => protobufToJson(pick(['traces', 'metrics', 'logs']), body));
    attempt(() => countItems(pick(['metrics', 'logs']), body));
    if (process.hrtime.bigint() - start > 1_000_000_000n) throw new Error('took longer than a second');
  } catch (error) {
    failures++;
    console.error(`seed ${seed}, mutation ${i}: ${error instanceof Error ? error.stack : String(error)}`);
    if (error instanceof Error && error.cause) console.error(error.cause);
    console.error(Buffer.from(body).toString('hex'));
  }
  if (i === 200_000) heap = process.memoryUsage().rss;
  if (i > 0 && i % 1_000_000 === 0) {
    const grown = process.memoryUsage().rss - heap;
    console.log(`${i} mutations, ${accepted} accepted, RSS ${Math.round(grown / 1024 / 1024)} MiB over that after 200,000`);
    if (grown > 256 * 1024 * 1024) {
      failures++;
      console.error(`seed ${seed}: memory grows`);
    }
  }
}
console.log(`${count} mutations with seed ${seed}: ${accepted} accepted, ${failures} failures`);
process.exitCode = failures > 0 ? 1 : 0;
