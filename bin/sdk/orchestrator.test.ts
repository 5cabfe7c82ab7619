// Traces in every form, a stream, one more call, a detector of one's own, and what is said of detectors that throw or cannot look.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  DetectionOrchestrator,
  type DetectionResult,
  DetectorRegistry,
  defineDetector,
  Span,
  Trace,
  type TraceInput,
} from './index.ts';

const demo = JSON.parse(readFileSync(join(import.meta.dirname, '../../examples/demo/recording.json'), 'utf8')) as object;

function looping(times: number, sessionId = 's'): Trace {
  const trace = new Trace({ metadata: { sessionId, agent: 'searcher' } });
  for (let i = 0; i < times; i++)
    trace.addSpan({ kind: 'tool', tool: 'search', arguments: { q: 'x' }, result: 'nothing found', startMs: 1_000 * (i + 1) });
  return trace;
}

/** Says every model call. */
const shout = defineDetector({
  meta: {
    id: 'shout',
    family: 'behavior',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['model'],
    summary: 'Finds model calls.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: { quiet: { type: 'boolean', text: 'Says nothing.', default: false, source: 'A test.' } },
    messages: {
      called: { text: 'Called {{model}}.', tier: 1, severity: 'low', impact: 'None.', action: 'Nothing.', taxonomy: {} },
    },
  },
  init: () => undefined,
  onStep(state: undefined, step, ctx) {
    if (step.requestModel === 'broken') throw new Error('bug');
    const { requestModel: model } = step;
    if (model !== undefined && !ctx.options.quiet)
      ctx.report('called', { at: step, key: step.spanId, score: 1, data: { model } });
    return state;
  },
});
const model = (name: string) => {
  const trace = new Trace();
  trace.addSpan({ kind: 'llm', model: name, input: 'a', output: 'b', agent: 'a' });
  return trace;
};

describe('analyze', () => {
  it('finds the same in a document, in protobuf and in what was built by hand', async () => {
    const orchestrator = new DetectionOrchestrator();
    const found = async (...traces: readonly TraceInput[]) =>
      (await orchestrator.analyze(...traces)).detections.map(({ detector }) => detector);
    expect(await found(demo)).toContain('loop');
    expect(await found(looping(4).toOtlp())).toEqual(await found(looping(4)));
    expect(await found(looping(4))).toContain('loop');
  });

  it('takes traces of one session together, and those of two apart', async () => {
    const orchestrator = new DetectionOrchestrator({ only: ['loop'] });
    expect((await orchestrator.analyze(looping(2), looping(2))).detections).toHaveLength(1);
    expect((await orchestrator.analyze(looping(2, 'a'), looping(2, 'b'))).detections).toHaveLength(0);
  });

  it('says who could not look', async () => {
    const { blind } = await new DetectionOrchestrator().analyze(looping(1));
    expect(blind.get('corruption')).toBe('no state');
    expect(blind.has('loop')).toBe(false);
  });

  it.each([[{}], [[]], [null], ['x'], [{ resourceSpans: 7 }], [new Uint8Array([1, 2, 3])]])('rejects %j', async (wrong) => {
    await expect(new DetectionOrchestrator().analyze(wrong as TraceInput)).rejects.toThrow();
  });

  it('is empty for nothing', async () => {
    expect(await new DetectionOrchestrator().analyze()).toMatchObject({ detections: [], severity: 0, shouldBlock: false });
  });
});

describe('a detector of one’s own', () => {
  it('runs beside the shipped ones, with its options', async () => {
    const registry = new DetectorRegistry().register(shout);
    const orchestrator = new DetectionOrchestrator({ registry });
    expect((await orchestrator.analyze(model('m'))).detections[0]?.explanation).toBe('Called m.');
    const quiet = new DetectionOrchestrator({ registry, detectors: { shout: { quiet: true } } });
    expect((await quiet.analyze(model('m'))).detections).toEqual([]);
    expect(() => registry.register(shout)).toThrow('registered already');
    expect([registry.get('shout'), registry.unregister('shout'), registry.unregister('shout')]).toEqual([shout, true, false]);
  });

  it('that throws is an error, never silence', async () => {
    const registry = new DetectorRegistry([]).register(shout);
    const { detections, errors } = await new DetectionOrchestrator({ registry }).analyze(model('broken'));
    expect([detections, errors]).toEqual([[], [{ detector: 'shout', message: 'Error: bug' }]]);
  });
});

describe('analyzeStream', () => {
  it('yields what is found while the stream goes on, growing under one id', async () => {
    const seen: DetectionResult[] = [];
    let given = 0;
    async function* source(): AsyncGenerator<TraceInput> {
      const whole = looping(5);
      for (const span of whole.spans) {
        given++;
        yield whole.toOtlp([span]);
      }
    }
    const at: number[] = [];
    for await (const result of new DetectionOrchestrator({ only: ['loop'] }).analyzeStream(source())) {
      seen.push(result);
      at.push(given);
    }
    expect(at[0]).toBeLessThan(5);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
    expect(seen.at(-1)?.explanation).toContain('ran 5 times');
  });

  it('ends with an error of its source or of an input', async () => {
    const all = async (source: Iterable<TraceInput>) => {
      const results: DetectionResult[] = [];
      for await (const one of new DetectionOrchestrator().analyzeStream(source)) results.push(one);
    };
    await expect(all(['x' as never])).rejects.toThrow('must be a Trace');
  });
});

describe('analyzeRealtime', () => {
  const call = {
    kind: 'tool',
    tool: 'search',
    arguments: { q: 'x' },
    result: 'nothing found',
    agent: 'searcher',
    startMs: 60_000,
  } as const;
  it('says what one more call would be, and does not keep it', () => {
    const context = looping(3);
    const orchestrator = new DetectionOrchestrator();
    for (let i = 0; i < 2; i++) {
      expect(orchestrator.analyzeRealtime(new Span(call), context)).toMatchObject({ shouldBlock: true });
      expect(context.spans).toHaveLength(3);
    }
    expect(orchestrator.analyzeRealtime({ ...call, tool: 'read' }, context).detections).toEqual([]);
    expect(orchestrator.analyzeRealtime(call).detections).toEqual([]);
  });
});

it.each([
  [() => new Trace({ traceId: 'x' }), 'traceId: must be 32 hex digits'],
  [() => new Trace({ traceId: '0'.repeat(32) }), 'not all 0'],
  [() => new Span({ kind: 'llm', spanId: 'ABCDEF0123456789' }), 'spanId: must be 16 hex digits'],
])('ids that are none are refused: %s', (make, said) => {
  expect(make).toThrow(said);
});
