// POST /grade with the shipped detectors, by a client over loopback.
import { afterEach, describe, expect, it } from 'vitest';
import { createWebhookReceiver, webhookFactory } from '../receivers/webhook/webhook.ts';
import type { Batch } from '../src/batch/batch.ts';
import type { Authenticator } from '../src/component/auth.ts';
import { testHost } from '../src/component/testing.ts';
import { ask } from '../src/component/transport/testing.ts';
import { activate } from '../src/detector/options.ts';
import { shippedDetectors } from './detectors.ts';

const { active } = activate(shippedDetectors, {});
const factory = webhookFactory(shippedDetectors);

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function rig(given: object = {}, extensions: Record<string, Authenticator> = {}) {
  const got: Batch[] = [];
  const consumer = {
    consume: (batch: Batch) => {
      got.push(batch);
      return undefined;
    },
  };
  const options = factory.options.parse({ endpoint: '127.0.0.1:0', ...given });
  const receiver = createWebhookReceiver('webhook', options, new Map([['traces', consumer]]), active);
  const host = testHost(undefined, extensions);
  await receiver.start(host);
  open.push(() => receiver.shutdown(AbortSignal.timeout(5_000)));
  const send = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const answer = await ask(receiver.address() ?? '', {
      path,
      body: bytes,
      headers: { 'content-type': 'application/json', ...headers },
    });
    return {
      status: answer.status,
      headers: answer.headers,
      json: JSON.parse(answer.body.toString()) as Record<string, unknown>,
    };
  };
  return { got, host, send, grade: (body: unknown) => send('/grade', body) };
}

type Event = Record<string, unknown>;
let second = 0;
const event = (type: string, more: Event = {}): Event => ({
  id: `sevt_${++second}`,
  type,
  processed_at: new Date(1_790_000_000_000 + second * 1000).toISOString(),
  ...more,
});
const say = (type: string, text: string) => event(type, { content: [{ type: 'text', text }] });
const call = (name: string, input: object, text: string, failed = false): Event[] => {
  const use = event(`agent.tool_use`, { name, input });
  return [use, event('agent.tool_result', { tool_use_id: use['id'], content: [{ type: 'text', text }], is_error: failed })];
};
const idle = (reason = 'end_turn') => event('session.status_idle', { stop_reason: { type: reason } });
const outcome = (max?: number) =>
  event('user.define_outcome', { description: 'A report', ...(max === undefined ? {} : { max_iterations: max }) });
const evaluated = (iteration: number, result = 'needs_revision') =>
  event('span.outcome_evaluation_end', { iteration, result, explanation: 'The table has no totals.' });

const good = () => [
  outcome(),
  say('agent.message', 'I look at the sales first.'),
  ...call('read', { path: 'sales.csv' }, 'region,amount\nnorth,5\nsouth,7'),
  say('agent.message', 'North sold 5 and south sold 7, which is 12 in all. The report is written.'),
];
/** The same call that fails, eight times. */
const bad = () => [
  outcome(),
  ...Array.from({ length: 8 }, () => [
    say('agent.message', 'I try that again.'),
    ...call('fetch', { url: 'https://example.com/sales' }, 'Error: connection refused', true),
  ]).flat(),
  say('agent.message', 'The report is done.'),
];

describe('the verdict', () => {
  it('of a session that went well', async () => {
    const { grade, got } = await rig();
    const { status, json } = await grade({ session_id: 'sesn_1', events: [...good(), idle()] });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      result: 'satisfied',
      explanation: expect.stringMatching(/^Nothing was found in \d+ steps\. What came of them is not judged\.$/),
      iteration: 0,
      max_iterations: 3,
      session_id: 'sesn_1',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      outcome: null,
      first_wrong_step: null,
      findings: [],
      hints: [],
    });
    expect(json['not_evaluable']).toContain('retrieval_quality');
    expect(String(json['not_evaluable'])).not.toMatch(/n8n_|dify_|langgraph_|openclaw_/);
    expect(got).toEqual([]);
  });

  it('of one that tried the same again and again says at which step and why, whatever came of it', async () => {
    const { grade } = await rig();
    const { json } = await grade({ session_id: 'sesn_2', events: [...bad(), evaluated(0, 'satisfied'), idle()] });
    expect(json).toMatchObject({
      result: 'needs_revision',
      explanation: expect.stringContaining('execute_tool fetch'),
      iteration: 0,
      outcome: { result: 'satisfied', iteration: 0 },
      first_wrong_step: {
        span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
        step: expect.any(String),
        reason: expect.any(String),
      },
    });
    const findings = json['findings'] as { detector: string; confidence: number; step: string }[];
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.every(({ confidence }) => confidence >= 0.6)).toBe(true);
  });

  it.each<[string, () => unknown, string, number]>([
    ['the iteration of the last evaluation', () => [...bad(), evaluated(0), evaluated(1)], 'needs_revision', 1],
    ['the last of three by default', () => [...bad(), evaluated(2)], 'max_iterations_reached', 2],
    ['the last of those defined', () => [outcome(1), ...bad().slice(1)], 'max_iterations_reached', 0],
    ['another outcome counts anew', () => [outcome(2), evaluated(1), ...bad()], 'needs_revision', 0],
    [
      'what the caller says',
      () => ({ session_id: 's', events: bad(), iteration: 4, max_iterations: 5 }),
      'max_iterations_reached',
      4,
    ],
    [
      'bounds of the API',
      () => [event('user.define_outcome', { max_iterations: 21 }), ...bad().slice(1), evaluated(2)],
      'max_iterations_reached',
      2,
    ],
    ['the end of the session', () => [...good(), idle('retries_exhausted')], 'needs_revision', 0],
    ['a user who broke in', () => [...good(), event('user.interrupt'), idle()], 'interrupted', 0],
    [
      'a user who broke in and went on',
      () => [
        ...good(),
        event('user.interrupt'),
        say('user.message', 'Add totals.'),
        say('agent.message', 'With totals: 12.'),
        idle(),
      ],
      'satisfied',
      0,
    ],
    ['nothing to look at', () => [event('session.status_running')], 'failed', 0],
  ])('%s', async (_name, body, result, iteration) => {
    const { grade } = await rig();
    expect((await grade(body())).json).toMatchObject({ result, iteration });
  });

  it('is the same by the other path, as lines, and however often', async () => {
    const { send, grade } = await rig();
    const events = bad();
    const { json } = await grade(events);
    expect((await send('/api/v1/managed-agents/grade', events)).json).toEqual(json);
    const lines = events.map((one) => JSON.stringify(one)).join('\n');
    expect((await send('/grade', lines, { 'content-type': 'application/x-ndjson' })).json).toEqual(json);
  });

  it('shows no secret of the events', async () => {
    const { grade } = await rig();
    const key = `sk-ant-api03-${'A1b2C3d4'.repeat(6)}`;
    const events = Array.from({ length: 8 }, () =>
      call('fetch', { url: 'https://x', headers: { 'x-api-key': key } }, `denied for ${key}`, true),
    ).flat();
    const { json } = await grade({ session_id: key, events: [outcome(), ...events] });
    expect(json['result']).toBe('needs_revision');
    expect(JSON.stringify(json)).not.toContain(key);
  });

  it('of a long session leaves room for others', async () => {
    const { send, grade } = await rig();
    const events = [
      outcome(),
      ...Array.from({ length: 1_000 }, (_, i) => call('read', { path: `part-${i}` }, `line ${i}`)).flat(),
    ];
    const order: string[] = [];
    const long = grade(events).then(({ json }) => order.push(String(json['session_id'])));
    const short = send('/api/v1/managed-agents/webhook', good()).then(() => order.push('other'));
    await Promise.all([long, short]);
    expect(order[0]).toBe('other');
  });
});

describe('what it refuses', () => {
  it.each<[string, unknown, number, string, string | undefined]>([
    ['no JSON', '{', 400, 'malformed-body', ''],
    ['an empty body', '', 400, 'malformed-body', undefined],
    ['null', 'null', 400, 'malformed-payload', ''],
    ['no events', { session_id: 's' }, 400, 'malformed-payload', ''],
    ['events of another type', { session_id: 's', events: 'x' }, 400, 'malformed-payload', ''],
    ['events that are none', { session_id: 's', events: [7, null, {}] }, 400, 'malformed-payload', '/events'],
    ['a webhook', { type: 'event', data: { id: 'sesn_1', type: 'session.status_idled' } }, 400, 'malformed-payload', ''],
    ['an iteration that is none', { session_id: 's', events: good(), iteration: -1 }, 400, 'malformed-payload', '/iteration'],
    ['too many iterations', { session_id: 's', events: good(), max_iterations: 21 }, 400, 'malformed-payload', '/max_iterations'],
    ['10,000 levels', `{"session_id":"s","events":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 400, 'malformed-body', ''],
  ])('%s', async (_name, body, status, code, pointer) => {
    const { grade } = await rig();
    const answer = await grade(body);
    expect([answer.status, answer.json['code'], answer.headers['content-type']]).toEqual([
      status,
      code,
      'application/problem+json',
    ]);
    if (pointer !== undefined) expect(answer.json['errors']).toMatchObject([{ pointer }]);
  });

  it('another media type', async () => {
    const { send } = await rig();
    expect((await send('/grade', good(), { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('who has no key', async () => {
    const auth: Authenticator = {
      server: {
        challenge: 'Bearer',
        header: 'authorization',
        authenticate: ({ authorization }) => (authorization === 'Bearer right' ? { tenant: 'a' } : undefined),
        ofKey: (key) => (key === 'right' ? { tenant: 'a' } : undefined),
      },
      client: undefined,
      async start() {},
      async shutdown() {},
    };
    const { send } = await rig({ auth: { authenticator: 'keys' } }, { keys: auth });
    const refused = await send('/grade', good());
    expect([refused.status, refused.json['code'], refused.headers['www-authenticate']]).toEqual([
      401,
      'unauthenticated',
      'Bearer',
    ]);
    expect((await send('/grade', good(), { 'x-api-key': 'right' })).status).toBe(200);
    expect((await send('/grade?token=right', good())).status).toBe(200);
  });

  it('more than wait for their turn', async () => {
    const { grade } = await rig();
    const events = [outcome(), ...Array.from({ length: 200 }, (_, i) => call('read', { path: `part-${i}` }, `line ${i}`)).flat()];
    const answers = await Promise.all(Array.from({ length: 24 }, () => grade(events)));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.headers['retry-after']).toBe('1');
    expect(answers.filter(({ status }) => status === 200).length).toBe(24 - refused.length);
    expect((await grade(good())).status).toBe(200);
  });
});

it('a signature is asked for on paths that frameworks sign, which a grade is none of', () => {
  const given = { signatures: { '/grade': { standard_webhooks: [`whsec_${Buffer.alloc(32).toString('base64')}`] } } };
  expect(factory.options.safeParse(given).error?.issues[0]?.message).toBe('no path of a webhook');
});
