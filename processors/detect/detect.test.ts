// `detect` between two real neighbours of a test: what it lets out, what it adds, what it does when downstream refuses.
import { expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import type { Consumer } from '../../src/component/component.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { defineDetector } from '../../src/detector/detector.ts';
import type { Finding } from '../../src/detector/finding.ts';
import { documentToProtobuf, protobufToDocument } from '../../src/otlp/json.ts';
import { detectFactory } from './detect.ts';

/** Speaks at every tool call: surely at `drop_table`, else with a half heart. */
const calls = defineDetector({
  meta: {
    id: 'calls',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Speaks at calls.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: { floor: { type: 'number', text: 't', default: 0.5, min: 0, max: 1, source: 's' } },
    messages: { called: { text: "'{{tool}}' ran.", tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} } },
  },
  init: () => undefined,
  onStep(state, step, ctx) {
    const tool = step.tool?.name;
    if (tool === undefined) return state;
    ctx.report('called', { at: step, key: step.spanId, score: tool === 'drop_table' ? 0.9 : ctx.options.floor, data: { tool } });
    return state;
  },
});

const T0 = 1_700_000_000_000;

function request(tools: readonly string[], { scope = 'test', trace = 1 } = {}): Batch {
  const spans = tools.map((tool, i) => ({
    traceId: trace.toString(16).padStart(32, '0'),
    spanId: (i + 1).toString(16).padStart(16, '0'),
    name: `execute_tool ${tool}`,
    startTimeUnixNano: `${T0 + i}000000`,
    endTimeUnixNano: `${T0 + i + 1}000000`,
    attributes: [
      { key: 'gen_ai.operation.name', value: { stringValue: 'execute_tool' } },
      { key: 'gen_ai.tool.name', value: { stringValue: tool } },
    ],
  }));
  const { body } = documentToProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ scope: { name: scope }, spans }] }] });
  return { signal: 'traces', chunks: [body], bytes: body.length, items: spans.length, tenant: 'default' };
}

interface Out {
  readonly name: string;
  readonly carrier: boolean;
  readonly findings: number;
  readonly error: boolean;
}

function read(batch: Batch): Out[] {
  const document = protobufToDocument('traces', Buffer.concat(batch.chunks)) as {
    readonly resourceSpans: readonly {
      readonly scopeSpans: readonly {
        readonly scope?: { readonly name?: string };
        readonly spans: readonly {
          readonly name: string;
          readonly events?: readonly unknown[];
          readonly status?: { readonly code?: number };
        }[];
      }[];
    }[];
  };
  return document.resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        name: span.name,
        carrier: scope?.name === 'misstep',
        findings: span.events?.length ?? 0,
        error: span.status?.code === 2,
      })),
    ),
  );
}

async function started(options: Record<string, unknown> = {}) {
  const factory = detectFactory([{ detector: calls }]);
  const live: Finding[] = [];
  factory.findings$.subscribe((finding) => live.push(finding));
  const got: Batch[] = [];
  const downstream = { refuse: false };
  const next: Consumer = {
    consume(batch) {
      if (downstream.refuse) throw new Error('full');
      got.push(batch);
      return undefined;
    },
  };
  let now = T0;
  const host = testHost({ now: () => now, monotonic: () => now });
  const parsed = factory.options.parse(options);
  const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], parsed, next);
  await detect.start(host);
  const stop = () => detect.shutdown(new AbortController().signal);
  return {
    detect,
    host,
    got,
    live,
    downstream,
    stop,
    out: () => got.flatMap(read),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test('what is sure enough is written on its span; the rest of the batch passes as it came', async () => {
  const { detect, out, live, host, stop } = await started();
  await detect.consume(request(['ls', 'drop_table']));
  expect(out()).toEqual([
    { name: 'execute_tool ls', carrier: false, findings: 0, error: false },
    { name: 'execute_tool drop_table', carrier: false, findings: 1, error: false },
  ]);
  expect(live).toHaveLength(1);
  expect(host.metric('misstep_detect_steps')).toBe(2);
  await stop();
});

test('claim 2: a batch without a finding passes as the same bytes', async () => {
  const { detect, got, stop } = await started();
  const batch = request(['ls']);
  await detect.consume(batch);
  expect(got[0]).toBe(batch);
  await stop();
});

test.each([
  ['emit_above lets more out', { emit_above: 0.4 }, 2],
  ['an option of the detector', { detectors: { calls: { floor: 0.7 } } }, 2],
  ['a detector that is off says nothing', { detectors: { calls: { enabled: false } } }, 0],
  ['tiers without a message', { tiers: [2, 3] }, 0],
])('%s', async (_, options, count) => {
  const { detect, live, stop } = await started(options);
  await detect.consume(request(['ls', 'drop_table']));
  expect(live).toHaveLength(count);
  await stop();
});

test('mark_error sets the status of the span, for the detectors it names', async () => {
  const { detect, out, stop } = await started({ mark_error: ['calls'] });
  await detect.consume(request(['ls', 'drop_table']));
  expect(out().map(({ error }) => error)).toEqual([false, true]);
  await stop();
});

test('output: detections lets carriers out and nothing else', async () => {
  const { detect, got, out, stop } = await started({ output: 'detections' });
  await detect.consume(request(['ls']));
  expect(got).toEqual([]);
  await detect.consume(request(['ls', 'drop_table']));
  expect(out()).toEqual([{ name: 'evaluate calls', carrier: true, findings: 1, error: false }]);
  await stop();
});

test('findings of a refused batch wait and go with the next one; the repeated batch is folded once', async () => {
  const { detect, downstream, host, out, live, stop } = await started();
  downstream.refuse = true;
  const batch = request(['drop_table']);
  expect(() => detect.consume(batch)).toThrow('full');
  expect(host.metric('misstep_detect_outbox_size')).toBe(1);
  downstream.refuse = false;
  await detect.consume(batch);
  expect(out()).toEqual([{ name: 'execute_tool drop_table', carrier: false, findings: 1, error: false }]);
  expect(live).toHaveLength(1);
  expect(host.metric('misstep_detect_outbox_size')).toBe(0);
  expect(host.metric('misstep_detect_duplicates')).toBe(1);
  await stop();
});

test('a suppressed finding is counted and not handed on, until its date', async () => {
  const { detect, host, live, pass, stop } = await started({ suppress: [{ detector: 'calls', until: '2023-11-16' }] });
  await detect.consume(request(['drop_table']));
  expect(live).toEqual([]);
  expect(host.metric('misstep_detect_suppressed')).toBe(1);
  pass(3 * 24 * 3_600_000);
  await detect.consume(request(['drop_table'], { trace: 2 }));
  expect(live).toHaveLength(1);
  await stop();
});

test.each<[Record<string, unknown>, number]>([
  [{ message: 'called' }, 0],
  [{ agent: 'somebody' }, 1],
])('suppression of %o only', async (only, count) => {
  const { detect, live, stop } = await started({ suppress: [{ detector: 'calls', until: '2030-01-01', ...only }] });
  await detect.consume(request(['drop_table']));
  expect(live).toHaveLength(count);
  await stop();
});

test.each([
  [{ mark_error: ['cals'] }, "unknown detector, cals. Did you mean 'calls'?"],
  [{ suppress: [{ detector: 'cals', until: '2030-01-01' }] }, "unknown detector, cals. Did you mean 'calls'?"],
  [
    { suppress: [{ detector: 'calls', message: 'caled', until: '2030-01-01' }] },
    "unknown message, caled. Did you mean 'called'?",
  ],
  [{ suppress: [{ detector: 'calls', until: 'soon' }] }, 'not a date'],
  [{ suppress: [{ detector: 'calls' }] }, 'until'],
])('%o is refused', (options, message) => {
  const { success, error } = detectFactory([{ detector: calls }]).options.safeParse(options);
  expect(success).toBe(false);
  expect(JSON.stringify(error?.issues)).toContain(message);
});

test('carriers that come back in are counted, and said once', async () => {
  const { detect, host, live, stop } = await started();
  await detect.consume(request(['drop_table', 'drop_table'], { scope: 'misstep' }));
  await detect.consume(request(['drop_table'], { scope: 'misstep', trace: 2 }));
  expect(live).toEqual([]);
  expect(host.metric('misstep_detect_own_spans')).toBe(3);
  const warnings = host.logs.filter(({ level }) => level === 'warn');
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.message).toContain('come back in');
  await stop();
});

test('what the drain closes goes out before the end', async () => {
  const { detect, got, downstream, stop, out } = await started({ output: 'detections' });
  downstream.refuse = true;
  expect(() => detect.consume(request(['drop_table']))).toThrow('full');
  downstream.refuse = false;
  await stop();
  await until(() => got.length > 0);
  expect(out().map(({ carrier }) => carrier)).toEqual([true]);
});
