// `detect` with somebody who judges: what it asks, what goes again, and that without one nothing is other than before.
import { expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import type { Component, Consumer } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';
import { defineDetector } from '../../src/detector/detector.ts';
import type { Judge, Question, Verdict } from '../../src/detector/judge.ts';
import { documentToProtobuf, protobufToDocument } from '../../src/otlp/json.ts';
import { detectFactory } from './detect.ts';
import { here, killed, sent, start as startStored } from './testing/rig.ts';

/** Speaks at a call, as sure as the tool's name says: `p60` is 0.60, of tier 3; `c60` of tier 1. The same tool again makes the finding grow, `u60` takes it back. */
const calls = defineDetector({
  meta: {
    id: 'calls',
    family: 'execution',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Speaks at calls.',
    docs: { what: 'Calls.', why: '', fix: '', limits: 'Others.', sources: [] },
    options: {},
    messages: {
      called: { text: "'{{tool}}' ran {{count}} times.", tier: 3, severity: 'high', impact: '', action: '', taxonomy: {} },
      counted: { text: "'{{tool}}' ran {{count}} times.", tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} },
    },
  },
  init: (): Record<string, number> => ({}),
  onStep(state, step, ctx) {
    const tool = step.tool?.name ?? '';
    const count = (state?.[tool] ?? 0) + 1;
    if (tool.startsWith('u')) {
      ctx.withdraw('called', tool.replace('u', 'p'));
      return state;
    }
    const message = tool.startsWith('c') ? 'counted' : 'called';
    ctx.report(message, { at: step, key: tool, score: Number(tool.slice(1)) / 100, data: { tool, count } });
    return { ...state, [tool]: count };
  },
});

const T0 = 1_700_000_000_000;
let span = 0;

function request(...tools: string[]): Batch {
  const spans = tools.map((tool) => ({
    traceId: '1'.padStart(32, '0'),
    spanId: (++span).toString(16).padStart(16, '0'),
    name: `execute_tool ${tool}`,
    startTimeUnixNano: `${T0 + span}000000`,
    endTimeUnixNano: `${T0 + span + 1}000000`,
    attributes: [
      { key: 'gen_ai.operation.name', value: { stringValue: 'execute_tool' } },
      { key: 'gen_ai.tool.name', value: { stringValue: tool } },
      { key: 'gen_ai.tool.call.arguments', value: { stringValue: `{"path":"${'x'.repeat(500)}"}` } },
    ],
  }));
  const { body } = documentToProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ scope: { name: 'test' }, spans }] }] });
  return { signal: 'traces', chunks: [body], bytes: body.length, items: spans.length, tenant: 'default' };
}

/** `<tool> <revision> <confidence in percent> <tier> <way>` of all findings in a batch. */
function read(batch: Batch): string[] {
  interface Attribute {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }
  const document = protobufToDocument('traces', Buffer.concat(batch.chunks)) as {
    readonly resourceSpans: readonly {
      readonly scopeSpans: readonly {
        readonly spans: readonly {
          readonly name: string;
          readonly events?: readonly { readonly attributes: readonly Attribute[] }[];
        }[];
      }[];
    }[];
  };
  const spans = document.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return spans.flatMap(({ name, events = [] }) =>
    events.map(({ attributes }) => {
      const of = (key: string) => Object.values(attributes.find((one) => one.key === key)?.value ?? {})[0];
      const d = (key: string) => of(`misstep.detection.${key}`);
      const label = of('gen_ai.evaluation.score.label') === 'fail' ? '' : ' withdrawn';
      const percent = Math.round(100 * Number(of('gen_ai.evaluation.score.value')));
      return `${d('data.tool')} r${d('revision')} ${percent}% t${d('tier')} ${name.startsWith('evaluate') ? 'carrier' : 'event'}${label}`;
    }),
  );
}

class Scripted implements Component, Judge {
  readonly asked: Question[] = [];
  readonly answers: ((verdict: Verdict | undefined) => void)[] = [];
  excerpts = 0;
  detectors: readonly string[] = [];
  async start(): Promise<void> {}
  async shutdown(): Promise<void> {}
  wants({ confidence }: Question['finding']): boolean {
    return confidence >= 0.4 && confidence < 0.8;
  }
  ask(question: Question): Promise<Verdict | undefined> {
    this.asked.push(question);
    return new Promise((resolve) => this.answers.push(resolve));
  }
  async say(i: number, verdict: Verdict['verdict'] | undefined): Promise<void> {
    const rest = { reason: 'other', spanIds: [], provider: 'p', model: 'm', weight: 3 } as const;
    this.answers[i]?.(verdict === undefined ? undefined : { verdict, ...rest });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function started(judge: Scripted | undefined, more: object = {}) {
  span = 0;
  const factory = detectFactory([{ detector: calls }]);
  const got: Batch[] = [];
  const next: Consumer = { consume: (batch) => void got.push(batch) };
  let now = T0;
  const host = testHost({ now: () => now, monotonic: () => now }, judge === undefined ? {} : { judge });
  const options = factory.options.parse({ cooldown: '0s', ...(judge === undefined ? {} : { judge: 'judge' }), ...more });
  const detect = factory.create({ id: 'detect', signal: 'traces', pipeline: 'traces' }, options, next);
  await detect.start(host);
  const send = async (...tools: string[]) => {
    await detect.consume(request(...tools));
    now += 1_000;
    return got.flatMap(read);
  };
  const bytes = () => Buffer.concat(got.flatMap(({ chunks }) => chunks));
  return {
    detect,
    host,
    got,
    send,
    bytes,
    seen: () => got.flatMap(read),
    stop: () => detect.shutdown(new AbortController().signal),
  };
}

test('confirmed: what was held back is handed on, what was handed on goes again, surer', async () => {
  const judge = new Scripted();
  const { send, seen, stop } = await started(judge);
  expect(await send('p50', 'p70', 'p90', 'p30')).toEqual(['p70 r0 70% t3 event', 'p90 r0 90% t3 event']);
  expect(judge.asked.map(({ finding }) => finding.data['tool'])).toEqual(['p50', 'p70']);
  expect(judge.asked[0]).toMatchObject({
    about: { summary: 'Speaks at calls.', what: 'Calls.', limits: 'Others.' },
    milestones: [{ kind: 'tool', tool: 'p50', outcome: 'ok', excerpts: {} }],
  });
  await judge.say(0, 'confirmed');
  await judge.say(1, 'confirmed');
  expect(seen().slice(2)).toEqual(['p50 r1 75% t4 carrier', 'p70 r1 88% t4 carrier']);
  await stop();
});

test('rejected: less sure, never withdrawn; what structure calls high stays as it is; unsure changes nothing', async () => {
  const judge = new Scripted();
  const { send, seen, stop } = await started(judge);
  const before = await send('p50', 'p70', 'c70', 'p75');
  await judge.say(0, 'rejected');
  await judge.say(1, 'rejected');
  await judge.say(2, 'rejected');
  await judge.say(3, 'unsure');
  expect(seen().slice(before.length)).toEqual(['p70 r1 44% t3 carrier']);
  await stop();
});

test('a finding is asked about once; what grows goes with its verdict, above it in revision; a refusal is asked again', async () => {
  const judge = new Scripted();
  const { send, seen, stop } = await started(judge);
  await send('p50', 'p51');
  await send('p50');
  expect(judge.asked).toHaveLength(2);
  await judge.say(0, 'confirmed');
  await judge.say(1, undefined);
  await send('p50', 'p51');
  expect(judge.asked).toHaveLength(3);
  // The verdict came when the finding had been reported twice.
  expect(seen()).toEqual(
    ['p50 r3 75% t4 carrier', 'p50 r5 75% t4 carrier'].map((one) => expect.stringContaining(one.slice(0, 12))),
  );
  await stop();
});

test('what is taken back is taken back above its verdict; an answer that comes after it is not told', async () => {
  const judge = new Scripted();
  const { send, seen, stop } = await started(judge);
  await send('p50', 'p70');
  await judge.say(0, 'confirmed');
  await send('u50');
  await send('u70');
  await judge.say(1, 'confirmed');
  expect(seen()).toEqual([
    'p70 r0 70% t3 event',
    'p50 r1 75% t4 carrier',
    'p50 r1 75% t4 carrier withdrawn',
    'p70 r1 70% t3 carrier withdrawn',
  ]);
  await stop();
});

test('an answer that comes after a reload is told by the successor', async () => {
  const judge = new Scripted();
  const old = await started(judge);
  await old.send('p50', 'p70');
  const heir = await started(judge);
  heir.detect.adopt?.(old.detect);
  await old.stop();
  await judge.say(0, 'confirmed');
  await judge.say(1, 'rejected');
  expect(old.seen()).toEqual(['p70 r0 70% t3 event']);
  expect(heir.seen()).toEqual(['p50 r1 75% t4 carrier', 'p70 r1 44% t3 carrier']);
  await heir.stop();
});

test('a detector that the judge names and that is not here is said', async () => {
  const judge = new Scripted();
  judge.detectors = ['calls', 'cals'];
  const { host, stop } = await started(judge);
  expect(host.logs).toMatchObject([
    { level: 'warn', fields: { judge: 'judge', detector: 'cals', do: expect.stringContaining('calls') } },
  ]);
  await stop();
});

test('with a storage: a verdict goes like any finding, and no order of revisions is lost over a restart', async () => {
  const judge = new Scripted();
  const shipped = [{ detector: calls }];
  const first = await startStored(here(), { judge: 'judge', cooldown: '0s' }, undefined, shipped, undefined, judge);
  span = 0;
  await first.detect.consume(request('p70'));
  await judge.say(0, 'confirmed');
  await first.detect.consume(request('p70'));
  await sent(first);
  expect(first.got.flatMap(read)).toEqual(['p70 r0 70% t3 event', 'p70 r1 88% t4 carrier', 'p70 r3 88% t4 event']);
  const next = await startStored(killed(), { judge: 'judge', cooldown: '0s' }, undefined, shipped, undefined, judge);
  await next.detect.consume(request('p70'));
  await sent(next);
  // What went with a verdict was never answered for by itself and is said again, below that verdict in revision.
  expect(next.got.flatMap(read).sort()).toEqual(['p70 r2 70% t3 carrier', 'p70 r4 70% t3 event']);
});

test('an answer after the end is nobody’s; a judge that is away stops the start', async () => {
  const judge = new Scripted();
  const { send, seen, stop } = await started(judge);
  const before = await send('p50');
  await stop();
  await judge.say(0, 'confirmed');
  expect(seen()).toEqual(before);
  await expect(started(undefined, { judge: 'judge' })).rejects.toThrow(
    "judge: 'judge' does not run. Name it in service.extensions.",
  );
});

test('excerpts only if the judge wants them, and no more than it wants twice over', async () => {
  const judge = new Scripted();
  judge.excerpts = 50;
  const { send, stop } = await started(judge);
  await send('p50');
  expect(judge.asked[0]?.milestones[0]?.excerpts['arguments']).toHaveLength(100);
  await stop();
});

test('suppressed findings are not asked about', async () => {
  const judge = new Scripted();
  const { send, stop } = await started(judge, { suppress: [{ detector: 'calls', until: '2100-01-01' }] });
  await send('p50', 'p70');
  expect(judge.asked).toEqual([]);
  await stop();
});

test('a judge that says nothing changes nothing but the numbers of revisions; the first is 0 with and without', async () => {
  const tools = [
    ['p50', 'p70'],
    ['p90', 'c70'],
  ];
  const outputs: string[] = [];
  for (const judge of [undefined, new Scripted()]) {
    const { send, bytes, stop } = await started(judge);
    for (const some of tools) await send(...some);
    outputs.push(bytes().toString('hex'));
    await stop();
  }
  expect(outputs[1]).toBe(outputs[0]);
});
