/** What every driver has to do, in tests: `open` gives an empty database. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, describe as group, test } from 'vitest';
import { type NewSpan, writeTraces } from '../../../src/otlp/write.ts';
import { provideEmbedding } from '../../../src/text/embedding.ts';
import type { Driver } from '../driver.ts';
import { migrate } from '../migrations.ts';
import { TenantReader } from '../read.ts';
import { retain } from '../retention.ts';
import { rowsOf } from '../rows.ts';
import { openVectors, type Vectors } from '../vectors.ts';
import { write } from '../write.ts';

const T0 = 1_790_000_000_000;

export interface SpanSaid {
  readonly trace?: number;
  readonly span: number;
  readonly parent?: number;
  readonly kind?: string;
  readonly at?: number;
  readonly attributes?: NewSpan['attributes'];
  readonly events?: NewSpan['events'];
  readonly error?: string;
}

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');

export function request(spans: readonly SpanSaid[], scope = 'app'): Uint8Array {
  return writeTraces([
    {
      resource: { 'service.name': 'shop' },
      scope: { name: scope, version: '' },
      spans: spans.map(({ trace = 1, span, parent, kind = 'execute_tool', at = span, attributes = {}, events = [], error }) => ({
        traceId: hex(trace, 32),
        spanId: hex(span, 16),
        parentId: parent === undefined ? '' : hex(parent, 16),
        name: `${kind} x`,
        kind: 1,
        startNs: BigInt(T0 + at) * 1_000_000n,
        endNs: BigInt(T0 + at + 1) * 1_000_000n,
        attributes: { 'gen_ai.operation.name': kind, ...attributes },
        events,
        links: [],
        ...(error === undefined ? {} : { status: { code: 2, message: error } }),
      })),
    },
  ]);
}

/** `at`: ms after the start at which it is said. */
export function finding(id: number, more: NewSpan['attributes'] = {}, at = 0): NonNullable<NewSpan['events']>[number] {
  const attributes = {
    'gen_ai.evaluation.name': 'loop',
    'gen_ai.evaluation.score.value': 0.9,
    'gen_ai.evaluation.score.label': 'fail',
    'gen_ai.evaluation.explanation': 'Ran again.',
    'misstep.detection.id': hex(id, 32),
    'misstep.detection.revision': 0,
    'misstep.detection.message': 'repeated',
    'misstep.detection.category': 'execution',
    'misstep.detection.severity': 'high',
    'misstep.detection.tier': 1,
    'misstep.detection.target.trace_id': hex(1, 32),
    'misstep.detection.target.span_id': hex(2, 16),
    'misstep.detection.evidence.span_ids': [hex(2, 16)],
    'misstep.detection.data.tool': 'ls',
    'misstep.taxonomy.mast': ['FM-1.3'],
    ...more,
  };
  return { name: 'gen_ai.evaluation.result', timeNs: BigInt(T0 + at) * 1_000_000n, attributes };
}

/** A run of an agent that asks a model and a tool. */
const run: SpanSaid[] = [
  { span: 1, kind: 'invoke_agent', attributes: { 'gen_ai.agent.name': 'shopper', 'gen_ai.conversation.id': 'c1' } },
  {
    span: 2,
    parent: 1,
    kind: 'chat',
    attributes: { 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.output_tokens': 4 },
  },
  {
    span: 3,
    parent: 1,
    attributes: { 'gen_ai.tool.name': 'ls', 'gen_ai.tool.call.arguments': '{"path":"/"}', 'gen_ai.tool.call.result': 'a b' },
  },
];

export function driverSuite(name: string, open: () => Promise<Driver>): void {
  group(name, () => {
    let driver: Driver;
    let nowMs = T0;
    let vectors: Vectors;
    const put = (body: Uint8Array, tenant = 'default') => write(driver, tenant, rowsOf(body, tenant, true), nowMs, vectors);
    const of = (tenant = 'default') => new TenantReader(driver, tenant, () => nowMs, vectors);

    beforeEach(async () => {
      nowMs = T0;
      driver = await open();
      await migrate(driver);
      vectors = await openVectors(driver);
      provideEmbedding(() => readFileSync(new URL('../../../src/text/embedding.bin', import.meta.url)));
    });
    afterEach(() => driver.close());

    test('migrations run once, and tables of a later version are refused', async () => {
      await migrate(driver);
      await driver.run('INSERT INTO misstep_migrations (number) VALUES (99)');
      await expect(migrate(driver)).rejects.toThrow('version 99');
    });

    test('a run comes back as trace and steps; a second delivery changes nothing', async () => {
      await put(request(run));
      await put(request(run));
      const page = await of().traces({}, { limit: 10 });
      expect(page).toMatchObject({ total: 1, next: null });
      expect(page.items[0]).toEqual({
        trace_id: hex(1, 32),
        session_id: 'c1',
        framework: 'gen_ai',
        service: 'shop',
        name: 'invoke_agent x',
        status: 'completed',
        started_ms: T0 + 1,
        ended_ms: T0 + 4,
        steps: 3,
        detections: 0,
        input_tokens: 10,
        output_tokens: 4,
        cost: 0,
      });
      const steps = await of().steps(hex(1, 32), 100);
      expect(steps.map(({ kind, agent, tool, input, output }) => [kind, agent, tool, input, output])).toEqual([
        ['agent', 'shopper', null, null, null],
        ['llm', 'shopper', null, null, null],
        ['tool', 'shopper', 'ls', '{"path":"/"}', 'a b'],
      ]);
    });

    test.each(['children first', 'root first'])('one span a request, %s', async (order) => {
      for (const span of order === 'root first' ? run : run.toReversed()) await put(request([span]));
      const [trace] = (await of().traces({}, { limit: 10 })).items;
      expect(trace).toMatchObject({ session_id: 'c1', status: 'completed', steps: 3, started_ms: T0 + 1, ended_ms: T0 + 4 });
      expect((await of().steps(hex(1, 32), 9)).map(({ agent }) => agent)).toEqual(['shopper', 'shopper', 'shopper']);
    });

    test('a model call around another, and an agent that sums, count once', async () => {
      const usage = { 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.output_tokens': 4, 'gen_ai.request.model': 'm' };
      for (const body of [
        { span: 3, parent: 2, kind: 'chat', attributes: usage },
        { span: 2, parent: 1, kind: 'chat', attributes: usage },
        { span: 1, kind: 'invoke_agent', attributes: { ...usage, 'gen_ai.agent.name': 'a' } },
      ])
        await put(request([body]));
      expect(await of().trace(hex(1, 32))).toMatchObject({ input_tokens: 10, output_tokens: 4 });
      expect(await of().costDays(T0, 'model')).toEqual([
        expect.objectContaining({ key: 'm', count: 1, input_tokens: 10, output_tokens: 4 }),
      ]);
    });

    test('a run that fails says so, one without a root is running', async () => {
      await put(request([{ span: 1, kind: 'invoke_agent', error: 'boom sk-abcdefghijklmnopqrstuvwxyz0123456789abcd' }]));
      await put(request([{ trace: 2, span: 5, parent: 4 }]));
      const status = async (trace: number) => (await of().trace(hex(trace, 32)))?.status;
      expect([await status(1), await status(2)]).toEqual(['failed', 'running']);
      const [step] = await of().steps(hex(1, 32), 1);
      expect(step?.error).toMatch(/^boom \[/);
    });

    test('detections: on their span and on carriers; the last revision stands, a withdrawal takes back, a judgement stays', async () => {
      await put(request([{ span: 2, events: [finding(7)] }]));
      nowMs += 10;
      await put(request([{ span: 9, parent: 2, events: [finding(7, { 'misstep.detection.revision': 2 })] }], 'misstep'));
      await put(request([{ span: 8, parent: 2, events: [finding(7, { 'misstep.detection.revision': 1 })] }], 'misstep'));
      const [row] = (await of().detections({}, { limit: 5 })).items;
      expect(row).toMatchObject({
        id: hex(7, 32),
        detector: 'loop',
        revision: 2,
        confidence: 0.9,
        created_ms: T0,
        updated_ms: T0 + 10,
        evidence: [hex(2, 16)],
        data: { tool: 'ls' },
        taxonomy: { mast: ['FM-1.3'] },
        verdict: null,
      });
      expect(await of().judge(hex(7, 32), 'false_positive', 'polling')).toMatchObject({
        verdict: 'false_positive',
        notes: 'polling',
      });
      const back = { 'misstep.detection.revision': 2, 'gen_ai.evaluation.score.label': 'withdrawn' };
      await put(request([{ span: 10, parent: 2, events: [finding(7, back)] }], 'misstep'));
      expect((await of().detections({}, { limit: 5 })).items).toEqual([]);
      expect((await of().detections({ withdrawn: true }, { limit: 5 })).items[0]).toMatchObject({ verdict: 'false_positive' });
      // The carriers are no steps.
      expect(await of().trace(hex(1, 32))).toMatchObject({ steps: 1, detections: 0 });
    });

    group('a finding of a later window of the same session, with the id and revision of the first', () => {
      const later = (span: number, at: number, more: NewSpan['attributes'] = {}) =>
        finding(
          7,
          {
            'misstep.detection.target.trace_id': hex(2, 32),
            'misstep.detection.target.span_id': hex(span, 16),
            'misstep.detection.evidence.span_ids': [hex(span, 16)],
            'gen_ai.evaluation.explanation': `Ran again at ${span}.`,
            ...more,
          },
          at,
        );
      const row = async () => (await of().detections({}, { limit: 5 })).items[0];

      test('counts and stands; sent again it counts once', async () => {
        await put(request([{ span: 2, events: [finding(7)] }]));
        nowMs += 10;
        for (let times = 0; times < 3; times++) await put(request([{ trace: 2, span: 20, events: [later(20, 1_000)] }]));
        expect(await row()).toMatchObject({
          occurrences: 2,
          explanation: 'Ran again at 20.',
          span_id: hex(20, 16),
          created_ms: T0,
          updated_ms: T0 + 10,
          said_ms: T0 + 1_000,
        });
        await put(request([{ trace: 2, span: 30, events: [later(30, 2_000)] }]));
        expect(await row()).toMatchObject({ occurrences: 3, trace_id: hex(2, 32) });
      });

      test('in one request too', async () => {
        await put(
          request([
            { span: 2, events: [finding(7)] },
            { trace: 2, span: 20, events: [later(20, 1_000)] },
          ]),
        );
        expect(await row()).toMatchObject({ occurrences: 2, span_id: hex(20, 16) });
      });

      test('the first, sent again after it, changes nothing', async () => {
        await put(request([{ span: 2, events: [finding(7)] }]));
        await put(request([{ trace: 2, span: 20, events: [later(20, 1_000)] }]));
        await put(request([{ span: 2, events: [finding(7)] }]));
        expect(await row()).toMatchObject({ occurrences: 2, span_id: hex(20, 16) });
      });

      test('near miss: it moved within its window, said under a higher revision', async () => {
        await put(request([{ span: 2, events: [finding(7)] }]));
        await put(request([{ trace: 2, span: 20, events: [later(20, 1_000, { 'misstep.detection.revision': 1 })] }]));
        expect(await row()).toMatchObject({ occurrences: 1, revision: 1 });
      });

      test('near miss: one that was taken back before did not occur', async () => {
        await put(request([{ span: 2, events: [finding(7)] }]));
        const back = { 'gen_ai.evaluation.score.label': 'withdrawn' };
        await put(request([{ span: 9, parent: 2, events: [finding(7, back)] }], 'misstep'));
        await put(request([{ trace: 2, span: 20, events: [later(20, 1_000)] }]));
        expect(await row()).toMatchObject({ occurrences: 1, label: 'fail', span_id: hex(20, 16) });
      });
    });

    test('what was written since a moment, in order; withdrawn too', async () => {
      for (const id of [3, 1, 2]) {
        await put(request([{ span: 2, events: [finding(id)] }]));
        nowMs += 5;
      }
      await put(
        request([{ span: 9, parent: 2, events: [finding(1, { 'gen_ai.evaluation.score.label': 'withdrawn' })] }], 'misstep'),
      );
      const since = async (ms: number) => (await of().detectionsSince({ ms, id: '' }, 9)).map(({ id }) => Number(`0x${id}`));
      expect(await since(0)).toEqual([3, 2, 1]);
      expect(await since(T0 + 15)).toEqual([1]);
      expect((await of().detectionsSince({ ms: 0, id: '' }, 2)).length).toBe(2);
      expect((await of().detectionsSince({ ms: T0 + 15, id: hex(1, 32) }, 9)).length).toBe(0);
      expect(await of('b').detectionsSince({ ms: 0, id: '' }, 9)).toEqual([]);
    });

    test('similar detections, the nearest first, of the same tenant', async () => {
      const said = (text: string, name: string) => ({ 'gen_ai.evaluation.explanation': text, 'gen_ai.evaluation.name': name });
      const events = [
        finding(1, said('The tool search was called 9 times with the same arguments.', 'loop')),
        finding(2, said('The tool fetch was called 12 times with the same arguments.', 'loop')),
        finding(3, said('The cost of the session is 4 dollars, above the budget.', 'cost')),
      ];
      await put(request([{ span: 2, events }]));
      await put(request([{ span: 2, events: events.slice(0, 1) }]), 'b');
      const near = await of().similar(hex(1, 32), 5);
      expect(near?.map(({ detection }) => Number(`0x${detection.id}`))).toEqual([2, 3]);
      expect(near?.[0]?.similarity).toBeGreaterThan(0.8);
      expect(near?.[1]?.similarity).toBeLessThan(near?.[0]?.similarity as number);
      expect(await of('b').similar(hex(1, 32), 5)).toEqual([]);
      expect(await of().similar(hex(9, 32), 5)).toBeUndefined();
      expect(await of('b').similar(hex(2, 32), 5)).toBeUndefined();
      await of().deleteTrace(hex(1, 32));
      expect(await driver.all('SELECT id FROM misstep_vectors WHERE tenant = ?', ['default'])).toEqual([]);
    });

    test('filters of detections', async () => {
      const low = { 'gen_ai.evaluation.score.value': 0.4, 'gen_ai.evaluation.name': 'cost' };
      await put(request([{ span: 2, events: [finding(1), finding(2, low)] }]));
      await of().judge(hex(1, 32), 'true_positive', null);
      const ids = async (filter: Parameters<TenantReader['detections']>[0]) =>
        (await of().detections(filter, { limit: 9 })).items.map(({ id }) => Number(`0x${id}`)).sort();
      expect(await ids({})).toEqual([1, 2]);
      expect(await ids({ detector: 'cost' })).toEqual([2]);
      expect(await ids({ confidenceMin: 0.5 })).toEqual([1]);
      expect(await ids({ confidenceMax: 0.5 })).toEqual([2]);
      expect(await ids({ judged: true })).toEqual([1]);
      expect(await ids({ judged: false })).toEqual([2]);
      expect(await ids({ fromMs: T0 + 1 })).toEqual([]);
      expect(await ids({ trace: hex(2, 32) })).toEqual([]);
    });

    test('pages by offset and by cursor show each row once', async () => {
      for (let trace = 1; trace <= 7; trace++) await put(request([{ trace, span: trace, at: trace % 3 }]));
      const byOffset: string[] = [];
      for (let offset = 0; offset < 7; offset += 3)
        byOffset.push(...(await of().traces({}, { limit: 3, offset })).items.map((row) => row.trace_id));
      const byCursor: string[] = [];
      for (let after: string | null | undefined; after !== null; ) {
        const page = await of().traces({}, after === undefined ? { limit: 3 } : { limit: 3, after });
        byCursor.push(...page.items.map((row) => row.trace_id));
        after = page.next;
      }
      expect(byCursor).toEqual(byOffset);
      expect(new Set(byCursor).size).toBe(7);
      await expect(of().traces({}, { limit: 3, after: 'x' })).rejects.toThrow(RangeError);
    });

    test('claim 24: nothing of one tenant is seen, counted, changed or removed by another', async () => {
      await put(request(run), 'a');
      await put(request([{ span: 2, events: [finding(7)] }]), 'a');
      await of('a').put('key', 'k', { secret: 1 });
      const b = of('b');
      expect(await b.traces({}, { limit: 9 })).toEqual({ items: [], total: 0, next: null });
      expect(await b.trace(hex(1, 32))).toBeUndefined();
      expect(await b.steps(hex(1, 32), 9)).toEqual([]);
      expect(await b.detection(hex(7, 32))).toBeUndefined();
      expect(await b.judge(hex(7, 32), 'false_positive', null)).toBeUndefined();
      expect(await b.agents(0, 9)).toEqual([]);
      expect(await b.detectionDays(0, 'detector')).toEqual([]);
      expect(await b.costDays(0, 'model')).toEqual([]);
      expect(await b.deleteTrace(hex(1, 32))).toBe(false);
      expect(await b.document('key', 'k')).toBeUndefined();
      expect(await b.remove('key', 'k')).toBe(false);
      expect(await b.put('key', 'k', { mine: 1 }, 0)).toMatchObject({ version: 1 });
      // Equal ids of two tenants are two rows.
      await put(request([{ span: 2, events: [finding(7, { 'misstep.detection.message': 'other' })] }]), 'b');
      expect(await of('a').detection(hex(7, 32))).toMatchObject({ message: 'repeated', verdict: null });
      expect(await of('a').document('key', 'k')).toMatchObject({ body: { secret: 1 } });
      expect(await of('a').trace(hex(1, 32))).toMatchObject({ steps: 3 });
    });

    test('agents and days', async () => {
      await put(request(run));
      await put(request([{ span: 2, events: [finding(7)] }]));
      expect(await of().agents(0, 9)).toEqual([
        expect.objectContaining({ agent: 'shopper', traces: 1, errors: 0, input_tokens: 10, output_tokens: 4, mean_ms: 1 }),
      ]);
      const day = new Date(T0).toISOString().slice(0, 10);
      expect(await of().detectionDays(0, 'detector')).toEqual([expect.objectContaining({ day, key: 'loop', count: 1 })]);
    });

    test('incidents: detections of one message about one agent, the latest first; what was taken back is none', async () => {
      const by = (agent: string, more: object = {}) => ({ 'gen_ai.agent.name': agent, ...more });
      await put(
        request([{ span: 2, events: [finding(1, by('a', { 'misstep.detection.severity': 'low' })), finding(2, by('a'))] }]),
      );
      nowMs += 10;
      await put(request([{ span: 3, events: [finding(3), finding(4, { 'gen_ai.evaluation.score.label': 'withdrawn' })] }]));
      await of().judge(hex(1, 32), 'true_positive', null);
      const [first, second, ...rest] = await of().incidents(0, 9);
      expect(rest).toEqual([]);
      expect(first).toMatchObject({ detector: 'loop', message: 'repeated', agent: null, count: 1, first_ms: T0 + 10, right: 0 });
      expect(second).toEqual({
        detector: 'loop',
        message: 'repeated',
        agent: 'a',
        count: 2,
        traces: 1,
        first_ms: T0,
        last_ms: T0,
        severity: 'high',
        confidence: 0.9,
        right: 1,
        wrong: 0,
      });
      expect(await of().incidents(T0 + 1, 9)).toHaveLength(1);
      expect(await of('b').incidents(0, 9)).toEqual([]);
      const ids = async (filter: Parameters<TenantReader['detections']>[0]) =>
        (await of().detections(filter, { limit: 9 })).items.map(({ id }) => Number(`0x${id}`)).sort();
      expect([await ids({ agent: 'a' }), await ids({ agent: null }), await ids({ message: 'other' })]).toEqual([[1, 2], [3], []]);
    });

    test('quiet traces', async () => {
      await put(request([{ trace: 1, span: 2, events: [finding(7)] }]));
      await put(request([{ trace: 2, span: 3 }]));
      await put(request([{ trace: 3, span: 4 }]));
      expect((await of().quiet(0, 9)).map(({ trace_id }) => trace_id)).toEqual([hex(3, 32), hex(2, 32)]);
      expect(await of().quiet(T0 + 4, 9)).toEqual([{ trace_id: hex(3, 32), started_ms: T0 + 4 }]);
      expect(await of().quiet(0, 1)).toHaveLength(1);
      expect(await of('b').quiet(0, 9)).toEqual([]);
    });

    test('documents: written if the version is as said, newest first', async () => {
      const reader = of();
      expect(await reader.put('group', 'g', { a: 1 }, 0)).toMatchObject({ version: 1, created_ms: T0 });
      expect(await reader.put('group', 'g', { a: 2 }, 0)).toBeUndefined();
      nowMs += 5;
      expect(await reader.put('group', 'g', { a: 2 }, 1)).toMatchObject({ version: 2, created_ms: T0, updated_ms: T0 + 5 });
      await reader.put('group', 'h', []);
      expect((await reader.documents('group', { limit: 9 })).items.map(({ id }) => id)).toEqual(['h', 'g']);
      expect(await reader.remove('group', 'g')).toBe(true);
      expect(await reader.document('group', 'g')).toBeUndefined();
    });

    test('what is old goes with its steps and detections; what is new stays', async () => {
      await put(request(run));
      await put(request([{ span: 2, events: [finding(7)] }]));
      nowMs += 1_000;
      await put(request([{ trace: 2, span: 5 }]));
      expect(await retain(driver, { maxAgeMs: 500, maxBytes: 0, nowMs })).toBe(1);
      expect((await of().traces({}, { limit: 9 })).items.map(({ trace_id }) => trace_id)).toEqual([hex(2, 32)]);
      expect(await of().steps(hex(1, 32), 9)).toEqual([]);
      expect(await of().detection(hex(7, 32))).toBeUndefined();
    });

    test('what is said of a trace that is gone, or was never kept, goes in its time too', async () => {
      await put(request([{ span: 9, events: [finding(7)] }], 'misstep'));
      nowMs += 1_000;
      await put(request([{ span: 9, events: [finding(8)] }], 'misstep'));
      expect(await retain(driver, { maxAgeMs: 500, maxBytes: 0, nowMs })).toBe(0);
      expect((await of().detections({}, { limit: 9 })).items.map(({ id }) => id)).toEqual([hex(8, 32)]);
    });

    test('what is too much goes, the oldest first, until the rest fits', async () => {
      const long = 'x'.repeat(4_000);
      const attributes = { 'gen_ai.tool.name': 'cat', 'gen_ai.tool.call.arguments': long, 'gen_ai.tool.call.result': long };
      for (let trace = 1; trace <= 900; trace++) {
        nowMs += 1;
        await put(request([{ trace, span: trace, attributes }]));
      }
      const before = await driver.size();
      const most = Math.round(before / 2);
      const gone = await retain(driver, { maxAgeMs: 1e12, maxBytes: most, nowMs: nowMs + 1 });
      expect(gone).toBeGreaterThanOrEqual(200);
      const left = await of().traces({}, { limit: 1_000 });
      expect(left.total).toBe(900 - gone);
      // The latest are those that stay.
      expect(left.items.at(-1)?.trace_id).toBe(hex(gone + 1, 32));
      // PostgreSQL uses what is free again and gives none back.
      if (driver.dialect === 'sqlite') expect(await driver.size()).toBeLessThanOrEqual(most);
    });

    test('a transaction that fails leaves nothing', async () => {
      const failing = driver.transaction(async () => {
        await driver.run("INSERT INTO misstep_documents VALUES ('default', 'a', 'b', 1, '1', 1, 1)");
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect((await of().documents('a', { limit: 9 })).items).toEqual([]);
    });

    test('text that databases dislike: NUL, half a surrogate pair, quotes, question marks', async () => {
      const name = `a\0b\ud800'"?;--`;
      await put(request([{ span: 1, attributes: { 'gen_ai.tool.name': name, 'gen_ai.tool.call.arguments': name } }]));
      const [step] = await of().steps(hex(1, 32), 1);
      expect(step?.tool).toMatch(/^a\ufffdb\ufffd+'"\?;--$/);
    });

    test('a trace of 5,000 spans', async () => {
      const spans = Array.from({ length: 5_000 }, (_, i) => ({ span: i + 1 }));
      await put(request(spans));
      expect(await of().trace(hex(1, 32))).toMatchObject({ steps: 5_000 });
      expect(await of().steps(hex(1, 32), 10_000)).toHaveLength(5_000);
    });
  });
}
