import { handoff, type StepLike, step, times, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import openclawSessionLoop from './openclaw_session_loop.ts';

const oc = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  extra: { 'run.format': 'openclaw', ...extra },
});
const call = (result: string, q = 'x') => oc(tool('search', { q }, { result }));
const says = (text: string) => oc(step('task', { output: text }));
const pass = (from: string, to: string) => oc(handoff(from, to), { 'event.type': 'session.send' });

/** Three identical calls in nine rows. */
const apart = [
  ...['one', 'two'].flatMap((word) => [
    call('none'),
    says(`Looking at shelf ${word}.`),
    says(`Nothing on shelf ${word} yet.`),
    says(`Going on after shelf ${word}.`),
  ]),
  call('none'),
];

testDetector(
  openclawSessionLoop,
  {
    quiet: [
      { name: 'two identical calls', nearMiss: true, steps: [...times(2, call('none'))] },
      { name: 'three identical calls, the first no longer in the window', options: { window: 8 }, steps: apart },
      { name: 'a poll that moves', steps: [...times(5, (i) => call(`${i} of 9 done`))] },
      { name: 'different words', steps: [says('Your order is on its way.'), says('It will arrive tomorrow.')] },
      { name: 'a question and its answer', nearMiss: true, steps: [pass('desk', 'billing'), pass('billing', 'desk')] },
      { name: 'the same calls elsewhere', steps: [...times(5, tool('search', { q: 'x' }, { result: 'none' }))] },
    ],
    fires: [
      {
        name: 'three identical calls',
        steps: [...times(3, call('none'))],
        expect: [{ message: 'same_call', at: 3, data: { count: 3 } }],
      },
      {
        name: 'three with others between, all within the window',
        steps: apart,
        expect: [{ message: 'same_call', at: 9 }],
      },
      {
        name: 'two by option',
        options: { min_repeats: 2 },
        steps: [...times(2, call('none'))],
        expect: [{ message: 'same_call' }],
      },
      {
        name: 'the same words',
        steps: [...times(3, says('Let me think about how to solve this.'))],
        expect: [{ message: 'same_words', at: 3 }],
      },
      {
        name: 'a task back and forth',
        steps: [pass('desk', 'billing'), pass('billing', 'desk'), pass('desk', 'billing'), pass('billing', 'desk')],
        expect: [{ message: 'ping_pong', at: 4, data: { count: 4 } }],
      },
      {
        name: 'two passes by option',
        options: { min_passes: 2 },
        steps: [pass('desk', 'billing'), pass('billing', 'desk')],
        expect: [{ message: 'ping_pong' }],
      },
    ],
  },
  import.meta.url,
);
