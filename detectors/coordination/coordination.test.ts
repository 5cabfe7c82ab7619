import { step, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import coordination from './coordination.ts';

const send = (from: string, to: string, content: string, acknowledged = true) =>
  tool('send_message', { to, content }, { agent: from, result: { delivered: true, acknowledged } });
const team = step('workflow', { name: 'team', system: 'Agents in this team: planner, clerk, editor' });
const swap = (i: number) => [
  send('clerk', 'editor', `Here is draft ${i}.`),
  send('editor', 'clerk', 'Wrong format, do it again.'),
];

const says = (name: string, output: string) => step('agent', { agent: name, output });
const asks = says('solver', 'The length is not stated. Could you please provide it?');
const ledger = (progress: boolean, satisfied = false) =>
  says(
    'planner',
    `Updated Ledger:\n${JSON.stringify({
      is_request_satisfied: { reason: 'As far as known.', answer: satisfied },
      is_progress_being_made: { reason: 'As far as seen.', answer: progress },
    })}`,
  );

testDetector(
  coordination,
  {
    quiet: [
      { name: 'a chain of waiting', nearMiss: true, steps: [says('a1', 'I wait for a2.'), says('a2', 'I wait for a3.')] },
      {
        name: 'one that waited goes on',
        nearMiss: true,
        steps: [says('a1', 'I wait for a2.'), says('a1', 'The data is here.'), says('a2', 'I wait for a1.')],
      },
      { name: 'waiting for things', steps: [says('a1', 'I wait for approval.'), says('a2', 'I wait for approval.')] },
      {
        name: 'a request and its answer',
        steps: [send('planner', 'clerk', 'Count the orders.'), send('clerk', 'planner', '41 orders.')],
      },
      { name: 'one request that nobody received', nearMiss: true, steps: [send('planner', 'clerk', 'Count the orders.', false)] },
      {
        name: 'three status reports',
        nearMiss: true,
        steps: [1, 2, 3].map((i) => send('clerk', 'planner', `Status: ${i}0 % done.`)),
      },
      {
        name: 'a failure that is mended',
        steps: [send('clerk', 'editor', 'The import failed, please retry.'), send('editor', 'clerk', 'Retry successful.')],
      },
      { name: 'everybody is in the team', steps: [team, send('planner', 'clerk', 'Count.')] },
      {
        name: 'a task that comes back with its result',
        steps: [send('planner', 'clerk', 'Count.'), send('clerk', 'editor', 'Counted.'), send('editor', 'planner', 'Written.')],
      },
      { name: 'two rounds', nearMiss: true, steps: [...swap(1), ...swap(2)] },
      {
        name: 'one waits',
        steps: [send('planner', 'clerk', 'I am waiting for your data.'), send('clerk', 'planner', 'Here it is.')],
      },
      {
        name: 'a mail to a person',
        steps: [tool('send_email', { to: 'ann@example.com', body: 'failed' }, { agent: 'clerk', result: 'ok' })],
      },
      {
        name: 'a planner that sees progress',
        nearMiss: true,
        steps: [ledger(true), says('reader', 'The page is open.'), ledger(true), says('reader', 'Here is its table.')],
      },
      {
        name: 'the reply that ends a stall with the answer',
        nearMiss: true,
        steps: [ledger(false), says('reader', 'The table says 41.'), ledger(true, true)],
      },
      {
        name: 'the planner and the person speak after a stall',
        nearMiss: true,
        steps: [ledger(false), says('planner', 'Please open the page again.'), says('human', 'Go on.')],
      },
      {
        name: 'a question that is answered the second time',
        nearMiss: true,
        steps: [asks, says('driver', 'Continue.'), asks, says('driver', 'It is twelve feet.')],
      },
      {
        name: 'the same reply to what is no question',
        nearMiss: true,
        steps: [1, 2, 3].flatMap((i) => [says('solver', `Step ${i} is done.`), says('driver', 'Continue.')]),
      },
      {
        name: 'a ledger that is cut',
        steps: [says('planner', '{"is_progress_being_made": {"answer": fal'), says('reader', 'The page is open.')],
      },
    ],
    fires: [
      {
        name: 'a question that an automatic reply answers',
        steps: [asks, says('driver', 'Continue.'), asks, says('driver', 'Continue.')],
        expect: [{ message: 'unheard', at: 4, data: { from: 'driver', to: 'solver' } }],
      },
      {
        name: 'replies after a report of no progress',
        steps: [
          says('reader', 'The page is open.'),
          ledger(false),
          says('reader', 'The page is open.'),
          ledger(true),
          says('reader', 'The page is still open.'),
        ],
        expect: [
          { message: 'stalled', at: 3, data: { agent: 'reader' } },
          { message: 'stalled', at: 5 },
        ],
      },
      {
        name: 'a ledger of plain flags',
        steps: [
          says('planner', '{"is_request_satisfied": false, "is_progress_being_made": false}'),
          says('reader', 'Nothing found.'),
        ],
        expect: [{ message: 'stalled', at: 2 }],
      },
      {
        name: 'two requests that nobody received',
        steps: [send('planner', 'clerk', 'Count the orders.', false), send('planner', 'clerk', 'Please, the orders!', false)],
        expect: [{ message: 'unanswered', at: 2, data: { to: 'clerk', count: 2 } }],
      },
      {
        name: 'one is enough by option',
        options: { min_requests: 1 },
        steps: [send('planner', 'clerk', 'Count the orders.', false)],
        expect: [{ message: 'unanswered' }],
      },
      {
        name: 'a message to nobody',
        steps: [team, send('planner', 'accountant', 'Pay it.')],
        expect: [{ message: 'unknown_recipient', at: 2 }],
      },
      {
        name: 'the team is known at the end',
        steps: [send('planner', 'accountant', 'Pay it.'), team],
        expect: [{ message: 'unknown_recipient', at: 1 }],
      },
      {
        name: 'two wait for each other',
        steps: [send('planner', 'clerk', 'Waiting for your data.'), send('clerk', 'planner', 'Waiting for your signal.')],
        expect: [{ message: 'deadlock', at: 2 }],
      },
      {
        name: 'three say that they wait for each other',
        steps: [
          says('a1', 'I hold the lock and wait for a2.'),
          says('a2', 'Blocked by agent a3.'),
          says('a3', 'Waiting for a1.'),
        ],
        expect: [{ message: 'deadlock', at: 3, data: { from: 'a3', to: 'a1' } }],
      },
      {
        name: 'a task goes in a circle',
        steps: [
          send('planner', 'clerk', 'I delegate this to you.'),
          send('clerk', 'editor', 'Forwarding this.'),
          send('editor', 'planner', 'Escalating to you.'),
        ],
        expect: [{ message: 'circle', at: 3, data: { count: 3 } }],
      },
      {
        name: 'the same exchange three times',
        steps: [...swap(1), ...swap(2), ...swap(3)],
        expect: [{ message: 'back_and_forth', data: { count: 3 } }, { message: 'back_and_forth' }].slice(0, 1),
      },
      {
        name: 'two rounds by option',
        options: { min_rounds: 2 },
        steps: [...swap(1), ...swap(2)],
        expect: [{ message: 'back_and_forth' }],
      },
      {
        name: 'a flood',
        steps: Array.from({ length: 8 }, (_, i) => send('clerk', 'planner', `Message ${i}`)),
        expect: [{ message: 'flood', at: 8 }],
      },
      {
        name: 'a smaller flood by option',
        options: { max_burst: 3 },
        steps: Array.from({ length: 3 }, (_, i) => send('clerk', 'planner', `Message ${i}`)),
        expect: [{ message: 'flood' }],
      },
      {
        name: 'a failure that is handed on',
        steps: [
          send('clerk', 'editor', 'Missing required field: mail.', false),
          send('editor', 'planner', 'Cannot proceed without it.'),
        ],
        expect: [{ message: 'broken_handover', at: 1 }],
      },
      {
        name: 'conflicting instructions',
        steps: [send('clerk', 'planner', 'I have conflicting instructions here.')],
        expect: [{ message: 'conflict', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
