// Incidents, the review queue and suppressions by the API and the command line's client.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { factory as settingsFactory } from '../../extensions/settings/settings.ts';
import { testHost, until } from '../../src/component/testing.ts';
import type { Overrides } from '../../src/detector/overrides.ts';
import { finding, type Platform, startPlatform } from './testing.ts';

const hex = (n: number) => n.toString(16).padStart(32, '0');
const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
let platform: Platform;
const ask: Platform['ask'] = (...args) => platform.ask(...args);
beforeAll(async () => {
  platform = await startPlatform();
  const about = (agent: string, confidence: number) => ({
    'gen_ai.agent.name': agent,
    'gen_ai.evaluation.score.value': confidence,
  });
  await platform.ingest([
    { span: 2, events: [finding(1, about('a', 0.9)), finding(2, about('a', 0.61)), finding(3, about('b', 0.8))] },
  ]);
});
afterAll(() => platform.stop());

describe('incidents', () => {
  const of = async (agent: string) =>
    (await ask('GET', '/incidents')).body.items.find(({ agent_id }: { agent_id: string }) => agent_id === agent);

  test('one for each message and agent, with its detections', async () => {
    const incident = await of('a');
    expect(incident).toMatchObject({
      detection_type: 'loop',
      message: 'repeated',
      state: 'open',
      count: 2,
      traces: 1,
      confidence: 90,
    });
    const { body } = await ask('GET', `/incidents/${incident.fingerprint}`);
    expect(body.detections.map(({ id }: { id: string }) => id).sort()).toEqual([hex(1), hex(2)]);
    expect((await ask('GET', '/incidents/0000000000000000')).status).toBe(404);
    expect((await ask('GET', '/incidents/xyz')).status).toBe(422);
  });

  test('a state stays until something comes after it was resolved', async () => {
    const { fingerprint } = await of('b');
    expect((await ask('PATCH', `/incidents/${fingerprint}`, { state: 'resolved', note: 'limit raised' })).body.state).toBe(
      'resolved',
    );
    expect((await ask('GET', '/incidents?state=resolved')).body.items).toMatchObject([{ fingerprint, note: 'limit raised' }]);
    const resolvedMs = Date.now();
    await until(() => Date.now() > resolvedMs);
    await platform.ingest([{ span: 3, events: [finding(4, { 'gen_ai.agent.name': 'b' })] }]);
    expect(await of('b')).toMatchObject({ state: 'open', reopened: true, count: 2 });
    expect((await ask('PATCH', `/incidents/${fingerprint}`, { state: 'gone' })).status).toBe(422);
  });
});

test('the queue begins where a verdict tells most, and ends with it', async () => {
  const { body } = await ask('GET', '/review/queue?limit=1');
  expect(body).toMatchObject({ waiting: 4, items: [{ detection: { id: hex(2) }, threshold: 60, margin: 1 }] });
  expect((await ask('POST', `/review/${hex(2)}`, { is_correct: false, notes: 'paging' })).body).toMatchObject({
    false_positive: true,
  });
  const batch = {
    verdicts: [
      { detection_id: hex(3), is_correct: true },
      { detection_id: hex(99), is_correct: true },
    ],
  };
  expect((await ask('POST', '/review/batch', batch)).body).toEqual({ accepted: 1, unknown: [hex(99)] });
  expect((await ask('GET', '/review/stats')).body).toEqual({ waiting: 2, judged: 2, confirmed: 1, false_positives: 1 });
  expect((await ask('POST', `/review/${hex(99)}`, { is_correct: true })).status).toBe(404);
});

describe('suppressions', () => {
  const good = { detection_type: 'loop', agent_id: 'a', owner: 'ops', reason: 'polls by design', until: tomorrow };

  test('made, listed, taken away; they reach the extension that detect reads', async () => {
    const { status, body } = await ask('POST', '/suppressions', good);
    expect([status, body.active, body.message]).toEqual([201, true, null]);
    const settings = settingsFactory.create('settings', settingsFactory.options.parse({}));
    await settings.start(testHost(undefined, { database: platform.database }));
    const { overrides } = settings as unknown as { overrides: Overrides };
    expect(overrides.get('default')?.suppress).toMatchObject([{ detector: 'loop', agent: 'a', until: Date.parse(tomorrow) }]);
    await settings.shutdown(new AbortController().signal);
    // Thresholds that are taken back leave them.
    await ask('DELETE', '/settings/thresholds');
    expect((await ask('GET', '/suppressions?active=true')).body.items).toMatchObject([{ id: body.id, owner: 'ops' }]);
    expect((await ask('DELETE', `/suppressions/${body.id}`)).status).toBe(204);
    expect((await ask('DELETE', `/suppressions/${body.id}`)).status).toBe(404);
  });

  test('of an incident', async () => {
    const { fingerprint } = (await ask('GET', '/incidents')).body.items.find(
      ({ agent_id }: { agent_id: string }) => agent_id === 'b',
    );
    const { detection_type: _, agent_id: __, ...rest } = good;
    const { body } = await ask('POST', '/suppressions', { ...rest, fingerprint });
    expect(body).toMatchObject({ detection_type: 'loop', message: 'repeated', agent_id: 'b' });
    expect((await ask('POST', '/suppressions', { ...rest, fingerprint: '0000000000000000' })).status).toBe(404);
    await ask('DELETE', `/suppressions/${body.id}`);
  });

  const without = (key: keyof typeof good) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
  test.each<[string, unknown]>([
    ['no owner', without('owner')],
    ['no reason', without('reason')],
    ['a reason of spaces', { ...good, reason: '  ' }],
    ['no end', without('until')],
    ['an end that is past', { ...good, until: '2020-01-31' }],
    ['an end beyond a year', { ...good, until: '2090-01-31' }],
    ['an end that is no date', { ...good, until: 'soon' }],
    ['nothing that it silences', without('detection_type')],
    ['an unknown detector', { ...good, detection_type: 'lop' }],
    ['an unknown message', { ...good, message: 'nope' }],
    ['both ways', { ...good, fingerprint: '0000000000000000' }],
    ['a field that nobody has', { ...good, agent: 'a' }],
  ])('refused: %s', async (_, body) => {
    expect(await ask('POST', '/suppressions', body)).toMatchObject({ status: 422, body: { code: 'not-valid' } });
    expect((await ask('GET', '/suppressions')).body.total).toBe(0);
  });
});
