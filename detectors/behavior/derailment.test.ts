import { agent, llm, type MessageLike, step, times, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import derailment from './derailment.ts';

const system = 'Write code:\n```py\nx = 1\n```\nTools:\n- web_search: searches\n- search_agent: asks a colleague';
const task: readonly MessageLike[] = [{ role: 'system', text: system }, user('Find the length of the bridge.')];
const acts = (thought: string, code: string, more = {}) =>
  llm(`${thought}\n\`\`\`py\n${code}\n\`\`\``, { input: task, system, ...more });
const ask = (request: string, text: string) => llm(text, { input: [user(request)] });
const opener =
  'We will repair the parser in three stages: first reproduce the fault with a small input, then find the function that loses the last token, then write the patch and run all tests again.';
const half =
  'We will repair the parser in three stages: first reproduce the fault with a small input, but the tests showed that the lexer is wrong, so now someone should look at the lexer module and its tables.';
const says = (name: string, text: string) => agent(name, { output: text });
const talk = times(9, (i) => says('Navigator', `Looked at module ${i}.`));
const bridge =
  'the bridge has a length and a height, the length of the bridge counts, bridge towers stand at the river bank under the road deck beside old pillars, cables, arches';
const cake = 'flour sugar butter eggs vanilla oven dough cream frosting plates candles party guests napkins music dance';
const measure = (text: string) => llm(text, { input: [user('Report length height towers river bank road deck of the bridge')] });

testDetector(
  derailment,
  {
    quiet: [
      {
        name: 'a choice that was asked for',
        nearMiss: true,
        steps: [
          ask(
            'Where should I go, to the mountains or to the city?',
            'For museums the city would be a better choice than the hills.',
          ),
        ],
      },
      {
        name: 'what is announced is called',
        nearMiss: true,
        steps: [acts('I will use web_search.', 'print(web_search("bridge"))')],
      },
      {
        name: 'printing without an announcement',
        nearMiss: true,
        steps: [acts('I compute.', 'x = [i for i in range(3)]'), acts('Print it.', 'print("x")')],
      },
      { name: 'code as an answer', nearMiss: true, steps: [ask('Write hello world in Python.', '```py\nprint("hello")\n```')] },
      {
        name: 'an answer to the request',
        steps: [
          ask(
            'Explain how the parser of the compiler reads tokens and builds trees.',
            'The parser reads tokens from left to right and builds trees bottom up; the compiler then walks them twice before it writes the code for the machine.',
          ),
        ],
      },
      {
        name: 'a manner and no aside',
        nearMiss: true,
        steps: [
          ask(
            'Explain how the parser of the compiler reads tokens and builds trees.',
            'The parser reads tokens one by one; how the compiler builds its trees is decided by the way the tokens follow each other.',
          ),
        ],
      },
      {
        name: 'an answer in another language',
        nearMiss: true,
        steps: [
          ask(
            'Please translate the sentence about the weather in the mountains into German.',
            'Das Wetter in den Bergen bleibt heute schön, morgen ziehen Wolken auf, gegen Abend fällt Regen, nachts Schnee bis ins Tal hinunter.',
          ),
        ],
      },
      {
        name: 'the same sentence at once',
        nearMiss: true,
        steps: [says('Planner', opener), says('Editor', 'ok'), says('Planner', opener)],
      },
      {
        name: 'one agent that says it again',
        nearMiss: true,
        steps: [says('Planner', opener), ...times(9, says('Planner', 'ok')), says('Planner', opener)],
      },
      { name: 'half the opener, from no planner', nearMiss: true, steps: [says('Coder', opener), ...talk, says('Coder', half)] },
      {
        name: 'a stricter planner',
        options: { restart_likeness_leader: 0.9 },
        steps: [says('Planner', opener), ...talk, says('Planner', half)],
      },
      { name: 'steps that stay near the task', steps: times(10, (i) => measure(`${bridge} ${i}`)) },
      {
        name: 'one step apart',
        nearMiss: true,
        steps: [
          ...times(8, (i) => measure(`${bridge} ${i}`)),
          measure(`${cake} one`),
          ...times(3, (i) => measure(`${bridge} again ${i}`)),
        ],
      },
    ],
    fires: [
      {
        name: 'announced and only printed',
        steps: [
          acts('I start.', 'x = web_search("b")'),
          acts('Now I ask search_agent.', 'print("search_agent, find the length")'),
        ],
        expect: [{ message: 'said_not_done', at: 2, data: { tools: 'search_agent' } }],
      },
      {
        name: 'announced at the first step',
        steps: [acts('I ask search_agent.', 'print("find the length")')],
        expect: [
          { message: 'said_not_done', at: 1 },
          { message: 'idle_start', at: 1 },
        ],
      },
      {
        name: 'a first step that sets a variable',
        steps: [acts('I prepare.', 'request = "find the length"')],
        expect: [{ message: 'idle_start', at: 1 }],
      },
      {
        name: 'the planner begins anew',
        steps: [says('Planner', opener), ...talk, says('Planner', half)],
        expect: [{ message: 'restarted', at: 11 }],
      },
      {
        name: 'another agent begins anew',
        steps: [says('Coder', opener), ...talk, says('Coder', opener)],
        expect: [{ message: 'restarted', at: 11, data: { percent: 100 } }],
      },
      {
        name: 'a lower likeness',
        options: { restart_likeness: 0.2 },
        steps: [says('Coder', opener), ...talk, says('Coder', half)],
        expect: [{ message: 'restarted', at: 11 }],
      },
      {
        name: 'a tangent',
        steps: [
          ask(
            'When does the course end?',
            'It ends in May. Speaking of courses, did you know that the first ones were held in Bologna?',
          ),
        ],
        expect: [{ message: 'tangent', data: { words: 'Speaking of courses' } }],
      },
      {
        name: 'another way than the one asked for',
        steps: [ask('Write the parser in Java, please.', 'Rust would be a better choice for a parser; here is one in Rust.')],
        expect: [{ message: 'tangent', data: { words: 'better choice for a pars' } }],
      },
      {
        name: 'something else was answered',
        steps: [
          ask(
            'Explain how the parser of the compiler reads tokens and builds trees.',
            'On a grey morning the sailor left the harbour with two friends, a basket of bread and an old map that his grandmother had drawn when she was young, the lighthouse was white and the islands were still without names; nobody on the pier waved.',
          ),
        ],
        expect: [{ message: 'off_task', data: { percent: 0 } }],
      },
      {
        name: 'an agent whose request stands in the step around it',
        steps: [
          agent('summarizer', {
            output:
              'On a grey morning the sailor left the harbour with two friends, a basket of bread and an old map that his grandmother had drawn when she was young, the lighthouse was white and nobody on the wooden pier waved back.',
          }),
          step('workflow', { input: 'Summarize the financial report of the third quarter in a few short paragraphs' }),
        ],
        expect: [{ message: 'off_task', at: 1 }],
      },
      {
        name: 'little of the request in the answer',
        options: { max_likeness: 0.3 },
        steps: [
          ask(
            'Explain how the parser of the compiler reads tokens and builds trees.',
            'On a grey morning the sailor read the parser manual and left the harbour with two friends, a basket of bread and an old map that his grandmother had drawn when she was young, the lighthouse was white and nobody on the pier waved.',
          ),
        ],
        expect: [{ message: 'off_task' }],
      },
      {
        name: 'the work leaves the task',
        steps: [...times(8, (i) => measure(`${bridge} ${i}`)), ...times(3, (i) => measure(`${cake} ${i}`))],
        expect: [{ message: 'drift', at: 9 }],
      },
      {
        name: 'sooner',
        options: { drift_steps: 5 },
        steps: [...times(4, (i) => measure(`${bridge} ${i}`)), ...times(3, (i) => measure(`${cake} ${i}`))],
        expect: [{ message: 'drift', at: 5 }],
      },
    ],
  },
  import.meta.url,
);
