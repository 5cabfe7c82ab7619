import { afterEach, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { batchOf } from '../../src/batch/batch.ts';
import type { Consumer, Pressure } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';
import { defineDetector } from '../../src/detector/detector.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { embeddingAvailable, provideEmbedding } from '../../src/text/embedding.ts';
import { detectFactory } from './detect.ts';

afterEach(() => provideEmbedding(undefined));

const message = (tier: 1 | 3) => ({
  text: 'seen',
  tier,
  severity: 'low' as const,
  impact: 'none',
  action: 'none',
  taxonomy: { mast: [], trail: [], owasp: [], modes: [] },
});

/** Says each step of a tool; by its structure or by its text. */
function sayer(id: string, tier: 1 | 3) {
  const detector = defineDetector({
    meta: {
      id,
      family: 'execution',
      scope: 'trace',
      version: 1,
      stateVersion: 1,
      needs: ['tool.name'],
      summary: 'Says each tool.',
      docs: { what: '', why: '', fix: '', limits: '', sources: [] },
      options: {},
      messages: { seen: message(tier) },
    },
    init: () => undefined,
    onStep(state, step, ctx) {
      if (step.kind === 'tool') ctx.report('seen', { at: step, key: step.spanId, score: 0.9, data: {} });
      return state;
    },
  });
  return { detector };
}

let spans = 0;
function tool(traceId = 'a'.repeat(32)): Batch {
  const body = writeTraces([
    {
      resource: { 'service.name': 'test' },
      scope: { name: 'test', version: '1' },
      spans: [
        {
          traceId,
          spanId: (++spans).toString(16).padStart(16, '0'),
          parentId: 'f'.repeat(16),
          traceState: '',
          flags: 0,
          name: 'execute_tool x',
          kind: 1,
          startNs: 1_700_000_000_000_000_000n,
          endNs: 1_700_000_000_001_000_000n,
          attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'x' },
          events: [],
          links: [],
        },
      ],
    },
  ]);
  return batchOf('traces', body);
}

test('claim 7: embeddings stop first, then text, then detection; forwarding goes on, and all of it is counted', async () => {
  let pressure: Pressure = 0;
  const host = { ...testHost(), pressure: () => pressure };
  const passed: Batch[] = [];
  const next: Consumer = {
    consume(batch) {
      passed.push(batch);
      return undefined;
    },
  };
  const factory = detectFactory([sayer('structure', 1), sayer('text', 3)] as never, () => new Uint8Array(0));
  const detect = factory.create({ id: 'detect', signal: 'traces' }, factory.options.parse({}), next);
  await detect.start(host);
  const said = (at: Pressure): string[] => {
    pressure = at;
    detect.consume(tool());
    const text = Buffer.concat(passed.at(-1)?.chunks as Uint8Array[]).toString('latin1');
    return ['structure', 'text'].filter((id) => new RegExp(`gen_ai\\.evaluation\\.name[^a-z]*${id}`).test(text));
  };
  expect([said(0), embeddingAvailable()]).toEqual([['structure', 'text'], true]);
  expect([said(1), embeddingAvailable()]).toEqual([['structure', 'text'], false]);
  expect(said(2)).toEqual(['structure']);
  expect(said(3)).toEqual([]);
  expect(passed).toHaveLength(4);
  expect(host.statuses_.at(-1)).toMatchObject({ state: 'degraded' });
  expect([said(0), embeddingAvailable()]).toEqual([['structure', 'text'], true]);
  expect(host.logs.map(({ level, message: line }) => `${level} ${line}`)).toEqual([
    'warn Under pressure 1 of 3: detection leaves out embeddings.',
    'warn Under pressure 2 of 3: detection leaves out text.',
    'warn Under pressure 3 of 3: detection passes spans on unread.',
    'info Under pressure 0 of 3: detection looks at everything again.',
  ]);
  await detect.shutdown(AbortSignal.timeout(1_000));
});
