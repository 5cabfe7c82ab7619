import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dialectKeys } from '../dialects/keys.ts';
import { documentToProtobuf, protobufToDocument } from '../otlp/json.ts';
import { spanReader } from '../otlp/span.ts';
import { walkTraces } from '../otlp/traces.ts';
import { defineDetector } from './detector.ts';
import { annotate, carrierSpanId, carriers } from './emit.ts';
import type { Finding } from './finding.ts';
import { type Coverage, DetectorHost, type Emission, type HostOptions } from './host.ts';
import { activate } from './options.ts';
import { Watch } from './watch.ts';

/** Says when one tool has run three times, and who ran it. */
const thrice = defineDetector({
  meta: {
    id: 'thrice',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Counts tools.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {},
    messages: {
      thrice: {
        text: "'{{tool}}' ran {{count}} times.",
        tier: 1,
        severity: 'high',
        impact: '',
        action: '',
        taxonomy: { mast: ['FM-1.3'] },
      },
    },
  },
  init: () => ({}) as Record<string, number>,
  onStep(state, step, ctx) {
    if (!step.tool || step.rollup) return state;
    const count = (state?.[step.tool.name] ?? 0) + 1;
    if (count >= 3) ctx.report('thrice', { at: step, key: step.tool.name, score: 0.9, data: { tool: step.tool.name, count } });
    return { ...state, [step.tool.name]: count };
  },
});

const { active } = activate([{ detector: thrice }], {});
const T0 = 1_700_000_000_000;

interface Span {
  readonly id: number;
  readonly parent?: number;
  readonly at: number;
  readonly trace?: number;
  readonly traceState?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

function body(spans: readonly Span[], scope = 'test'): Uint8Array {
  const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');
  return documentToProtobuf('traces', {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'svc' } }] },
        scopeSpans: [
          {
            scope: { name: scope },
            spans: spans.map(({ id, parent, at, trace = 1, traceState = '', attributes }) => ({
              traceId: hex(trace, 32),
              spanId: hex(id, 16),
              parentSpanId: parent === undefined ? '' : hex(parent, 16),
              traceState,
              name: 'x',
              startTimeUnixNano: `${T0 + at}000000`,
              endTimeUnixNano: `${T0 + at + 1}000000`,
              attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
            })),
          },
        ],
      },
    ],
  }).body;
}

const tool = (id: number, at: number, more: Readonly<Record<string, string>> = {}): Span => ({
  id,
  at,
  parent: 99,
  attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', ...more },
});
const agent = (id: number, at: number, name: string, more: Readonly<Record<string, string>> = {}): Span => ({
  id,
  at,
  attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name, ...more },
});

function host(more: Partial<HostOptions> = {}): DetectorHost {
  return new DetectorHost({ detectors: active, cooldownMs: 0, ...more });
}

function play(bodies: readonly Uint8Array[], more: Partial<HostOptions> = {}): Finding[] {
  const last = new Map<string, Finding>();
  const one = host(more);
  const take = (emissions: readonly Emission[]): void => {
    for (const { finding, label } of emissions) {
      if (label === 'fail') last.set(finding.id, finding);
      else last.delete(finding.id);
    }
  };
  for (const bytes of bodies) take(one.process(walkTraces(bytes, dialectKeys), 'default'));
  take(one.end('end_of_input'));
  return [...last.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

const run = [tool(1, 10), tool(2, 20), tool(3, 30), tool(4, 40), agent(99, 0, 'researcher')].map((span) =>
  span.id === 99 ? { ...span, at: 50 } : span,
);

describe('windows', () => {
  test('the whole run in one request', () => {
    expect(play([body(run)])).toMatchObject([
      {
        detector: 'thrice',
        agent: 'researcher',
        revision: 1,
        explanation: "'search' ran 4 times.",
        at: { spanId: '0000000000000004' },
      },
    ]);
  });

  test('the findings are the same whatever the order and the batching', () => {
    const reference = play([body(run)]);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(run, { minLength: run.length }),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        (order, cuts) => {
          const groups: Span[][] = [[]];
          order.forEach((span, i) => {
            groups[groups.length - 1]?.push(span);
            if (cuts[i]) groups.push([]);
          });
          expect(play(groups.filter((group) => group.length > 0).map((group) => body(group)))).toEqual(reference);
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });

  test('a span delivered again is folded once', () => {
    expect(play([body(run), body(run), body(run.slice(1, 2))])).toEqual(play([body(run)]));
  });

  test('a session named by one span binds its trace and what came before', () => {
    const named = [...run.slice(0, 4), agent(99, 50, 'researcher', { 'gen_ai.conversation.id': 'conv' })];
    const whole = play([body(named)]);
    expect(whole).toMatchObject([{ sessionId: 'conv', revision: 1 }]);
    expect(play(named.map((span) => body([span])))).toEqual(whole);
  });

  test('tenants and agents do not share state', () => {
    const two = host();
    expect(two.process(walkTraces(body(run.slice(0, 2)), dialectKeys), 'a')).toEqual([]);
    expect(two.process(walkTraces(body(run.slice(2, 4)), dialectKeys), 'b')).toEqual([]);
    expect(two.openRuns).toBe(2);
  });

  test('a finding is said when it appears, again when the cool-down is over, and once more at the end', () => {
    const one = host({ cooldownMs: 15 });
    const emitted = run.map((span) =>
      one.process(walkTraces(body([span]), dialectKeys), 'default').map(({ label, finding }) => `${label} ${finding.revision}`),
    );
    expect(emitted.slice(0, 4)).toEqual([[], [], ['fail 0'], []]);
    // The agent's name comes last: the nameless window's finding is taken back, the agent's is said.
    expect(emitted[4]?.sort()).toEqual(['fail 1', 'withdrawn 0']);
    expect(one.end('end_of_input')).toEqual([]);
  });

  test('coverage says what could not be looked at', () => {
    const coverage: Coverage[] = [];
    play([body([agent(99, 0, 'silent')])], { onCoverage: (one) => coverage.push(one) });
    expect(coverage.map(({ outcome, reason, agent: name }) => [outcome, reason, name])).toEqual([
      ['insufficient_data', 'no tool.name', 'silent'],
    ]);
  });

  const whole = activate(
    [{ detector: defineDetector({ ...thrice, meta: { ...thrice.meta, id: 'whole', scope: 'trace' } }) }],
    {},
  ).active;
  const session = { 'gen_ai.conversation.id': 's' };
  const th = 'ot=th:c;rv:d29d6a7215ced0';
  test.each([
    ['auto', 'ot=th:0', session, ['agent pass', 'trace pass']],
    ['auto', th, session, ['agent sampled', 'trace pass']],
    // Nothing says that the trace belongs to others.
    ['auto', th, {}, ['agent pass', 'trace pass']],
    ['no', th, session, ['agent pass', 'trace pass']],
    ['traces', '', session, ['agent sampled', 'trace pass']],
    ['traces', '', {}, ['agent pass', 'trace pass']],
    ['spans', '', {}, ['agent sampled', 'trace sampled']],
  ] as const)('sampled: %s, tracestate %j, attributes %j', (sampled, traceState, attributes, expected) => {
    const seen: string[] = [];
    const onCoverage = ({ detector, outcome, reason }: Coverage): void => {
      seen.push(`${detector.meta.scope} ${reason ?? outcome}`);
    };
    const detectors = [...active, ...whole];
    play([body([{ ...tool(1, 10, attributes), traceState }])], { detectors, sampled, onCoverage });
    expect(seen.sort()).toEqual(expected);
    seen.length = 0;
    // What is found stands.
    const failing = [tool(1, 10, attributes), { ...tool(2, 20, attributes), traceState }, tool(3, 30, attributes)];
    expect(play([body(failing)], { detectors, sampled, onCoverage })).toHaveLength(2);
    expect(seen.sort()).toEqual(['agent fail', 'trace fail']);
  });

  test('a run that is packed remembers that it was sampled', () => {
    const seen: (string | undefined)[] = [];
    let now = T0;
    const one = host({ now: () => now, windows: { maxUnpacked: 0 }, onCoverage: ({ reason }) => seen.push(reason) });
    one.process(walkTraces(body([{ ...tool(1, 10, session), traceState: th }]), dialectKeys), 'default');
    now += 60_000;
    one.tick(now);
    one.work(() => false);
    expect(one.packedRuns).toBe(1);
    one.end('shutdown');
    expect(seen).toEqual(['sampled']);
  });

  test('claim 9: a detector that takes too long is off for its window, the others go on, and coverage says so', () => {
    let ms = 0;
    const slow = defineDetector({
      ...thrice,
      meta: { ...thrice.meta, id: 'slow' },
      onStep(state, step) {
        if (step.agent === 'busy') ms += 300;
        return state;
      },
    });
    const coverage: string[] = [];
    const one = host({
      detectors: activate([{ detector: thrice }, { detector: slow }], {}).active,
      watch: new Watch({ overrunMs: 250, monotonic: () => ms }),
      onCoverage: ({ detector, outcome, reason, traceId }) =>
        coverage.push(`${traceId.slice(-1)} ${detector.meta.id} ${outcome} ${reason}`),
    });
    const by = (id: number, name: string, trace: number): Span => ({ ...tool(id, id, { 'gen_ai.agent.name': name }), trace });
    const spans = [by(1, 'busy', 1), by(2, 'busy', 1), by(3, 'busy', 1), by(4, 'calm', 2)];
    one.process(walkTraces(body(spans), dialectKeys), 'default');
    expect(ms).toBe(600);
    one.end('end_of_input');
    expect(one.counts).toMatchObject({ overran: 1, errors: 0 });
    expect(coverage).toEqual([
      '1 thrice fail undefined',
      '1 slow error overran',
      '2 thrice pass undefined',
      '2 slow pass undefined',
    ]);
  });

  test('a detector that takes too long in three windows is off in all of them', () => {
    let ms = 0;
    const slow = defineDetector({
      ...thrice,
      onStep(state) {
        ms += 300;
        return state;
      },
    });
    const one = host({
      detectors: activate([{ detector: slow }], {}).active,
      watch: new Watch({ overrunMs: 250, monotonic: () => ms }),
    });
    const spans = Array.from(
      { length: 8 },
      (_, i): Span => ({ ...tool(i + 1, i + 1, { 'gen_ai.agent.name': 'a' }), trace: i + 1 }),
    );
    one.process(walkTraces(body(spans), dialectKeys), 'default');
    // The first arms the watch, the next three are timed.
    expect([ms, one.counts.overran]).toEqual([4 * 300, 3]);
  });

  test('idle, root and age close windows by the wall clock, and lateness makes steps final', () => {
    let now = 0;
    const one = host({ now: () => now, windows: { idleMs: 60_000, graceMs: 5_000, latenessMs: 2_000, maxAgeMs: 600_000 } });
    one.process(walkTraces(body(run.slice(0, 2)), dialectKeys), 'default');
    expect(one.keptBytes).toBeGreaterThan(0);
    now = 3_000;
    one.tick(now);
    expect(one.keptBytes).toBe(0);
    expect(one.openRuns).toBe(1);
    one.process(walkTraces(body(run.slice(2, 3)), dialectKeys), 'default');
    now = 70_000;
    one.tick(now);
    expect(one.openRuns).toBe(0);
    expect(one.counts.closed.idle).toBe(1);
    one.process(walkTraces(body([agent(99, 0, 'root')]), dialectKeys), 'default');
    now = 76_000;
    one.tick(now);
    expect(one.counts.closed.root).toBe(1);
  });

  test('claim 17: over the byte budget and the number of runs the oldest give way, counted', () => {
    const one = host({ windows: { maxRuns: 2, maxTailBytes: 1 } });
    for (let trace = 1; trace <= 4; trace++)
      one.process(walkTraces(body([{ ...tool(trace, trace), trace }]), dialectKeys), 'default');
    expect(one.openRuns).toBe(2);
    expect(one.counts.closed.evicted).toBe(2);
    expect(one.keptBytes).toBe(0);
  });

  test('a late fact of a step behind the kept tail comes as onUpdate, once, and outlives folding again', () => {
    const heard = defineDetector({
      meta: { ...thrice.meta, id: 'heard', scope: 'trace' },
      init: () => [] as string[],
      onStep: (state) => state ?? [],
      onUpdate(state, step, changed, ctx) {
        const all = [...(state ?? []), `${step.spanId.slice(-1)} ${changed.join()} ${step.agent}`];
        ctx.report('thrice', { at: step, key: 'k', score: 0.9, data: { tool: all.join('; '), count: all.length } });
        return all;
      },
    });
    // No bytes for a tail: every step is final at once.
    const final = { detectors: activate([{ detector: heard }], {}).active, windows: { maxTailBytes: 1 } };
    const kept = { detectors: final.detectors };
    const bodies = [body([tool(1, 10)]), body([agent(99, 50, 'researcher')]), body([tool(2, 20)])];
    expect(play(bodies, kept)).toEqual([]);
    expect(play(bodies, final)).toMatchObject([
      { revision: 0, explanation: "'1 agent.name researcher' ran 1 times.", at: { spanId: '0000000000000001' } },
    ]);
  });

  test("misstep's own spans that come back in are counted and never examined", () => {
    const one = host();
    one.process(walkTraces(body(run, 'misstep'), dialectKeys), 'default');
    expect(one.counts).toMatchObject({ own: 5, steps: 0 });
    expect(one.openRuns).toBe(0);
  });

  test('spans that come back annotated are counted, and say nothing again', () => {
    const one = host();
    const index = walkTraces(body(run), dialectKeys);
    const { chunks } = annotate(index, one.process(index, 'default'), T0 + 99, emit);
    expect(one.counts.own).toBe(0);
    expect(one.process(walkTraces(Buffer.concat(chunks), dialectKeys), 'default')).toEqual([]);
    expect(one.counts).toMatchObject({ own: 1, duplicates: run.length });
  });
});

const emit = { version: '1.2.3', markError: new Set<string>(), openinference: true };

describe('emission', () => {
  test('claim 2: on the target while it is at hand: one event, flat attributes, every other byte as it was', () => {
    const bytes = body(run);
    const index = walkTraces(bytes, dialectKeys);
    const emissions = host().process(index, 'default');
    const { chunks, inPlace, carriers: late } = annotate(index, emissions, T0 + 99, emit);
    expect([inPlace, late]).toEqual([1, 0]);
    const annotated = walkTraces(Buffer.concat(chunks), dialectKeys);
    const reader = spanReader();
    const target = reader.at(annotated, 3);
    expect(target.attributes().get('misstep.detections')).toEqual(['thrice']);
    expect(target.events()).toHaveLength(1);
    const [event] = target.events();
    expect(event?.name).toBe('gen_ai.evaluation.result');
    expect(Object.fromEntries(event?.attributes ?? [])).toMatchObject({
      'gen_ai.evaluation.name': 'thrice',
      'gen_ai.evaluation.score.value': 0.9,
      'gen_ai.evaluation.score.label': 'fail',
      'gen_ai.agent.name': 'researcher',
      'misstep.detection.severity': 'high',
      'misstep.detection.late': false,
      'misstep.taxonomy.mast': ['FM-1.3'],
    });
    for (const row of [0, 1, 2, 4]) {
      expect(reader.at(annotated, row).attributes()).toEqual(spanReader().at(index, row).attributes());
    }
  });

  test('as a carrier when the target is gone: child of it, linked to it, with its resource, the same span each time', () => {
    const one = host();
    const first = walkTraces(body(run.slice(0, 3)), dialectKeys);
    const emissions = one.process(first, 'default');
    const other = walkTraces(body([{ ...tool(7, 70), trace: 2 }]), dialectKeys);
    const { chunks, inPlace, carriers: late } = annotate(other, emissions, T0 + 99, emit);
    expect([inPlace, late]).toEqual([0, 1]);
    const annotated = walkTraces(Buffer.concat(chunks), dialectKeys);
    const carrier = spanReader().at(annotated, 1);
    expect(carrier.name()).toBe('evaluate thrice');
    expect(carrier.parentId()).toBe('0000000000000003');
    expect(carrier.links()[0]).toMatchObject({ spanId: '0000000000000003' });
    expect(carrier.resource().get('service.name')).toBe('svc');
    expect(carrier.scopeName()).toBe('misstep');
    expect(carrier.endMs()).toBe(T0 + 99);
    const id = emissions[0]?.finding.id ?? '';
    expect(carrier.spanId()).toBe(carrierSpanId(id, 0, 'fail'));
    expect(carriers(emissions, T0 + 99, emit)).toEqual(carriers(emissions, T0 + 99, emit));
  });

  test('status is touched only for detectors that `mark_error` names', () => {
    const index = walkTraces(body(run), dialectKeys);
    const emissions = host().process(index, 'default');
    const status = (markError: ReadonlySet<string>): number =>
      spanReader()
        .at(walkTraces(Buffer.concat(annotate(index, emissions, T0, { ...emit, markError }).chunks), dialectKeys), 3)
        .statusCode();
    expect(status(new Set())).toBe(0);
    expect(status(new Set(['thrice']))).toBe(2);
  });

  test('a score of exactly 1 is a double on the wire', () => {
    const index = walkTraces(body(run), dialectKeys);
    const [emission] = host().process(index, 'default');
    const sure = { ...(emission as Emission), finding: { ...(emission as Emission).finding, confidence: 1 } };
    const document = JSON.stringify(protobufToDocument('traces', carriers([sure], T0, emit)));
    expect(document).toContain('{"key":"gen_ai.evaluation.score.value","value":{"doubleValue":1}}');
  });
});
