import { llm, rounds, times } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import overflow from './overflow.ts';

const call = (input: number, more = {}) => llm('An answer.', { tokens: { input, output: 100 }, ...more });

testDetector(
  overflow,
  {
    quiet: [
      { name: 'just below the mark', nearMiss: true, steps: [call(89_000)] },
      { name: 'not yet long', nearMiss: true, steps: [call(99_000, { model: 'claude-sonnet-4' })] },
      { name: 'many tokens of a large window', nearMiss: true, steps: [call(400_000, { model: 'gpt-4.1' })] },
      { name: 'length off', options: { long_tokens: 0 }, steps: [call(120_000, { model: 'claude-sonnet-4' })] },
      { name: 'an unknown model', steps: [call(500_000, { model: 'house-model-7' })] },
      { name: 'a roll-up that sums its children', steps: [call(120_000, { rollup: true })] },
      { name: 'slow growth', steps: times(20, (i) => call(40_000 + i * 2_000)) },
      { name: 'growth far from the limit', steps: times(6, (i) => call(5_000 + i * 9_000)) },
      { name: 'three calls are no trend', nearMiss: true, steps: [call(20_000), call(50_000), call(80_000)] },
      { name: 'a call beyond the table proves it wrong', steps: [call(300_000), call(120_000)] },
      { name: 'no token counts', steps: times(3, llm('An answer.')) },
      { name: 'an error of another kind', steps: [llm(undefined, { error: 'rate limit reached' })] },
      { name: 'a full stop', steps: [call(1_000, { finish: 'stop' })] },
      { name: 'a higher mark', options: { warn_at: 0.95 }, steps: [call(97_000)] },
      { name: 'forecasts off', options: { forecast_calls: 0 }, steps: times(5, (i) => call(10_000 + i * 19_500)) },
      { name: 'a larger window by option', options: { context_windows: { 'gpt-4o': 1_000_000 } }, steps: [call(120_000)] },
    ],
    fires: [
      {
        name: 'beyond the window without an answer',
        steps: [llm(undefined, { model: 'gpt-4', tokens: { input: 9_000 } })],
        expect: [{ message: 'near_limit', severity: 'critical' }],
      },
      {
        name: 'at the mark',
        steps: [call(89_600)],
        expect: [{ message: 'near_limit', at: 1, data: { window: 128_000, percent: 70 } }],
      },
      { name: 'at the brink it is critical', steps: [call(125_000)], expect: [{ message: 'near_limit', severity: 'critical' }] },
      {
        name: 'one climb is one finding',
        steps: [call(104_000), call(108_000), call(112_000)],
        expect: [{ message: 'near_limit', data: { tokens: 112_000 } }],
      },
      {
        name: 'after a compaction it is another',
        steps: [call(110_000), call(20_000), call(110_000)],
        expect: [
          { message: 'near_limit', at: 1 },
          { message: 'near_limit', at: 3 },
        ],
      },
      {
        name: 'a model of its own window',
        options: { context_windows: { 'house-model-7': 1_000 } },
        steps: [call(900, { model: 'house-model-7' })],
        expect: [{ message: 'near_limit' }],
      },
      {
        name: 'the limit stated by the span',
        steps: [call(900, { model: 'house-model-7', limits: { context_window: 1_000 } })],
        expect: [{ message: 'near_limit' }],
      },
      {
        name: 'a provider prefix',
        steps: [call(7_000, { model: 'openai/gpt-4-0613' })],
        expect: [{ message: 'near_limit', data: { window: 8_192 } }],
      },
      {
        name: 'lanes by model',
        steps: rounds(3, (i) => [call(100_000 + i * 3_000), call(2_000, { model: 'gpt-4.1-mini' })]),
        expect: [{ message: 'near_limit', at: 1 }],
      },
      {
        name: 'long in a window that is not full',
        steps: [call(110_000, { model: 'claude-sonnet-4' }), call(120_000, { model: 'claude-sonnet-4' })],
        expect: [{ message: 'long', at: 1, data: { tokens: 120_000, percent: 60 } }],
      },
      { name: 'full in three calls', steps: times(5, (i) => call(10_000 + i * 19_500)), expect: [{ message: 'filling', at: 4 }] },
      {
        name: 'refused',
        steps: [llm(undefined, { error: "This model's maximum context length is 128000 tokens." })],
        expect: [{ message: 'exceeded', at: 1 }],
      },
      {
        name: 'cut by a limit',
        steps: [call(1_000, { finish: 'length' })],
        expect: [{ message: 'truncated', at: 1, data: { tokens: 100 } }],
      },
    ],
  },
  import.meta.url,
);
