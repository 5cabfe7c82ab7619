import { retriever, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import retrievalQuality from './retrieval_quality.ts';

const question = 'What are the opening hours of the municipal library in Lyon?';
const good = 'The municipal library in Lyon: opening hours are Tuesday to Saturday, 10 to 19.';
const search = (query: string, more = {}) => tool('web_search', { query, ...more }, { result: 'ten links', agent: 'searcher' });
const asked = search('opening hours municipal library Lyon 2023');
const bad = 'Guidelines for engaging posts on social media, with templates for calendars.';

testDetector(
  retrievalQuality,
  {
    quiet: [
      { name: 'documents that hold the answer', nearMiss: true, steps: [retriever(question, [good])] },
      { name: 'one of several holds it', steps: [retriever(question, [bad, good])] },
      { name: 'a query of a word', steps: [retriever('hours', [bad])] },
      { name: 'documents without text', steps: [retriever(question, [{ id: 'd' }])] },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [retriever(question, [bad])] },
      {
        name: 'the next page of a search',
        nearMiss: true,
        steps: [asked, search('opening hours municipal library Lyon 2023', { page: 2 })],
      },
      {
        name: 'the same of another item',
        nearMiss: true,
        steps: [asked, search('opening hours municipal library Grenoble 2023')],
      },
      {
        name: 'another question on the subject',
        nearMiss: true,
        steps: [asked, search('architect municipal library Lyon built')],
      },
      { name: 'two words', steps: [search('Lyon library'), search('library of Lyon')] },
      {
        name: 'a search that failed, put in other words',
        nearMiss: true,
        steps: [
          tool('web_search', { query: 'opening hours municipal library Lyon 2023 site:lyon.fr' }, { error: 'No results' }),
          search('opening hours municipal library Lyon'),
        ],
      },
      {
        name: 'another agent asks too',
        nearMiss: true,
        steps: [
          asked,
          tool('web_search', { query: 'Lyon municipal library: the opening hours' }, { result: 'ten links', agent: 'other' }),
        ],
      },
      {
        name: 'a tool that does not search',
        steps: [tool('note', { query: 'a b c d e' }), tool('note', { query: 'a b c d e f' })],
      },
      { name: 'more likeness', options: { likeness: 1 }, steps: [asked, search('opening hours library Lyon')] },
    ],
    fires: [
      { name: 'documents on something else', steps: [retriever(question, [bad])], expect: [{ message: 'off_topic', at: 1 }] },
      {
        name: 'one question three times, at the last',
        steps: [asked, search('Lyon municipal library: the opening hours'), search('opening hours of the library in Lyon')],
        expect: [{ message: 'asked_again', at: 3 }],
      },
    ],
  },
  import.meta.url,
);
