import { describe, expect, it } from 'vitest';
import { mustStep } from './testing/spans.ts';

describe("misstep's own attributes as step.extra", () => {
  it.each<[string, unknown, unknown]>([
    ['node.id', '{"not":"parsed"}', '{"not":"parsed"}'],
    ['node.id', '7', '7'],
    ['node.order', 3, 3],
    ['node.order', '3', 3],
    ['node.order', -1, -1],
    ['classifier.confidence', '0.5', 0.5],
    ['elevated', true, true],
    ['elevated', 'true', true],
    ['elevated', 'false', false],
    ['spawn.children', ['a', 'b'], ['a', 'b']],
    ['spawn.children', '["a","b"]', ['a', 'b']],
    ['node.outputs', '{"a":[1,null]}', { a: [1, null] }],
    ['node.outputs', '{"a":', '{"a":'],
    ['sandbox.workspaceAccess', '"rw"', 'rw'],
    ['graph.nodes', '[]', []],
    ['not.registered', '{"a":1}', { a: 1 }],
  ])('%s: %j is %j', (name, given, want) => {
    const { extra } = mustStep({ attributes: { [`misstep.${name}`]: given } });
    expect(extra[name]).toEqual(want);
    expect(Object.keys(extra)).toEqual([name]);
    expect({ ...extra }).toEqual({ [name]: want });
  });

  it('JSON is parsed when it is asked for, once', () => {
    const step = mustStep({ attributes: { 'misstep.graph.nodes': '["a"]', 'misstep.node.outputs': '{"a":1}' } });
    const { extra } = step;
    expect(Object.getOwnPropertyDescriptor(extra, 'node.outputs')?.get).toBeDefined();
    const outputs = extra['node.outputs'];
    expect(Object.getOwnPropertyDescriptor(extra, 'node.outputs')?.get).toBeUndefined();
    expect(extra['node.outputs']).toBe(outputs);
    expect(Object.getOwnPropertyDescriptor(extra, 'graph.nodes')?.get).toBeDefined();
  });

  it('is the same after detach', () => {
    const step = mustStep({ attributes: { 'misstep.node.inputs': '{"a":1}', 'misstep.limit.timeout_ms': 5 } });
    step.detach();
    expect([step.extra['node.inputs'], step.limits, step.has('limits')]).toEqual([{ a: 1 }, { timeout_ms: 5 }, true]);
  });

  it('state and definitions have fields of their own', () => {
    const step = mustStep({
      attributes: {
        'misstep.state.before': '{"n":1}',
        'misstep.state.after': '{"n":null}',
        'misstep.state.delta': '{"n":null}',
        'misstep.graph.edges': '[{"source":"a","target":"b"}]',
      },
    });
    expect(step).toMatchObject({ stateBefore: { n: 1 }, stateAfter: { n: null } });
    expect(step.extra['state.delta']).toEqual({ n: null });
    expect([step.has('state'), step.has('graph'), step.has('limits')]).toEqual([true, true, false]);
  });
});
