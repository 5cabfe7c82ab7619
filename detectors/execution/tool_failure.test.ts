import { llm, type MessageLike, type StepLike, step, times, tool, user } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import toolFailure from './tool_failure.ts';

const said = (text: string): MessageLike => ({ role: 'assistant', text });
const told = (text: string): MessageLike => ({ role: 'tool', toolResults: [{ name: 'python', text }] });
const fetch = (error: string) => tool('fetch', { url: 'a' }, { error });
const call = { role: 'assistant', toolCalls: [{ id: 'c', name: 'fetch', arguments: { url: 'b' } }] } as const;
const code = '```py\nprint(load("a"))\n```';

/** A model call inside a step of a code-acting agent, and the step, as it ended. */
function turn(n: number, result: string | undefined, error?: string): StepLike[] {
  const parent = `00000000000000a${n}`;
  return [
    llm(`Trying once more, round ${n}.\n${code}`, {
      parent,
      ...(result === undefined ? {} : { input: [user('Load a.'), said(code), told(result)] }),
    }),
    step('task', { span: parent, name: `step ${n}`, ...(error === undefined ? {} : { error }) }),
  ];
}

testDetector(
  toolFailure,
  {
    quiet: [
      { name: 'calls that work', steps: times(3, tool('fetch', { url: 'a' }, { result: 'body' })) },
      {
        name: 'a page about an error',
        nearMiss: true,
        steps: [
          tool('fetch', { url: 'a' }, { result: `HTTP status codes\n\n404 means not found.\n${'x'.repeat(300)}\nError: none` }),
        ],
      },
      {
        name: 'JSON with an empty error',
        nearMiss: true,
        steps: [tool('get', { id: 1 }, { result: { error: null, errors: [], data: { status: 'ok' } } })],
      },
      {
        name: 'a test report that counts no errors',
        nearMiss: true,
        steps: [tool('run', { cmd: 'lint' }, { result: 'Checked 12 files. Errors found: 0' })],
      },
      { name: 'code that runs', steps: [...turn(1, undefined), ...turn(2, 'loaded')] },
      {
        name: 'a model that thinks about a failure without acting',
        nearMiss: true,
        steps: [
          llm('Let me think about that.', {
            input: [user('go'), said(code), told("Error: TypeError: unexpected keyword argument 'x'")],
          }),
        ],
      },
    ],
    fires: [
      { name: 'a time-out', steps: [fetch('request timed out')], expect: [{ message: 'timeout', at: 1, severity: 'medium' }] },
      {
        name: 'a time-out by outcome',
        steps: [tool('fetch', {}, { outcome: 'timeout' })],
        expect: [{ message: 'timeout', severity: 'medium' }],
      },
      {
        name: 'a run that ends on a time-out',
        steps: [tool('read', { p: 'a' }, { result: 'x' }), tool('fetch', {}, { error: 'deadline exceeded' }), llm('Sorry.')],
        expect: [{ message: 'timeout', at: 2, severity: 'medium' }],
      },
      {
        name: 'a time-out that was retried',
        steps: [fetch('timed out'), tool('fetch', { url: 'a' }, { result: 'body' })],
        expect: [{ message: 'timeout', severity: 'low' }],
      },
      {
        name: 'a limit of the environment',
        steps: [fetch('InterpreterError: Reached the maximum number of 10000000 operations')],
        expect: [{ message: 'limited' }],
      },
      {
        name: 'the provider of the model refuses, and answers later',
        steps: [llm(undefined, { error: 'RateLimitError: rate limit exceeded' }), llm('Here it is.')],
        expect: [{ message: 'rate_limited', at: 1, severity: 'low', data: { tool: 'gpt-4o' } }],
      },
      { name: 'a rate limit', steps: [fetch('429 Too Many Requests')], expect: [{ message: 'rate_limited' }] },
      {
        name: 'a page that refuses, told as text',
        steps: [tool('visit', { url: 'a' }, { result: 'Address: https://example.org\nTitle: Error 403\n\nAccess denied' })],
        expect: [{ message: 'refused', at: 1, data: { class: 'authentication' } }],
      },
      {
        name: 'no such file',
        steps: [tool('read', { path: 'a' }, { result: 'Error: ENOENT: no such file' })],
        expect: [{ message: 'not_found' }],
      },
      {
        name: 'a service',
        steps: [tool('get', {}, { result: { isError: true, content: '503', message: 'Service Unavailable' } })],
        expect: [{ message: 'unavailable' }],
      },
      {
        name: 'a package',
        steps: [
          tool(
            'run',
            { cmd: 'x' },
            { result: "Traceback (most recent call last):\nModuleNotFoundError: No module named 'pandas'" },
          ),
        ],
        expect: [{ message: 'environment' }],
      },
      {
        name: 'an argument',
        steps: [tool('scroll', { '': {} }, { error: "scroll() got an unexpected keyword argument ''" })],
        expect: [{ message: 'rejected' }],
      },
      {
        name: 'a query points at the model that asked',
        steps: [
          llm([call], { parent: '00000000000000a1' }),
          llm(code, { parent: '00000000000000a1' }),
          tool('search', { q: 'x' }, { parent: '00000000000000a1', error: "No results found for query 'x'" }),
        ],
        expect: [{ message: 'empty', at: 2 }],
      },
      {
        name: 'a business rule',
        steps: [tool('cancel', { id: 4 }, { result: { status: 'error', message: 'order already shipped' } })],
        expect: [{ message: 'failed', data: { class: 'other' } }],
      },
      {
        name: 'three failures in a row',
        steps: times(3, (i) => fetch(`boom ${i}`)),
        expect: [
          { message: 'failed', at: 1, severity: 'medium', data: { count: 3 } },
          { message: 'exhausted', at: 3, data: { count: 3 } },
        ],
      },
      {
        name: 'two failures under a lower limit',
        options: { max_failures: 2 },
        steps: [...times(2, (i) => fetch(`boom ${i}`)), tool('fetch', { url: 'a' }, { result: 'body' })],
        expect: [
          { message: 'failed', severity: 'low' },
          { message: 'exhausted', at: 2 },
        ],
      },
      {
        name: 'the model acts on a rejected call, and succeeds',
        steps: [
          tool('scroll', { '': {} }, { error: "got an unexpected keyword argument ''" }),
          llm([call], { input: [user('go'), call, told("Error: got an unexpected keyword argument ''")] }),
          tool('scroll', {}, { result: 'next page' }),
        ],
        expect: [
          { message: 'rejected', at: 1 },
          { message: 'carried', at: 2, severity: 'low', data: { tool: 'scroll', class: 'arguments' } },
        ],
      },
      {
        name: 'code that fails, and the code after it',
        steps: [
          ...turn(1, undefined, 'InterpreterError: load is not defined'),
          ...turn(2, 'Error:\nInterpreterError: load is not defined'),
        ],
        expect: [
          { message: 'failed', at: 1, data: { tool: 'code' } },
          { message: 'carried', at: 3, severity: 'low' },
        ],
      },
      {
        name: 'code that fails twice',
        steps: [
          ...turn(1, undefined, 'SyntaxError: invalid syntax'),
          ...turn(2, 'Error: SyntaxError: invalid syntax', 'SyntaxError: invalid syntax'),
        ],
        expect: [
          { message: 'failed', at: 1, severity: 'medium', data: { count: 2 } },
          { message: 'carried', at: 3, severity: 'medium' },
        ],
      },
      {
        name: 'letter by letter',
        steps: [...turn(1, undefined), ...turn(2, `Observation:\n${[...'directory'].join('\n')}\n`)],
        expect: [{ message: 'spelled_out', at: 3 }],
      },
    ],
  },
  import.meta.url,
);
