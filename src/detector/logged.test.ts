// Findings out of log records: what is said last stands, what is no finding is counted, hostile records do no harm.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Double, writeLogs } from '../otlp/write.ts';
import { loggedFindings, metadataOf } from './logged.ts';
import { detectionId, loggedBatch, spanId, timeMs, traceId } from './testing/logged.ts';

const read = (...args: Parameters<typeof loggedBatch>) => loggedFindings(loggedBatch(...args).chunks[0] as Uint8Array);

test('a record is a finding with its target, time and resource', () => {
  const { findings, others } = read([{}]);
  expect(others).toBe(0);
  expect(findings).toMatchObject([
    { id: detectionId(1), revision: 0, detector: 'loop', withdrawn: false, confidence: 0.9, traceId, spanId, timeMs },
  ]);
  expect(findings[0]?.resource.get('service.name')).toBe('demo');
  expect(metadataOf(findings[0] as never)).toMatchObject({
    'misstep.detection.severity': 'high',
    'gen_ai.agent.name': 'researcher',
  });
});

test('of several records of one finding the last stands, where it stands', () => {
  const same = { 'misstep.detection.id': detectionId(7) };
  const { findings, others } = read([
    same,
    {},
    { ...same, 'misstep.detection.revision': 1 },
    { ...same, 'misstep.detection.revision': 1, 'gen_ai.evaluation.score.label': 'withdrawn' },
  ]);
  expect(findings.map(({ id, revision, withdrawn }) => [id, revision, withdrawn])).toEqual([
    [detectionId(2), 0, false],
    [detectionId(7), 1, true],
  ]);
  expect(others).toBe(0);
});

test.each([
  ['an id that is none of ours', { 'misstep.detection.id': 'd1' }],
  ['an id with a path in it', { 'misstep.detection.id': '../../projects' }],
  ['no detector', { 'gen_ai.evaluation.name': '' }],
  ['a detector with a dot', { 'gen_ai.evaluation.name': 'my.loop' }],
  ['a score above 1', { 'gen_ai.evaluation.score.value': new Double(1.1) }],
  ['a score that is no number', { 'gen_ai.evaluation.score.value': new Double(Number.NaN) }],
  ['a score in words', { 'gen_ai.evaluation.score.value': '0.9' }],
  ['another label', { 'gen_ai.evaluation.score.label': 'pass' }],
  ['a broken revision', { 'misstep.detection.revision': 'x' }],
  ['no target', { 'misstep.detection.target.span_id': '' }],
])('%s: counted, not taken', (_what, changed) => {
  expect(read([changed, {}])).toMatchObject({ findings: [{ id: detectionId(2) }], others: 1 });
});

test('other log records are counted', () => {
  const record = {
    timeNs: 1n,
    observedNs: 1n,
    severityNumber: 9,
    severityText: 'INFO',
    eventName: '',
    body: 'hello',
    attributes: {},
  };
  const records = [{ ...record, traceId: '', spanId: '' }];
  const body = writeLogs([{ resource: {}, scope: { name: 'app', version: '' }, records }]);
  expect(loggedFindings(body)).toEqual({ findings: [], others: 1 });
});

test('whatever its attributes hold, a record is a finding or counted', () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.double().map((one) => new Double(one)),
  );
  const keys = ['misstep.detection.id', 'gen_ai.evaluation.name', 'gen_ai.evaluation.score.value', 'misstep.detection.revision'];
  const changes = fc.array(fc.dictionary(fc.constantFrom(...keys), value), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(changes, (list) => {
      const { findings, others } = read(list);
      expect(findings.length + others).toBeLessThanOrEqual(list.length);
      for (const { confidence, id } of findings) expect([confidence >= 0 && confidence <= 1, id.length]).toEqual([true, 32]);
    }),
  );
});
