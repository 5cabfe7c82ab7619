// Bodies meant to harm, and adapters that fail: a clear answer, nothing quoted, nothing left behind.
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Refused } from '../../src/component/component.ts';
import { empty, states } from './replies.ts';
import { otlp, payloads, type Rig, rig } from './rig.ts';
import { type AdapterRoute, type Route, routes } from './routes.ts';

const open: Rig[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(...args: Parameters<typeof rig>): Promise<Rig> {
  const made = await rig(...args);
  open.push(made);
  return made;
}

const webhooks = [...routes].flatMap(([path, route]) => (route.kind === 'adapter' ? [[path, route.format] as const] : []));
const SECRET = 'sk-canary-Hx7Qz';

/** The payload with `change` made of each member in turn, `at` included. */
function* variants(value: unknown, change: (at: unknown) => unknown): Generator<unknown> {
  yield change(value);
  if (Array.isArray(value))
    for (const [i, one] of value.entries()) for (const made of variants(one, change)) yield value.with(i, made);
  else if (typeof value === 'object' && value !== null)
    for (const [key, one] of Object.entries(value)) for (const made of variants(one, change)) yield { ...value, [key]: made };
}

describe.each(webhooks)('%s', (path, format) => {
  const payload: object = payloads[format as keyof typeof payloads];

  test('a secret in the place of each member is in no answer and no log', async () => {
    const on = await start();
    let refused = 0;
    for (const make of [SECRET, { [SECRET]: SECRET }, [SECRET], Number.MAX_VALUE, null]) {
      for (const body of variants(payload, () => make)) {
        const answer = await on.send(path, body);
        expect([200, 201, 400]).toContain(answer.status);
        if (answer.status === 400) refused++;
        // The reference's answer names the sessions that it was sent.
        expect(JSON.stringify({ ...answer.json, session_ids: [] })).not.toContain('canary');
      }
    }
    expect(refused).toBeGreaterThan(5);
    expect(JSON.stringify(on.logs)).not.toContain('canary');
    expect(on.admission.held).toBe(0);
  });

  test('prototype keys, depth, broken text and any JSON', async () => {
    const on = await start();
    const deep = (levels: number) => `{"a":${'['.repeat(levels)}"${SECRET}"${']'.repeat(levels)}}`;
    const text = JSON.stringify(payload);
    const bodies = [
      deep(10_000),
      deep(200),
      `${text.slice(0, -1)},"__proto__":{"polluted":"${SECRET}"},"constructor":{"prototype":{"polluted":1}}}`,
      `${text.slice(0, -1)},"x":${SECRET}}`,
      text.slice(0, -3),
      `[${text}`,
      `"${SECRET}`,
      `{"a":"\u0000${SECRET}\ud800"}`,
      '\u0000',
      '1e400',
      `[${'{},'.repeat(50_000)}{}]`,
    ];
    const any = fc.sample(fc.json({ maxDepth: 5 }), { seed: 7, numRuns: 200 });
    for (const body of [...bodies, ...any]) {
      const answer = await on.send(path, body);
      expect([200, 201, 400]).toContain(answer.status);
      expect(answer.body.toString()).not.toContain('canary');
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(JSON.stringify(on.logs)).not.toContain('canary');
    expect(on.admission.held).toBe(0);
  });
});

test('OTLP that is broken is not quoted', async () => {
  const on = await start();
  const text = JSON.stringify(otlp);
  for (const body of [
    `${text.slice(0, -1)},${SECRET}}`,
    `{"resourceSpans":"${SECRET}"}`,
    text.replace('"b7ad6b7169203331"', `"${SECRET}"`),
  ]) {
    const answer = await on.send('/v1/traces', body);
    expect([answer.status, answer.json['code']]).toEqual([400, 3]);
    expect(answer.body.toString()).not.toContain('canary');
  }
  expect(JSON.stringify(on.logs)).not.toContain('canary');
});

const adapter = (made: Partial<AdapterRoute>, convert: AdapterRoute['adapter']['convert'], hints?: () => string[]) =>
  ({
    kind: 'adapter',
    format: 'test',
    answer: states(),
    adapter: { convert, ...(hints === undefined ? {} : { hints }) },
    ...made,
  }) as const;
const table = (route: Route) => new Map([['/test', route]]);
const fail = (): never => {
  throw new Error(`cannot read ${SECRET}\n    at ${SECRET} (/x.ts:1:1)`);
};

describe('an adapter', () => {
  test('that fails is a fault of ours: 500, logged by its place, without what it read', async () => {
    const on = await start({}, { table: table(adapter({}, fail)) });
    const { status, json } = await on.send('/test', {});
    expect([status, json['code'], json['detail']]).toEqual([
      500,
      'internal',
      'The payload could not be read, for a fault of misstep. It was not taken.',
    ]);
    expect(on.logs.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'An adapter failed on a payload.', fields: { format: 'test', error: 'Error' } },
    ]);
    expect(JSON.stringify(on.logs)).toContain('hostile-requests.test.ts');
    expect(JSON.stringify(on.logs)).not.toContain('canary');
    expect(on.admission.held).toBe(0);
  });

  test('that has no stack left likewise', async () => {
    const recurse = (n: number): never => (recurse(n + 1) + 1) as never;
    const on = await start({}, { table: table(adapter({}, () => recurse(0))) });
    expect((await on.send('/test', {})).json['code']).toBe('internal');
  });

  test('gives hints, bounded; one that cannot gives none', async () => {
    const many = () => Array.from({ length: 50 }, () => 'x'.repeat(5_000));
    const on = await start(
      {},
      {
        table: new Map([
          ['/some', adapter({}, () => [], many)],
          ['/none', adapter({ format: 'b' }, () => [], fail)],
        ]),
      },
    );
    const some = (await on.send('/some', {})).json['hints'] as string[];
    expect([some.length, some[0]?.length]).toEqual([20, 1_000]);
    expect((await on.send('/none', {})).json).toMatchObject({ success: true, trace_id: null, states_created: 0, hints: [] });
    expect(JSON.stringify(on.logs)).not.toContain('canary');
  });
});

describe('a hook, whose sender stands still', () => {
  const convert = () => [{ resourceSpans: otlp.resourceSpans }];
  const hook = table(adapter({ answer: empty, answerWithinMs: 30 }, convert));

  test('is answered in time, whatever the pipeline does, and again when it comes again', async () => {
    const on = await start({}, { table: hook });
    let taken = () => {};
    on.reply = () => new Promise((resolve) => (taken = resolve));
    expect(await on.send('/test', {})).toMatchObject({ status: 200, json: {} });
    // The first is under way still; this one waits with it, as long as it may.
    expect(await on.send('/test', {})).toMatchObject({ status: 200, json: {} });
    taken();
    while (on.admission.held > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(on.book.receivers()).toMatchObject([{ accepted: 1, refused: 0 }]);
    expect((await on.send('/test', {})).headers['idempotency-replayed']).toBe('true');
    expect(on.got).toHaveLength(1);
  });

  test('goes on when the data was refused, which is counted', async () => {
    const on = await start({}, { table: hook });
    on.reply = () => Promise.reject(new Refused('full', 'full', 1_000));
    expect(await on.send('/test', {})).toMatchObject({ status: 200, json: {} });
    expect(on.book.receivers()).toMatchObject([{ accepted: 0, refused: 1 }]);
  });

  test('hears of a body that is none', async () => {
    const on = await start({}, { table: hook });
    expect((await on.send('/test', '{')).json['code']).toBe('malformed-body');
  });
});
