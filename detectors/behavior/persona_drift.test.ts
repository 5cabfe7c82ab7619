import { llm } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import personaDrift from './persona_drift.ts';

const role =
  'You are a travel assistant. You book trains and hotels in France, explain fares and timetables, and answer questions about reservations.';
const inRole =
  'Your reservation for two trains in France is booked: the fares are explained below with the timetables, and the hotels in Lyon answer questions about reservations directly. As your travel assistant I can also book other hotels.';
const astray =
  'Mitochondria convert nutrients into adenosine triphosphate, and whoever doubts that should read a biochemistry textbook, love!';
const says = (text: string, more = {}) => llm(text, { system: role, ...more });

testDetector(
  personaDrift,
  {
    quiet: [
      { name: 'an answer within the role', nearMiss: true, steps: [says(inRole)] },
      { name: 'no instructions', steps: [llm(astray)] },
      { name: 'a few words', steps: [says('Yes, of course.')] },
      { name: 'instructions that say nothing of a role', steps: [says(astray, { system: 'Be brief.' })] },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [says(astray)] },
    ],
    fires: [{ name: 'an answer of another trade', steps: [says(astray)], expect: [{ message: 'drifted', at: 1 }] }],
  },
  import.meta.url,
);
