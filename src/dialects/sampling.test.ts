import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { documentToProtobuf } from '../otlp/json.ts';
import { spanReader } from '../otlp/span.ts';
import { walkTraces } from '../otlp/traces.ts';
import { dialectKeys } from './keys.ts';
import { isAgentSpan } from './normalise.ts';
import { hasThreshold, saysSampled } from './sampling.ts';

describe('a threshold in tracestate', () => {
  test.each([
    ['ot=th:8', 'a half'],
    ['ot=th:c', 'a quarter'],
    ['ot=th:c;rv:d29d6a7215ced0', 'with its randomness'],
    ['ot=rv:d29d6a7215ced0;th:c', 'after its randomness'],
    ['ot=a:b;th:fffffffffffff8', 'the rarest that 53 bits tell'],
    ['ot=th:ffffffffffffff', 'one in 2^56'],
    ['ot=th:00000000000001', 'all but one in 2^56'],
    ['ot=th:08', 'a sixteenth less a half of it'],
    ['dd=s:1;t.dm:-4,ot=th:c', 'after that of another vendor'],
    ['dd=s:1 ,\tot=th:c , x=y', 'with white space around members'],
    ['ot=th:8,ot=th:0', 'of two members the first'],
    ['ot=th:8;th:0', 'of two thresholds the first'],
  ])('%s: sampled (%s)', (state) => {
    expect(hasThreshold(state)).toBe(true);
  });

  test.each([
    ['', 'none'],
    ['ot=th:0', 'everything is kept'],
    ['ot=th:00000000000000', 'the same at length'],
    ['ot=rv:d29d6a7215ced0', 'randomness only'],
    ['ot=', 'empty'],
    ['ot=th:', 'no digits'],
    ['ot=th:C', 'upper case'],
    ['ot=th:0x8', 'no hex digit'],
    ['ot=th:8g', 'no hex digit at the end'],
    ['ot=th:-8', 'a sign'],
    ['ot=th:800000000000000', '15 digits'],
    ['ot=th: 8', 'a blank inside'],
    ['ot=xth:8', 'another key'],
    ['ot=p:8;r:62', 'what the specification had before'],
    ['xot=th:8', 'another vendor'],
    ['ot@tenant=th:8', 'a tenant of the vendor'],
    ['OT=th:8', 'upper case'],
    ['dd=th:8', 'the same at another vendor'],
    ['dd="ot=th:8"', 'inside a value'],
    ['ot=th:0,ot=th:8', 'of two members the first'],
    [`ot=a:${'b'.repeat(252)};th:8`, 'longer than 256'],
    [`${','.repeat(100_000)}`, 'only commas'],
    ['ot', 'no value'],
  ])('%s: not said (%s)', (state) => {
    expect(hasThreshold(state)).toBe(false);
  });

  test('any threshold above 0 is one, whatever stands around it', () => {
    const other = fc.stringMatching(/^[a-z]{1,8}=[a-z0-9:;]{0,16}$/).filter((member) => !member.startsWith('ot='));
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{1,14}$/), fc.array(other), fc.array(other), (th, before, after) => {
        expect(hasThreshold([...before, `ot=th:${th}`, ...after].join(','))).toBe(BigInt(`0x${th}`) > 0n);
      }),
    );
  });

  test('no text makes it throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof hasThreshold(text) === 'boolean'));
  });
});

type Value = { readonly stringValue: string } | { readonly doubleValue: number } | { readonly intValue: string };

function said(
  attributes: Readonly<Record<string, Value>>,
  more: object = {},
  scope: Readonly<Record<string, Value>> = {},
): [boolean, boolean] {
  const list = (of: Readonly<Record<string, Value>>) => Object.entries(of).map(([key, value]) => ({ key, value }));
  const span = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), name: 'x', attributes: list(attributes), ...more };
  const { body } = documentToProtobuf('traces', {
    resourceSpans: [{ scopeSpans: [{ scope: { name: 'test', attributes: list(scope) }, spans: [span] }] }],
  });
  const reader = spanReader().at(walkTraces(body, dialectKeys), 0);
  return [saysSampled(reader), isAgentSpan(reader)];
}

const text = (stringValue: string): Value => ({ stringValue });
const number = (doubleValue: number): Value => ({ doubleValue });

describe('what a sampler writes', () => {
  test.each([
    [{ 'sampler.type': text('probabilistic'), 'sampler.param': number(0.1) }],
    [{ 'sampler.param': text('0.1'), 'sampler.type': text('probabilistic') }],
    [{ 'sampler.type': text('ratelimiting'), 'sampler.param': number(2) }],
    [{ '_dd.rule_psr': number(0.25) }],
    [{ '_dd.agent_psr': number(0.25) }],
    [{ SampleRate: { intValue: '20' } as const }],
    [{ 'sampling.probability': number(0.5) }],
  ])('%o: sampled, and no agent span for that', (attributes) => {
    expect(said(attributes)).toEqual([true, false]);
  });

  test.each([
    [{}],
    [{ 'sampler.type': text('const'), 'sampler.param': { intValue: '1' } as const }],
    [{ 'sampler.type': text('probabilistic'), 'sampler.param': number(1) }],
    [{ 'sampler.param': number(0.1) }],
    [{ '_dd.rule_psr': number(1) }],
    [{ '_dd.agent_psr': number(0) }],
    [{ '_dd.agent_psr': number(Number.NaN) }],
    [{ _sampling_priority_v1: number(1) }],
    [{ SampleRate: { intValue: '1' } as const }],
    [{ SampleRate: text('often') }],
    [{ 'sampling.probability': number(-0.5) }],
  ])('%o: not said', (attributes) => {
    expect(said(attributes)).toEqual([false, false]);
  });

  test('the sampled bit alone says nothing', () => {
    expect(said({}, { flags: 0x101 })).toEqual([false, false]);
  });

  test('tracestate, and the scope attribute of a tail sampler', () => {
    expect(said({}, { traceState: 'ot=th:c' })).toEqual([true, false]);
    expect(said({}, {}, { 'tailsampling.policy': text('failures') })).toEqual([true, false]);
  });
});
