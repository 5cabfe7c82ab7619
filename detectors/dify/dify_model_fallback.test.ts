import { llm, type StepLike } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import difyModelFallback from './dify_model_fallback.ts';

const node = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'dify', ...extra },
});
const call = (model: string, extra = {}, more = {}) => node(llm('An answer.', { model, ...more }), extra);

testDetector(
  difyModelFallback,
  {
    quiet: [
      {
        name: 'a dated version of the model',
        nearMiss: true,
        steps: [call('gpt-4o', {}, { responseModel: 'gpt-4o-2024-08-06' })],
      },
      { name: 'the model that was asked for', steps: [call('gpt-4o')] },
      { name: 'nothing says fallback', nearMiss: true, steps: [call('gpt-4o', { 'model.fallback': { is_fallback: false } })] },
      {
        name: 'a failure and the same model again',
        steps: [call('gpt-4o', {}, { error: 'overloaded' }), call('gpt-4o-2024-08-06')],
      },
      { name: 'elsewhere', steps: [llm('x', { model: 'gpt-4o' })] },
    ],
    fires: [
      {
        name: 'another model answers',
        steps: [call('gpt-4o', {}, { responseModel: 'gpt-4o-mini' })],
        expect: [{ message: 'other_model', at: 1 }],
      },
      {
        name: 'another version, where that is asked for',
        options: { versions: true },
        steps: [call('gpt-4o', {}, { responseModel: 'gpt-4o-2024-08-06' })],
        expect: [{ message: 'other_model' }],
      },
      {
        name: 'the node says so',
        steps: [call('gpt-4o-mini', { 'model.fallback': { reason: 'rate limit' } })],
        expect: [{ message: 'stated', at: 1 }],
      },
      {
        name: 'another model after a failure',
        steps: [call('gpt-4o', {}, { error: 'overloaded' }), call('claude-sonnet-4')],
        expect: [{ message: 'after_failure', at: 2 }],
      },
    ],
  },
  import.meta.url,
);
