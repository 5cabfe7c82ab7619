// The processor in a real SDK: what it finds, and that nothing of it reaches the program.
import { SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { type DetectionResult, MisstepSpanProcessor, type ProcessorOptions } from './index.ts';

function rig(options: Partial<ProcessorOptions> = {}) {
  const found: DetectionResult[] = [];
  const processor = new MisstepSpanProcessor({ onFinding: (result) => found.push(result), ...options });
  const provider = new BasicTracerProvider({ spanProcessors: [processor] });
  const call = (more: object = {}) =>
    provider
      .getTracer('app')
      .startSpan('execute_tool search', {
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'search',
          'gen_ai.conversation.id': 'c',
          'gen_ai.agent.name': 'a',
          'gen_ai.tool.call.arguments': '{"q":"x"}',
          'gen_ai.tool.call.result': 'nothing found',
          ...more,
        },
      })
      .end();
  return { found, processor, provider, call };
}

describe('MisstepSpanProcessor', () => {
  it('finds a loop while the run goes on, and what is said at its end', async () => {
    const { found, processor, provider, call } = rig();
    for (let i = 0; i < 4; i++) call();
    await processor.forceFlush();
    expect(found.at(-1)?.explanation).toContain("Tool 'search' ran 4 times");
    await provider.shutdown();
    call();
    expect(processor.counts).toMatchObject({ ended: 4, dropped: 0, errors: 0 });
  });

  it('looks at spans by itself, in turns', async () => {
    const { found, call } = rig();
    for (let i = 0; i < 200; i++) call();
    expect(found).toEqual([]);
    while (found.length === 0) await new Promise(setImmediate);
    expect(found[0]?.detector).toBe('loop');
  });

  it('drops what its queue has no place for, and counts it', async () => {
    const { processor, call } = rig({ maxQueueSize: 3 });
    for (let i = 0; i < 5; i++) call();
    expect(processor.counts).toMatchObject({ ended: 5, dropped: 2 });
    await processor.forceFlush();
    call();
    expect(processor.counts.dropped).toBe(2);
  });

  it('keeps to itself what callbacks throw, at once or later', async () => {
    const { processor, provider, call } = rig({
      onFinding: () => {
        throw new Error('bug');
      },
    });
    for (let i = 0; i < 4; i++) call();
    await provider.shutdown();
    expect(processor.counts.errors).toBeGreaterThan(0);
    const later = rig({ onFinding: () => Promise.reject(new Error('bug')) as never });
    for (let i = 0; i < 4; i++) later.call();
    await later.provider.shutdown();
    await new Promise(setImmediate);
    expect(later.processor.counts.errors).toBeGreaterThan(0);
  });

  it('keeps to itself spans that are none', async () => {
    const { processor, found, call } = rig();
    for (const wrong of [undefined, {}, { spanContext: () => ({ traceId: 'x', spanId: 'y' }) }, { spanContext: null }]) {
      processor.onEnd(wrong as unknown as ReadableSpan);
    }
    for (let i = 0; i < 4; i++) call({ odd: [1, null, 'x'], infinite: Number.POSITIVE_INFINITY });
    await processor.shutdown();
    expect(processor.counts.errors).toBe(4);
    expect(found.length).toBeGreaterThan(0);
  });

  it('reads errors and events of spans', async () => {
    const { found, processor, provider } = rig({ only: ['tool_failure', 'loop', 'langgraph_tool_failure'] });
    for (let i = 0; i < 5; i++) {
      const span = provider.getTracer('app').startSpan('execute_tool search', {
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'search',
          'gen_ai.conversation.id': 'c',
          'gen_ai.tool.call.arguments': '{}',
        },
      });
      span.recordException(new Error('connection refused'));
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'connection refused' });
      span.end();
    }
    await processor.shutdown();
    expect(found.length).toBeGreaterThan(0);
  });

  it('refuses a selection of what is not there', () => {
    expect(() => rig({ only: ['lop'] })).toThrow('lop');
  });
});
