import { describe, expect, test } from 'vitest';
import type { Message, Step } from '../step/step.ts';
import { actionOf, acts, toolsNamed } from './action.ts';

/** A model call as far as an action is read from it. */
function one(text: string, system?: string): Step {
  const message: Message = {
    role: 'assistant',
    name: undefined,
    text,
    reasoning: undefined,
    toolCalls: [],
    toolResults: [],
    truncated: false,
  };
  return { system, input: [], output: [message], toolDefinitions: [] } as unknown as Step;
}

const py = (code: string): Step => one(`Thought.\n\`\`\`py\n${code}\n\`\`\`<end>`);

describe('the action of a model call', () => {
  test.each([
    ['a tool', 'x = web_search("a (b)")', { calls: ['web_search'], works: true, printsOnly: false, answers: false }],
    [
      'printing a call as text',
      'print("web_search(1)")  # then web_search(2)',
      { calls: [], works: false, printsOnly: true, answers: false },
    ],
    ['a written answer', 'final_answer("Oslo")', { calls: [], answers: true, literal: true, works: false }],
    ['a written answer by name', 'final_answer(answer=28)', { answers: true, literal: true }],
    ['a computed answer', 'final_answer(total / 3)', { answers: true, literal: false }],
    ['an own function', 'def area(a):\n    return a * a\nprint(area(3))', { calls: [], works: true, printsOnly: false }],
    ['a method', 'print(text.upper())', { calls: [], works: false, printsOnly: true }],
    ['a loop', 'for a in b:\n    print(a)', { works: true, printsOnly: false }],
    ['a string that is not closed', 'print("a\nweb_search(1)', { calls: ['web_search'] }],
  ])('%s', (_, code, expected) => {
    expect(actionOf(py(code))).toMatchObject(expected);
  });

  test('prose acts not', () => {
    expect(acts(actionOf(one('I will call web_search(1).')))).toBe(false);
  });

  test('a block that is not closed reaches to the end', () => {
    expect(actionOf(one('```py\nweb_search(1)')).calls).toEqual(['web_search']);
  });

  test('tools that are named and not called', () => {
    const system = '- web_search: searches\n- read_page: reads';
    const step = one('I use web_search, read_page and no_tool.\n```py\nweb_search(1)\n```', system);
    expect(toolsNamed(step)).toEqual(['read_page']);
  });
});
