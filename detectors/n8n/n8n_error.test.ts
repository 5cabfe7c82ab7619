import { times, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nError from './n8n_error.ts';

testDetector(
  n8nError,
  {
    quiet: [
      { name: 'one short of it', nearMiss: true, steps: times(2, tool('search', { q: 'x' }, { result: 'y' })) },
      { name: 'a higher limit', options: { min_count: 4 }, steps: times(3, tool('search', { q: 'x' }, { result: 'y' })) },
    ],
    fires: [
      {
        name: 'as often as it takes',
        steps: times(3, tool('search', { q: 'x' }, { result: 'y' })),
        expect: [{ message: 'found', data: { count: 3 } }],
      },
    ],
  },
  import.meta.url,
);
