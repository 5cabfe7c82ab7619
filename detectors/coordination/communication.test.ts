import { agent } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import communication from './communication.ts';

const ask = 'Please send me the file of the 40 orders from March as CSV, without the cancelled ones.';
const good =
  'Here is the CSV file of the orders from March. I left out the cancelled ones, so that 37 of the 40 orders are in it; each line holds number, date, customer and sum, and I can send you the cancelled orders as a file of their own if you need them later.';
const bad = 'Cannot.';
const reply = (text: string, name: string | undefined = 'planner') =>
  agent('clerk', { input: [{ role: 'user', text: ask, ...(name === undefined ? {} : { name }) }], output: text });

testDetector(
  communication,
  {
    quiet: [
      { name: 'an answer that fits', nearMiss: true, steps: [reply(good)] },
      { name: 'a person asks', steps: [reply('I am sorry but this is nothing I could ever do.', 'user')] },
      { name: 'a word', steps: [reply(bad)] },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [reply('Unable to do that today, sorry. No access.')] },
    ],
    fires: [
      {
        name: 'an answer to something else',
        options: { report_at: 0.1 },
        steps: [reply('Unable to do that today, sorry. No access.')],
        expect: [{ message: 'misunderstood', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
