import { llm, tool, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import hallucination from './hallucination.ts';

const source = 'The company was founded in 2020 in San Francisco by John Smith.';
const answer = (text: string, context = source) =>
  llm(text, { system: `Context: ${context}`, input: [user('Tell me of the company.')] });
const invented = 'According to Jane Williams of Harvard it has 47 offices and earned 5,300 dollars.';

testDetector(
  hallucination,
  {
    quiet: [
      {
        name: 'facts of the source',
        nearMiss: true,
        steps: [answer('The company was founded in 2020 by John Smith in San Francisco.')],
      },
      {
        name: 'a name that a tool returned before',
        steps: [tool('lookup', {}, { result: 'Jane Williams, Harvard, 47 offices, 5,300 dollars' }), answer(invented)],
      },
      {
        name: 'a name of a conversation that is seen from its middle on',
        nearMiss: true,
        steps: [
          llm('In Cardiff it is 50 degrees and raining, in Dundee it is 70 degrees and sunny.', {
            input: [
              user('How is the weather in Cardiff and in Dundee?'),
              { role: 'assistant', toolCalls: [{ id: 'c', name: 'weather', arguments: {} }] },
              { role: 'tool', toolResults: [{ id: 'c', text: '50 degrees and raining; 70 degrees and sunny' }] },
            ],
          }),
        ],
      },
      {
        name: 'code that shows how',
        nearMiss: true,
        steps: [answer('It worked. To try again use `retry(times=40, delay=600)` or `cache(ttl=300)`.')],
      },
      {
        name: 'what an acronym stands for',
        nearMiss: true,
        steps: [
          answer(
            'It is a great CRM (Customer Relationship Manager) that was verified and works everywhere for all customers, with fast support, low prices and regular updates.',
            `${source} It has a CRM.`,
          ),
        ],
      },
      {
        name: 'cells of a table',
        nearMiss: true,
        steps: [
          answer(
            'The excellent results are verified:\n\n| What | Kind |\n|---|---|\n| growth | Strong |\n| staff | Happy |\n| offices | Modern |\n| prices | Low |',
            `${source} It has a CRM.`,
          ),
        ],
      },
      { name: 'no sources', steps: [llm(invented, { input: [user('Tell me of the company.')] })] },
      { name: 'a small count', steps: [answer('The company was founded by 1 person, in 1 city, in 2020.')] },
      {
        name: 'notes of an agent that goes on',
        nearMiss: true,
        steps: [
          answer(invented),
          llm([{ role: 'assistant', toolCalls: [{ name: 'lookup', arguments: { q: 'offices' } }] }], {
            input: [user('Tell me of the company.')],
          }),
        ],
      },
      { name: 'code', steps: [answer('```\nprint("Jane Williams", 4711)\n```')] },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [answer(invented)] },
    ],
    fires: [
      {
        name: 'invented names and numbers, each counted once',
        steps: [answer(`${invented} Jane Williams has 47 offices.`)],
        expect: [{ message: 'unsupported_fact', data: { missing: 4 } }],
      },
      { name: 'invented names and numbers', steps: [answer(invented)], expect: [{ message: 'unsupported_fact', at: 1 }] },
      {
        name: 'an answer to which the user replied',
        steps: [
          answer(invented),
          llm([{ role: 'assistant', toolCalls: [{ name: 'lookup', arguments: { q: 'offices' } }] }], {
            input: [user('Tell me of the company.'), { role: 'assistant', text: invented }, user('Where are the offices?')],
          }),
        ],
        expect: [{ message: 'unsupported_fact', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
