import { llm, retriever, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import grounding from './grounding.ts';

const fact = 'The old bridge over the Saône was built in 1931 by the engineer Paul Séjourné and carries two lanes of traffic.';
const docs = retriever('bridge', [fact]);
const answer = (text: string, context = fact, asked = 'I wonder when it was built.') =>
  llm(text, { input: [{ role: 'system', text: `Context: ${context}` }, user(asked)] });
const stated = (text: string, context = fact) => answer(text, context, 'When was the bridge built?');
const quota = 'Plan limits: 50K requests per day. Daily reset at 17:00. Support replies within two business days.';
const plan = retriever('limits', [quota]);
const report = `${fact} It was repaired once. `.repeat(4);
const fantasy =
  'Medieval masons erected several wooden towers near Marseille during long winters, while merchants from Genoa financed stone quarries, ' +
  'ships, warehouses and markets; later generations forgot these buildings until archaeologists discovered painted tiles beneath gardens, ' +
  'streets and cellars, which museums now exhibit together with coins, tools, jewellery and letters from distant colonies overseas.';

testDetector(
  grounding,
  {
    quiet: [
      {
        name: 'an answer in the words of the document',
        steps: [docs, answer('The bridge was built in 1931 by the engineer Paul Séjourné.')],
      },
      {
        name: 'a reordered answer',
        nearMiss: true,
        steps: [docs, answer('The engineer Paul Séjourné built the old bridge over the Saône in 1931.')],
      },
      {
        name: 'the same values in other words',
        nearMiss: true,
        steps: [plan, stated('The plan allows 50,000 requests every day, and the counter is reset at 5 PM.', quota)],
      },
      {
        name: 'a question that the documents leave open',
        nearMiss: true,
        steps: [plan, stated("The limit is 50,000 requests per day. I don't have information about prices or discounts.", quota)],
      },
      { name: 'no documents', steps: [answer('It was built by Martians in the last century, I think.')] },
      {
        name: 'a model call that was not shown the documents',
        steps: [docs, answer('Elephants love mountains and Hannibal knew that.', 'You route questions.')],
      },
      {
        name: 'structured output',
        steps: [docs, answer('{"tool": "search", "query": "elephants in the mountains of Hannibal"}')],
      },
      { name: 'one word', steps: [docs, answer('Elephants.')] },
      {
        name: 'a longer minimum',
        options: { min_words: 20 },
        steps: [docs, answer('Elephants love mountains and Hannibal knew that.')],
      },
      { name: 'a long text from the documents', steps: [retriever('bridge', [report]), answer(report, report)] },
    ],
    fires: [
      {
        name: 'an answer of other words',
        steps: [docs, answer('Elephants love mountains and Hannibal knew that.')],
        expect: [{ message: 'unsupported_reply', at: 2 }],
      },
      {
        name: 'a long text of other words',
        steps: [docs, answer(fantasy)],
        expect: [{ message: 'unsupported_text', at: 2 }],
      },
      {
        name: 'a value that no document has',
        steps: [plan, stated('The plan allows 80,000 requests per day, the highest quota of all providers.', quota)],
        expect: [{ message: 'unsupported_claims', at: 2 }],
      },
      {
        name: 'praise that no document has',
        steps: [plan, stated('The plan allows 50,000 requests per day and support is excellent and highly recommended.', quota)],
        expect: [{ message: 'unsupported_claims', at: 2 }],
      },
      {
        name: 'a lower mark for claims',
        options: { claims_at: 0.2 },
        steps: [plan, stated('The plan allows 50,000 requests every day, and the counter is reset at 5 PM.', quota)],
        expect: [{ message: 'unsupported_claims', at: 2 }],
      },
      {
        name: 'a lower mark',
        options: { ungrounded_at: 0 },
        steps: [docs, answer('The bridge was built in 1931 by the engineer Paul Séjourné.')],
        expect: [{ message: 'unsupported_reply' }],
      },
    ],
  },
  import.meta.url,
);
