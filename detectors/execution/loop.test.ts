import { agent, llm, rounds, times, tool, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import loop from './loop.ts';

const search = (result: unknown, q = 'weather in Paris') => tool('search', { q }, { result });
const read = (path: string) => tool('read_file', { path }, { result: `content of ${path}` });
const page = 'A page of search results about the history of bridges, rivers, dams and locks. '.repeat(4);
const left = (stateAfter: unknown, output = 'The plan is ready.') => agent('planner', { output, stateAfter });
const plea =
  'I am sorry, but I still need to know the exact date of your journey and the name of the traveller before I can go on.';

testDetector(
  loop,
  {
    quiet: [
      { name: 'the same call twice', nearMiss: true, steps: times(2, search('no answer')) },
      {
        name: 'polling whose result changes',
        steps: times(8, (i) => tool('get_job', { id: 7 }, { result: `${i * 10} % done` })),
      },
      {
        name: 'polling of an unchanged state, below twice the count',
        nearMiss: true,
        steps: times(5, tool('get_job', { id: 7 }, { result: 'running' })),
      },
      { name: 'a map over distinct items', steps: times(9, (i) => tool('resize', { id: i }, { result: 'ok' })) },
      { name: 'pagination', steps: times(9, (i) => tool('list', { cursor: i * 20 }, { result: `${page} page ${i}` })) },
      {
        name: 'a retry that succeeds at the third try',
        nearMiss: true,
        steps: [...times(2, tool('fetch', { url: 'a' }, { error: 'timeout' })), tool('fetch', { url: 'a' }, { result: 'body' })],
      },
      {
        name: 'a reported retry that then succeeds is taken back',
        steps: [...times(4, tool('fetch', { url: 'a' }, { error: 'timeout' })), tool('fetch', { url: 'a' }, { result: 'body' })],
      },
      { name: 'two rounds of A-B', nearMiss: true, steps: [...rounds(2, [read('a'), read('b')])] },
      {
        name: 'edit and test, the result changes',
        steps: times(8, (i) =>
          i % 2 ? tool('run_tests', {}, { result: `${8 - i} failed` }) : tool('edit', { line: i }, { result: 'ok' }),
        ),
      },
      { name: 'unknown results, one below the higher count', nearMiss: true, steps: times(4, tool('search', { q: 'x' })) },
      { name: 'a roll-up around each call', steps: times(5, tool('search', { q: 'x' }, { result: 'y', rollup: true })) },
      { name: 'alternating results of one call', steps: times(8, (i) => search(i % 2 ? 'up' : 'down')) },
      {
        name: 'failed searches for distinct ids',
        steps: times(8, (i) => tool('get_order', { id: `W${i}4711` }, { result: 'Error: order not found' })),
      },
      {
        name: 'failed searches for distinct names',
        steps: ['Paris', 'Lyon', 'Bordeaux', 'Toulouse', 'Nice'].map((q) => tool('search', { q }, { result: 'no results' })),
      },
      { name: 'the same result to other questions', steps: ['one', 'two', 'three'].map((q) => search('none', q)) },
      { name: 'short answers that are alike', steps: times(6, llm('Done, next one.')) },
      { name: 'two alike outputs', nearMiss: true, steps: times(2, llm(plea)) },
      {
        name: 'the same words with other actions',
        steps: times(5, (i) => llm([{ role: 'assistant', text: plea, toolCalls: [{ name: 'open', arguments: { page: i } }] }])),
      },
      { name: 'one state twice', nearMiss: true, steps: times(2, left({ task: 'parse', status: 'pending' })) },
      { name: 'three states under a higher limit', options: { min_repeats: 4 }, steps: times(3, left({ task: 'parse' })) },
      { name: 'one round and a half of states', nearMiss: true, steps: ['a', 'b', 'a'].map((at) => left({ at })) },
      { name: 'the same words with another state', nearMiss: true, steps: times(5, (i) => left({ batch: i }, plea)) },
      {
        name: 'the same verdict on other questions',
        steps: times(6, (i) => agent('grader', { input: [user(`Is answer ${i} right?`)], output: 'The answer is right.' })),
      },
      { name: 'short words', steps: times(6, agent('planner', { output: 'All done.' })) },
      { name: 'three repeats under a higher limit', options: { min_repeats: 4 }, steps: times(3, search('no')) },
      {
        name: 'three rounds under a higher limit',
        options: { min_cycles: 4 },
        steps: rounds(3, [read('a'), read('b')]),
      },
      {
        name: 'a pattern longer than the calls that are compared',
        options: { max_period: 2 },
        steps: rounds(3, [read('a'), read('b'), read('c')]),
      },
      {
        name: 'seven calls in turn, six are compared',
        steps: rounds(
          3,
          [...'abcdefg'].map((name) => read(name)),
        ),
      },
      {
        name: 'drift under a higher limit',
        options: { min_drift: 5 },
        steps: ['weather paris', 'weather paris now', 'weather in paris', 'weather paris today'].map((q) =>
          search('no results', q),
        ),
      },
      {
        name: 'alike outputs under a stricter similarity',
        options: { similarity: 1 },
        steps: times(4, (i) => llm(`${plea} Thank you ${i}.`)),
      },
    ],
    fires: [
      {
        name: 'the same call and result three times',
        steps: times(3, search('no answer')),
        expect: [{ message: 'repeated', at: 2, data: { tool: 'search', count: 3 } }],
      },
      {
        name: 'results that differ in a timestamp, a duration and an id only',
        steps: times(4, (i) =>
          search(`{"at":"2026-01-01T00:00:0${i}Z","took":"1${i} ms","id":"9f86d081884c7d65${i}a","hits":[]}`),
        ),
        expect: [{ message: 'repeated', at: 2, data: { count: 4 } }],
      },
      {
        name: 'arguments in another order and spacing',
        steps: [{ a: 1, b: 2 }, { b: 2, a: 1 }, '{ "b": 2,  "a": 1 }'].map((args) => tool('get', args, { result: 'none' })),
        expect: [{ message: 'repeated', data: { count: 3 } }],
      },
      {
        name: 'a loop that ended grows one finding',
        steps: [...times(6, search('no answer')), read('a'), read('b'), llm('The answer is four.')],
        expect: [{ message: 'repeated', at: 2, data: { count: 6 } }],
      },
      {
        name: 'what it wasted',
        steps: rounds(3, [llm(undefined, { tokens: { input: 900, output: 100 }, cost: 0.01 }), search('no')]),
        expect: [{ message: 'repeated', data: { count: 3, wasted_tokens: 1000, wasted_usd: 0.01 } }],
      },
      {
        name: 'two loops with work between',
        steps: [...times(3, search('no')), read('a'), ...times(3, search('no'))],
        expect: [
          { message: 'repeated', at: 2 },
          { message: 'repeated', at: 6 },
        ],
      },
      {
        name: 'a retry that went on too long stays reported',
        steps: [...times(7, tool('fetch', { url: 'a' }, { error: 'timeout' })), tool('fetch', { url: 'a' }, { result: 'body' })],
        expect: [{ message: 'repeated', data: { count: 7 } }],
      },
      {
        name: 'unknown results',
        steps: times(5, tool('search', { q: 'x' })),
        expect: [{ message: 'repeated', data: { count: 5 } }],
      },
      {
        name: 'polling that never moves',
        steps: times(6, tool('get_job', { id: 7 }, { result: 'running' })),
        expect: [{ message: 'repeated', data: { count: 6 } }],
      },
      {
        name: 'a state that only counts its tries',
        steps: times(3, (i) => left({ task: 'parse', status: 'rejected', retry: i })),
        expect: [{ message: 'recurring', at: 2, data: { count: 3, period: 1 } }],
      },
      {
        name: 'states in rounds',
        steps: rounds(
          3,
          ['draft', 'review', 'rejected'].map((at) => left({ at })),
        ),
        expect: [{ message: 'recurring', at: 4, data: { count: 3, period: 3 } }],
      },
      {
        name: 'words in rounds',
        steps: rounds(
          2,
          ['Formatting the report as PDF.', 'Converting it back to HTML.'].map((text) => agent('writer', { output: text })),
        ),
        expect: [{ message: 'recurring', at: 3, data: { count: 2, period: 2 } }],
      },
      {
        name: 'A-B-A-B-A-B',
        steps: rounds(3, [read('a'), read('b')]),
        expect: [{ message: 'cycle', at: 3, data: { period: 2, count: 3, tool: 'read_file' } }],
      },
      {
        name: 'A-B-B three times',
        steps: rounds(3, [read('a'), search('no'), search('no')]),
        expect: [{ message: 'cycle', at: 4, data: { period: 3, count: 3 } }],
      },
      {
        name: 'two rounds under a lower limit',
        options: { min_cycles: 2 },
        steps: rounds(2, [read('a'), read('b')]),
        expect: [{ message: 'cycle' }],
      },
      {
        name: 'changing wording, same empty answer',
        steps: ['weather paris', 'weather paris now', 'weather in paris', 'weather paris today'].map((q) =>
          search('no results', q),
        ),
        expect: [{ message: 'drift', at: 2, data: { count: 4 } }],
      },
      {
        name: 'a cursor that moves while the page does not',
        steps: times(4, (i) => tool('list', { filter: 'bridges', cursor: i }, { result: page })),
        expect: [{ message: 'drift', at: 2 }],
      },
      {
        name: 'three alike outputs',
        steps: times(3, (i) => llm(`${plea} ${'!'.repeat(i)}`)),
        expect: [{ message: 'stagnation', at: 2, data: { count: 3 } }],
      },
      {
        name: 'seven calls in turn when as many are compared',
        options: { max_period: 7 },
        steps: rounds(
          3,
          [...'abcdefg'].map((name) => read(name)),
        ),
        expect: [{ message: 'cycle', data: { period: 7, count: 3 } }],
      },
      {
        name: 'two alike outputs under a lower limit',
        options: { min_similar_outputs: 2 },
        steps: times(2, llm(plea)),
        expect: [{ message: 'stagnation' }],
      },
      {
        name: 'changing results allowed by the option',
        options: { max_novelty: 1 },
        steps: times(3, (i) => search(`answer ${i}`)),
        expect: [{ message: 'repeated', data: { count: 3 } }],
      },
    ],
  },
  import.meta.url,
);
