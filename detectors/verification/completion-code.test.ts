import { expect, test } from 'vitest';
import { llm, toSteps } from '../../src/detector/testing/builders.ts';
import { type Code, followCode } from './completion-code.ts';

const CODE = 'Run this:\n```python\nprint(6 * 7)\n```';
const says = (agent: string, text: string) => llm(text, { agent });
const follow = (...turns: readonly (readonly [agent: string, text: string])[]) =>
  toSteps(turns.map(([agent, text]) => says(agent, text))).reduce<Code | null>((code, step) => followCode(code, step), null);

test('nothing is followed until one holds code', () => {
  expect(follow(['writer', 'I think it is 42.'])).toBeNull();
  expect(follow(['writer', CODE])).toMatchObject({
    author: 'writer',
    asked: false,
    written: 1,
    runs: 0,
    printed: null,
    taken: null,
  });
});

test('what a single run printed is taken for the answer', () => {
  expect(follow(['writer', CODE], ['runner', '42'], ['writer', 'The answer is 42.'])).toMatchObject({
    runs: 1,
    values: ['42'],
    printed: { spanId: '0000000000000002' },
    taken: { spanId: '0000000000000003' },
  });
});

test.each<[string, readonly (readonly [string, string])[]]>([
  [
    'another value',
    [
      ['runner', '42'],
      ['writer', 'The answer is 41.'],
    ],
  ],
  [
    'somebody who looks at it',
    [
      ['runner', '42'],
      ['writer', 'Let me check: 42 is right.'],
    ],
  ],
  [
    'a run that failed',
    [
      ['runner', 'Traceback: line 42'],
      ['writer', 'The answer is 42.'],
    ],
  ],
  [
    'a print that is a report',
    [
      ['runner', `${'x'.repeat(401)} 42`],
      ['writer', 'The answer is 42.'],
    ],
  ],
  [
    'a run without a value',
    [
      ['runner', 'ok'],
      ['writer', 'The answer is 42.'],
    ],
  ],
  [
    'somebody who speaks after it',
    [
      ['runner', '42'],
      ['writer', 'The answer is 42.'],
      ['runner', 'Thanks.'],
    ],
  ],
])('%s is not taken', (_, turns) => {
  expect(follow(['writer', CODE], ...turns)?.taken).toBeNull();
});

test('a request may show the form; what another then writes is the first code, a second block is a second look', () => {
  expect(follow(['user', CODE], ['writer', CODE])).toMatchObject({ author: 'writer', asked: true, written: 1 });
  expect(follow(['writer', CODE], ['writer', CODE])).toMatchObject({ written: 2 });
  expect(follow(['writer', CODE], ['runner', '42'], ['runner', '43'], ['writer', 'The answer is 43.'])).toMatchObject({
    runs: 2,
    taken: null,
  });
});
