import { retriever } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import retrievalQuality from './retrieval_quality.ts';

const question = 'What are the opening hours of the municipal library in Lyon?';
const good = 'The municipal library in Lyon: opening hours are Tuesday to Saturday, 10 to 19.';
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
    ],
    fires: [
      { name: 'documents on something else', steps: [retriever(question, [bad])], expect: [{ message: 'off_topic', at: 1 }] },
    ],
  },
  import.meta.url,
);
