import { agent, llm, type MessageLike, type StepLike, step, tool, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import completion from './completion.ts';

const code = (text: string) => `\`\`\`py\n${text}\n\`\`\``;
const definitions = ['web_search', 'final_answer'].map((name) => ({ name, description: undefined, parameters: undefined }));
const task = [
  { role: 'system', text: 'Tools:\n- web_search: searches\n- final_answer: ends the task' } as MessageLike,
  user('Which town is it?'),
];
const answer = (thought: string, more = {}) => llm(`${thought}\n${code('final_answer("Bergen")')}`, { input: task, ...more });
const api = (name: string, args: unknown, text = ''): MessageLike => ({
  role: 'assistant',
  text,
  toolCalls: [{ id: name, name, arguments: args }],
});
const list =
  'Set up the shop.\n\nSubtasks:\n- create the product catalogue\n- connect the payment provider\n- send confirmation e-mails\n- publish shipping rates';
const prose = (request: string, text: string, more = {}) => llm(text, { input: [user(request)], ...more });
const says = (name: string, output: string) => step('agent', { agent: name, output });
const request = says(
  'asker',
  'Solve it in Python:\n```python\n# your code\n```\nProblem: six boxes of 12 pencils, 5 are broken.',
);
const program = says('solver', 'Multiply and subtract.\n```python\nprint(6 * 12 - 5)\n```');
const refusal =
  "Error code: 400 - {'error': {'code': 'content_filter', 'message': \"The response was filtered due to Azure OpenAI's content management policy.\"}}";
const stock = (...available: boolean[]) =>
  tool('get_product', { id: 'p1' }, { result: { variants: available.map((one, i) => ({ id: `${i}`, available: one })) } });
const tests = (result: string): StepLike => tool('run_tests', {}, { result });

testDetector(
  completion,
  {
    quiet: [
      {
        name: 'a number that the results hold',
        nearMiss: true,
        steps: [stock(true, true, false), llm('There are 2 available variants.')],
      },
      {
        name: 'a choice of what is there',
        nearMiss: true,
        steps: [stock(true, true, true), llm('For you there are 2 available sizes.')],
      },
      {
        name: 'a number over several results',
        nearMiss: true,
        steps: [stock(true, true, false), stock(true, true, true), llm('I found 5 available variants.')],
      },
      {
        name: 'a result that is cut',
        steps: [
          tool('get_product', {}, { result: '[{"available": true}, {"available": true}, {"available": tr' }),
          llm('There are 9 available variants.'),
        ],
      },
      {
        name: 'an agent that checks what was printed',
        nearMiss: true,
        steps: [request, program, says('asker', '67'), says('solver', 'I verified it by adding them up: the answer is 67.')],
      },
      {
        name: 'code that ran twice',
        nearMiss: true,
        steps: [request, program, says('asker', '67'), program, says('asker', '67'), says('solver', 'The answer is 67.')],
      },
      {
        name: 'code that a third agent wrote again',
        steps: [request, program, says('critic', '```python\nprint(67)\n```'), says('asker', '67'), says('critic', 'It is 67.')],
      },
      {
        name: 'code that failed',
        steps: [request, program, says('asker', 'Traceback: line 1 failed'), says('solver', 'The answer is 1.')],
      },
      {
        name: 'an answer that somebody else goes on from',
        steps: [
          request,
          program,
          says('asker', '67'),
          says('solver', 'The answer is 67.'),
          says('asker', 'Are the broken ones counted?'),
        ],
      },
      {
        name: 'a report about content filters',
        nearMiss: true,
        steps: [says('writer', 'Azure calls it content management policy; the code is content_policy_violation.')],
      },
      {
        name: 'an answer after a search',
        nearMiss: true,
        steps: [tool('web_search', { query: 'town' }, { result: 'Bergen' }), answer('The town is Bergen.')],
      },
      { name: 'an answer that needs no tool', nearMiss: true, steps: [answer('Reversed, the word reads Bergen.')] },
      {
        name: 'the call and the answer in one block',
        nearMiss: true,
        steps: [llm(`I assume so.\n${code('x = web_search("town")\nfinal_answer(x)')}`, { input: task })],
      },
      {
        name: 'code that read something before',
        steps: [
          llm(code('with open("a") as f: print(f.read())'), { input: task }),
          llm(`Done.\n${code('final_answer(town)')}`, { input: task }),
        ],
      },
      {
        name: 'a chat without tools',
        nearMiss: true,
        steps: [prose('Hello, can you help me with a few things?', 'Of course. What is it about?')],
      },
      {
        name: 'every item is reported',
        nearMiss: true,
        steps: [
          prose(
            list,
            'The shop is set up: the catalogue is created, the payment provider connected, confirmation e-mails are sent, shipping rates published.',
          ),
        ],
      },
      {
        name: 'one item of four is left out',
        nearMiss: true,
        steps: [
          prose(list, 'All is ready: the catalogue is created, the payment provider connected, confirmation e-mails are sent.'),
        ],
      },
      { name: 'an answer that claims nothing', steps: [prose(list, 'Which payment provider do you use?')] },
      {
        name: 'items left out where tools did the work',
        steps: [tool('create_shop', {}, { result: 'ok' }), prose(list, 'The shop is set up.')],
      },
      { name: 'a longer list is wanted', options: { min_items: 5 }, steps: [prose(list, 'The shop is set up and ready.')] },
      {
        name: 'tests that were repaired',
        nearMiss: true,
        steps: [
          tests('2 failed, 3 passed'),
          tool('edit', { f: 'a' }, { result: 'ok' }),
          tests('5 passed, 0 failed'),
          llm('All tests pass.'),
        ],
      },
      {
        name: 'a failed check that is admitted',
        nearMiss: true,
        steps: [tests('2 failed, 3 passed'), llm('Two tests fail still.')],
      },
      {
        name: 'todos that are closed',
        steps: [tool('write_todos', { todos: [{ content: 'a', status: 'completed' }] }), llm('The work is complete.')],
      },
      {
        name: 'another question after the answer',
        nearMiss: true,
        steps: [
          answer('Reversed, the word reads Bergen.'),
          llm(code('final_answer("Oslo")'), { input: [...task, api('x', {}), user('And the other?')] }),
        ],
      },
      {
        name: 'a failed model call that is tried again',
        nearMiss: true,
        steps: [llm(undefined, { error: 'overloaded' }), llm('Here it is.')],
      },
      {
        name: 'a final answer that failed is tried again',
        nearMiss: true,
        steps: [
          answer('So it reads Bergen.', { parent: '00000000000000a1' }),
          step('task', { span: '00000000000000a1', error: 'SyntaxError' }),
          answer('Now it reads Bergen.', { parent: '00000000000000a2' }),
        ],
      },
      {
        name: 'two tasks of two agents',
        steps: [answer('It reads Bergen.'), llm(code('final_answer("Oslo")'), { input: [user('Another task.')] })],
      },
    ],
    fires: [
      {
        name: 'more than there are',
        steps: [stock(true, true, false, false), llm('There are 3 available variants.')],
        expect: [{ message: 'miscounted', at: 2, data: { stated: 3, flag: 'available', set: 2, all: 4 } }],
      },
      {
        name: 'the print of one run is the answer',
        steps: [request, program, says('asker', '67.0'), says('solver', 'The answer is 67.')],
        expect: [{ message: 'unchecked', at: 4 }],
      },
      {
        name: 'a filter answers for an agent',
        steps: [says('reader', `Traceback\n${refusal}`)],
        expect: [{ message: 'filtered', at: 1 }],
      },
      {
        name: 'a filter ends a model call',
        steps: [llm('', { finish: 'content_filter' })],
        expect: [{ message: 'filtered', at: 1 }],
      },
      {
        name: 'an answer from memory at the first step',
        steps: [answer('I recall that this is well known.')],
        expect: [
          { message: 'unsupported', at: 1, severity: 'medium', data: { signs: 'assumptions' } },
          { message: 'recalled' },
          { message: 'tools_skipped' },
          { message: 'plan_skipped' },
        ],
      },
      {
        name: 'the same through the API',
        steps: [
          llm([api('final_answer', { answer: 'Bergen' }, 'It is probably Bergen, according to the register.')], {
            input: task,
            tools: definitions,
          }),
        ],
        expect: [{ message: 'unsupported' }, { message: 'recalled' }, { message: 'tools_skipped' }, { message: 'plan_skipped' }],
      },
      {
        name: 'a plan that was skipped, numbers from nowhere',
        steps: [
          llm('1. Use web_search to find the register.\n2. Answer.', {
            input: [{ role: 'user', text: 'Make a plan. Tools:\n- web_search: searches' }],
          }),
          llm(`I have the plan.\n${code('print("task")')}`, { input: task }),
          answer('The register lists it under 48213.'),
        ],
        expect: [
          { message: 'unsupported', at: 3, severity: 'high' },
          { message: 'claimed_source', data: { tools: 'web_search' } },
        ],
      },
      {
        name: 'a guess after tools',
        steps: [tool('web_search', { query: 'town' }, { result: 'no results' }), answer('I assume it is Bergen.')],
        expect: [{ message: 'assumed', at: 2 }],
      },
      {
        name: 'success after failed tests',
        steps: [tests('2 failed, 3 passed'), llm('Everything works and the task is complete.')],
        expect: [{ message: 'failed_check', at: 2 }],
      },
      {
        name: 'success after a failed command',
        steps: [
          tool('bash', { command: 'npx vitest run' }, { error: 'exit code 1' }),
          llm('The bug has been fixed successfully.'),
        ],
        expect: [{ message: 'failed_check', at: 2 }],
      },
      {
        name: 'success with open todos',
        steps: [
          tool('TodoWrite', {
            todos: [
              { content: 'a', status: 'completed' },
              { content: 'b', status: 'pending' },
            ],
          }),
          llm('The work is complete.'),
        ],
        expect: [{ message: 'open_todos', at: 2, data: { open: 1 } }],
      },
      {
        name: 'three items of four are left out',
        steps: [prose(list, 'The shop is set up. The catalogue is ready.')],
        expect: [{ message: 'partial', data: { unmet: 3, items: 4 } }],
      },
      {
        name: 'one of four, where none may be',
        options: { max_unmet: 0.2 },
        steps: [
          prose(list, 'All is ready: the catalogue is created, the payment provider connected, confirmation e-mails are sent.'),
        ],
        expect: [{ message: 'partial', data: { unmet: 1 } }],
      },
      {
        name: 'done, but',
        steps: [prose('Add search to the shop.', 'Search is implemented. Filters are not yet supported.')],
        expect: [{ message: 'gap' }],
      },
      {
        name: 'a deployment after failed tests',
        steps: [tests('15 passed, 3 failed'), agent('deployer', { output: 'Deploying to production now.' })],
        expect: [{ message: 'failed_check', at: 2 }],
      },
      {
        name: 'an agent whose request stands in the step around it',
        steps: [
          agent('writer', { output: 'Here is the report. Executive summary: good. Task complete!' }),
          step('workflow', {
            input: 'Write a report with executive summary, financial analysis, market trends, and recommendations',
          }),
        ],
        expect: [{ message: 'partial', at: 1, data: { items: 5 } }],
      },
      {
        name: 'the last model call fails',
        steps: [llm('Let me look.'), llm(undefined, { error: 'overloaded' })],
        expect: [{ message: 'no_answer', at: 2 }],
      },
      {
        name: 'work after the answer',
        steps: [
          answer('Reversed, the word reads Bergen.'),
          llm([api('web_search', { query: 'Bergen' })], {
            input: [...task, api('x', {}), { role: 'tool', toolResults: [{ text: 'ended' }] }],
          }),
        ],
        expect: [{ message: 'delayed', at: 2 }],
      },
    ],
  },
  import.meta.url,
);
