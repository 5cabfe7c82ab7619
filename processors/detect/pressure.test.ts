import { afterEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { batchOf } from '../../src/batch/batch.ts';
import type { Component, Consumer, Meter, Pressure } from '../../src/component/component.ts';
import { type TestHost, testHost, until } from '../../src/component/testing.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { detectFactory } from './detect.ts';
import { noTable, sayers } from './testing/sayers.ts';

let spans = 0;
function tool(name = 'x'): Batch {
  const body = writeTraces([
    {
      resource: { 'service.name': 'test' },
      scope: { name: 'test', version: '1' },
      spans: [
        {
          traceId: 'a'.repeat(32),
          spanId: (++spans).toString(16).padStart(16, '0'),
          parentId: 'f'.repeat(16),
          traceState: '',
          flags: 0,
          name: `execute_tool ${name}`,
          kind: 1,
          startNs: 1_700_000_000_000_000_000n,
          endNs: 1_700_000_000_001_000_000n,
          attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name },
          events: [],
          links: [],
        },
      ],
    },
  ]);
  return batchOf('traces', body);
}

class Rig {
  pressure: Pressure = 0;
  readonly passed: Batch[] = [];
  /** `<detector> <outcome>` of windows that ended. */
  readonly outcomes: string[] = [];
  private readonly factory = detectFactory(sayers, noTable, new URL('./testing/sayers-worker.mjs', import.meta.url));
  private readonly open = new Set<Component>();

  async start(options: object): Promise<{ readonly detect: Component & Consumer; readonly host: TestHost }> {
    const plain = testHost();
    const meter: Meter = {
      ...plain.meter,
      counter: (name, labels, help) => {
        if (name === 'misstep_detector_windows') this.outcomes.push(`${labels['detector']} ${labels['outcome']}`);
        return plain.meter.counter(name, labels, help);
      },
    };
    const host = { ...plain, meter, pressure: () => this.pressure };
    const next: Consumer = {
      consume: (batch) => {
        this.passed.push(batch);
        return undefined;
      },
    };
    const parsed = this.factory.options.parse({ wait: '10s', ...options });
    const detect = this.factory.create({ id: 'detect', signal: 'traces' }, parsed, next);
    await detect.start(host);
    this.open.add(detect);
    return { detect, host };
  }

  /** Which detectors find something in a call that comes at this pressure. */
  async said(detect: Consumer, at: Pressure, name?: string): Promise<string[]> {
    this.pressure = at;
    await detect.consume(tool(name));
    const text = Buffer.concat(this.passed.at(-1)?.chunks as Uint8Array[]).toString('latin1');
    return sayers
      .map(({ detector }) => detector.meta.id)
      .filter((id) => new RegExp(`gen_ai\\.evaluation\\.name[^a-z]*${id}`).test(text));
  }

  async stop(detect: Component): Promise<void> {
    this.open.delete(detect);
    await detect.shutdown(AbortSignal.timeout(5_000));
  }

  async stopAll(): Promise<void> {
    for (const detect of this.open) await this.stop(detect);
  }
}

let rig = new Rig();
afterEach(async () => {
  await rig.stopAll();
  rig = new Rig();
  provideEmbedding(undefined);
});

const all = ['structure', 'text', 'embeddings'];

describe.each([0, 1])('workers: %i', (workers) => {
  test('claim 7: embeddings stop first, then text, then detection; forwarding goes on, and all of it is counted', async () => {
    const { detect, host } = await rig.start({ workers });
    expect(await rig.said(detect, 0)).toEqual(all);
    expect(await rig.said(detect, 1)).toEqual(['structure', 'text']);
    expect(await rig.said(detect, 2)).toEqual(['structure']);
    expect(await rig.said(detect, 3)).toEqual([]);
    expect(rig.passed).toHaveLength(4);
    expect(host.statuses_.at(-1)).toMatchObject({ state: 'degraded' });
    expect(await rig.said(detect, 0)).toEqual(all);
    expect(host.logs.map(({ level, message: line }) => `${level} ${line}`)).toEqual([
      'warn Under pressure 1 of 3: detection leaves out embeddings.',
      'warn Under pressure 2 of 3: detection leaves out text.',
      'warn Under pressure 3 of 3: detection passes spans on unread.',
      'info Under pressure 0 of 3: detection looks at everything again.',
    ]);
  });

  test('a window of which spans were passed on unread says so, though it ends at once', async () => {
    const { detect } = await rig.start({ workers });
    await rig.said(detect, 0);
    await rig.said(detect, 3);
    await rig.stop(detect);
    expect(rig.outcomes.filter((one) => one.startsWith('silent'))).toEqual(['silent insufficient_data']);
  });

  test.each([
    [2, ['structure'], 'degraded'],
    [0, all, 'ok'],
  ] as const)('a reload under pressure, and it is %i after it: %j', async (pressure, found, state) => {
    const before = await rig.start({ workers });
    expect(await rig.said(before.detect, 2)).toEqual(['structure']);
    const after = await rig.start({ workers, emit_above: 0.7 });
    after.detect.adopt?.(before.detect);
    await rig.stop(before.detect);
    expect(await rig.said(after.detect, pressure)).toEqual(found);
    expect(after.host.statuses_.at(-1)).toMatchObject({ state });
  });
});

test('a worker that is replaced under pressure leaves out what the one before did', async () => {
  const { detect, host } = await rig.start({ workers: 1 });
  await rig.said(detect, 2, 'exit');
  await until(() => host.logs.some(({ level }) => level === 'error'));
  expect(await rig.said(detect, 2)).toEqual(['structure']);
  expect(await rig.said(detect, 0)).toEqual(all);
});
