import { agent, llm, tool, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import convergence from './convergence.ts';

const goal = (text: string) => llm('I start.', { input: [user(text)] });
const series = (name: string, values: readonly number[]) =>
  values.map((value, step) => tool('evaluate', { step }, { result: { step, [name]: value } }));

testDetector(
  convergence,
  {
    quiet: [
      { name: 'steady progress', steps: series('loss', [0.9, 0.8, 0.7, 0.62, 0.55]) },
      { name: 'noisy progress', steps: series('loss', [0.6, 0.58, 0.62, 0.55, 0.52, 0.53, 0.48, 0.45]) },
      { name: 'a pause of three, then a gain', nearMiss: true, steps: series('loss', [0.5, 0.48, 0.48, 0.49, 0.48, 0.4, 0.35]) },
      { name: 'a dip of one evaluation', nearMiss: true, steps: series('accuracy', [0.6, 0.7, 0.8, 0.75]) },
      { name: 'three values are no trend', nearMiss: true, steps: series('loss', [0.5, 0.6, 0.7]) },
      { name: 'a number of unknown direction', steps: series('widgets', [5, 4, 3, 2, 1, 1, 1, 1, 1, 1]) },
      { name: 'a counter', steps: series('count', [5, 4, 3, 2, 1, 1, 1, 1, 1, 1]) },
      { name: 'a plateau that ends is taken back', steps: series('loss', [0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.3]) },
      {
        name: 'the task turns the direction round',
        steps: [goal('Maximise val_loss.'), ...series('val_loss', [0.1, 0.2, 0.3, 0.4, 0.5])],
      },
      { name: 'more patience', options: { patience: 8 }, steps: series('loss', [0.5, 0.4, 0.4, 0.4, 0.4, 0.4]) },
    ],
    fires: [
      {
        name: 'falling from its best',
        steps: series('accuracy', [0.5, 0.7, 0.9, 0.85, 0.7]),
        expect: [{ message: 'regressing', at: 5, data: { best: 0.9, since: 2, percent: 22 } }],
      },
      {
        name: 'the task says what is better',
        steps: [goal('Please minimize widgets.'), ...series('widgets', [0.8, 0.82, 0.85, 0.88])],
        expect: [{ message: 'regressing', at: 5 }],
      },
      {
        name: 'the task comes with the agent, at its end',
        steps: [...series('widgets', [0.8, 0.82, 0.85, 0.88]), agent('tuner', { input: [user('Minimise widgets.')] })].map(
          (one) => ({
            ...one,
            agent: 'tuner',
          }),
        ),
        expect: [{ message: 'regressing', at: 4 }],
      },
      {
        name: 'standing still',
        steps: series('loss', [0.5, 0.48, 0.47, 0.47, 0.47, 0.47, 0.47]),
        expect: [{ message: 'plateau', at: 7 }],
      },
      {
        name: 'gains below the noise',
        options: { min_gain: 0.1 },
        steps: series('loss', [0.5, 0.49, 0.48, 0.47, 0.46]),
        expect: [{ message: 'plateau' }],
      },
      {
        name: 'swinging',
        steps: series('loss', [0.64, 0.68, 0.64, 0.68, 0.64, 0.68]),
        expect: [{ message: 'thrashing', at: 6, data: { count: 6 } }],
      },
      {
        name: 'a smaller fall by option',
        options: { min_drop: 0.005 },
        steps: series('accuracy', [0.79, 0.795, 0.8, 0.794, 0.794]),
        expect: [{ message: 'regressing' }],
      },
      {
        name: 'a long series keeps its best',
        steps: series('accuracy', [0.5, 0.9, ...Array.from({ length: 80 }, () => 0.7)]),
        expect: [{ message: 'regressing', data: { best: 0.9 } }],
      },
    ],
  },
  import.meta.url,
);
