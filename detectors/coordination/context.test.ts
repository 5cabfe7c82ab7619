import { llm, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import context from './context.ts';

const told =
  'We are a bakery in Lyon with 14 employees and 3 ovens. Our budget is 25,000 euros. The new oven must fit through a door of 90 cm, run on 400 volts, and be delivered before 12 May. Which models do you advise, and what do they cost?';
const used =
  'With your 25,000 euros and a door of 90 cm, the Deck 4 fits: it is 86 cm wide, runs on 400 volts, costs 21,400 euros and can be delivered in Lyon before 12 May, for 3 ovens and 14 employees. A model that you might advise against is the Deck 6, which is 96 cm wide and so does not pass the door.';
const vague = 'Ovens are an important investment. It pays to compare offers.';
const asked = (text: string, answer: string) => llm(answer, { input: [user(text)] });

testDetector(
  context,
  {
    quiet: [
      { name: 'an answer that uses what it was told', nearMiss: true, steps: [asked(told, used)] },
      { name: 'a short question', steps: [asked('Which oven do you advise?', vague)] },
      {
        name: 'a tool call is no answer',
        steps: [
          llm([{ role: 'assistant', text: vague, toolCalls: [{ name: 'search', arguments: {} }] }], { input: [user(told)] }),
        ],
      },
      { name: 'a higher mark', options: { report_at: 1 }, steps: [asked(told, vague)] },
    ],
    fires: [
      { name: 'an answer that would fit any question', steps: [asked(told, vague)], expect: [{ message: 'neglected', at: 1 }] },
    ],
  },
  import.meta.url,
);
