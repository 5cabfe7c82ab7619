import { llm, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import decomposition from './decomposition.ts';

const task = 'Translate our catalogue of 120 products into Spanish, French and German, check prices, and publish it on the site.';
const good =
  '1. Export the catalogue of 120 products. 2. Translate it into Spanish. 3. Translate it into French. 4. Translate it into German. 5. Check the prices against the shop. 6. Publish the catalogue on the site and check each language there.';
const bad = 'Do it.';
const plans = (text: string, system = 'Break the task into steps.') => llm(text, { system, input: [user(task)] });

testDetector(
  decomposition,
  {
    quiet: [
      { name: 'a plan that covers its task', nearMiss: true, steps: [plans(good)] },
      { name: 'nobody asked for a plan', steps: [plans(bad, 'You are helpful.')] },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [plans(bad)] },
    ],
    fires: [{ name: 'a plan of nothing', steps: [plans(bad)], expect: [{ message: 'poor_plan', at: 1 }] }],
  },
  import.meta.url,
);
