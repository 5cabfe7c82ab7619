import { llm, times } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import cost from './cost.ts';

const call = (input: number, more = {}) => llm('An answer.', { tokens: { input, output: 100 }, ...more });

testDetector(
  cost,
  {
    quiet: [
      { name: 'no budget', steps: times(20, call(50_000)) },
      { name: 'just within the budget', nearMiss: true, options: { max_tokens: 2_200 }, steps: times(2, call(1_000)) },
      { name: 'a budget in money, and no money known', options: { max_cost: 0.01 }, steps: times(9, call(100_000)) },
      { name: 'a history that grows', steps: times(30, (i) => call(2_000 + i * 1_500)) },
      { name: 'a large call among few', nearMiss: true, steps: [...times(11, call(2_000)), call(60_000)] },
      { name: 'a call below five times the usual', nearMiss: true, steps: [...times(14, call(6_000)), call(29_000)] },
      { name: 'a dear call of another model', steps: [...times(14, call(2_000)), call(60_000, { model: 'gpt-4.1' })] },
      { name: 'a roll-up that sums its children', steps: [...times(14, call(2_000)), call(60_000, { rollup: true })] },
      { name: 'small calls', options: { spike_tokens: 100_000 }, steps: [...times(14, call(2_000)), call(60_000)] },
      { name: 'a larger factor', options: { spike_factor: 50 }, steps: [...times(14, call(2_000)), call(60_000)] },
    ],
    fires: [
      {
        name: 'over the budget of tokens, at the call that crossed it',
        options: { max_tokens: 2_500 },
        steps: times(4, call(1_000)),
        expect: [{ message: 'over_budget', at: 3, data: { used: 4_400, budget: 2_500 } }],
      },
      {
        name: 'over the budget of money, as the spans state it',
        options: { max_cost: 0.05 },
        steps: times(3, call(1_000, { cost: 0.02 })),
        expect: [{ message: 'over_budget', at: 3, data: { used: 0.06, unit: 'US dollars' } }],
      },
      {
        name: 'money by configured prices',
        options: { max_cost: 1, input_prices: { 'gpt-4o': 2.5 }, output_prices: { 'gpt-4o': 10 } },
        steps: times(2, call(300_000)),
        expect: [{ message: 'over_budget', at: 2, data: { used: 1.5 } }],
      },
      {
        name: 'money by the price of the output alone',
        options: { max_cost: 0.001, output_prices: { 'gpt-4o': 20 } },
        steps: [call(1)],
        expect: [{ message: 'over_budget', at: 1 }],
      },
      {
        name: 'a call twenty times the usual',
        steps: [...times(14, call(2_900)), call(60_000)],
        expect: [{ message: 'spike', at: 15, data: { tokens: 60_100, factor: 20, count: 14 } }],
      },
    ],
  },
  import.meta.url,
);
