import { type StepLike, step, times } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import difyClassifierDrift from './dify_classifier_drift.ts';

const node = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'dify', ...extra },
});
const result = (label: string, confidence: number, input = 'the question', extra = {}) =>
  node(step('llm', { name: 'classify' }), {
    'node.id': 'c',
    'classifier.result': label,
    'classifier.confidence': confidence,
    'classifier.input': input,
    ...extra,
  });
const questions = ['opening hours of museums', 'broken zipper on jacket', 'train tickets to Lyon', 'allergies and peanuts'];

testDetector(
  difyClassifierDrift,
  {
    quiet: [
      { name: 'a sure result', steps: [result('sales', 0.9)] },
      { name: 'just sure enough', nearMiss: true, steps: [result('sales', 0.6)] },
      { name: 'a listed class', steps: [result('sales', 0.9, 'x', { 'classifier.classes': ['Sales', 'Support'] })] },
      { name: 'two in a row', nearMiss: true, steps: [result('sales', 0.7, questions[0]), result('sales', 0.7, questions[1])] },
      { name: 'a sure session about one thing', steps: [...questions.map((text) => result('sales', 0.95, text))] },
      { name: 'a distribution that stays', steps: [...times(24, (i) => result(i % 2 ? 'a' : 'b', 0.95))] },
      {
        name: 'a higher distance by option',
        options: { drift_at: 0.9 },
        steps: [...times(10, result('a', 0.95)), ...times(10, (i) => result(i % 2 ? 'a' : 'b', 0.95))],
      },
    ],
    fires: [
      { name: 'an unsure result', steps: [result('sales', 0.3)], expect: [{ message: 'uncertain', at: 1 }] },
      {
        name: 'a stricter mark',
        options: { min_confidence: 0.8 },
        steps: [result('sales', 0.7)],
        expect: [{ message: 'uncertain' }],
      },
      {
        name: 'a class that is not listed',
        steps: [result('jokes', 0.9, 'x', { 'classifier.classes': ['Sales', 'Support'] })],
        expect: [{ message: 'unlisted', at: 1 }],
      },
      {
        name: 'the class for everything else',
        steps: [result('general', 0.7, 'please export the customer dataset as csv')],
        expect: [{ message: 'fallback', at: 1 }],
      },
      {
        name: 'one class for different questions',
        steps: [...questions.slice(0, 3).map((text) => result('sales', 0.7, text))],
        expect: [{ message: 'one_class', at: 3 }],
      },
      {
        name: 'a distribution that moves',
        steps: [...times(10, result('a', 0.95)), ...times(10, result('b', 0.95))],
        expect: [{ message: 'drift', at: 20 }],
      },
    ],
  },
  import.meta.url,
);
