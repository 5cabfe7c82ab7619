import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { patched } from './patch.ts';

const remedy = `
from langchain.agents import create_agent
from langchain.agents.middleware import ToolCallLimitMiddleware

agent = create_agent(
    model,
    tools,
    middleware=[ToolCallLimitMiddleware(tool_name="ls", run_limit=5)],
)
`;
const imports = 'from langchain.agents import create_agent\n';
const added = 'from langchain.agents.middleware import ToolCallLimitMiddleware\n';
const limit = 'ToolCallLimitMiddleware(tool_name="ls", run_limit=5)';

describe('into the call', () => {
  test.each<[what: string, before: string, after: string]>([
    ['an argument', 'a = create_agent(m, t)\n', `a = create_agent(m, t, middleware=[${limit}])\n`],
    ['no argument', 'a = create_agent()\n', `a = create_agent(middleware=[${limit}])\n`],
    ['a comma at the end', 'a = create_agent(m, t,)\n', `a = create_agent(m, t, middleware=[${limit}])\n`],
    ['lines', 'a = create_agent(\n    m,\n    t\n)\n', `a = create_agent(\n    m,\n    t,\n    middleware=[${limit}],\n)\n`],
    [
      'lines, a comma',
      '  a = create_agent(\n      m,\n  )\n',
      `  a = create_agent(\n      m,\n      middleware=[${limit}],\n  )\n`,
    ],
    ['a list', 'a = create_agent(m, middleware=[Own()])\n', `a = create_agent(m, middleware=[${limit}, Own()])\n`],
    ['an empty list', 'a = create_agent(m, middleware=[ ])\n', `a = create_agent(m, middleware=[${limit} ])\n`],
    [
      'text that looks like it',
      `# create_agent(\ns = "create_agent("\na = create_agent(m)\n`,
      `# create_agent(\ns = "create_agent("\na = create_agent(m, middleware=[${limit}])\n`,
    ],
    [
      'a definition of that name is none',
      'def create_agent(x): ...\na = create_agent(m)\n',
      `def create_agent(x): ...\na = create_agent(m, middleware=[${limit}])\n`,
    ],
    [
      'a comment behind the last argument',
      'a = create_agent(\n    m,  # the model\n)\n',
      `a = create_agent(\n    m,\n    middleware=[${limit}],  # the model\n)\n`,
    ],
  ])('%s', (_, before, after) => {
    const { text, how } = patched(imports + before, remedy);
    expect(text).toBe(imports + added + after);
    expect(how).toMatch(/^Into the call of create_agent in line \d+\.$/);
  });

  test('numbers are replaced, texts are extended', () => {
    expect(
      patched('from c import Agent\na = Agent(max_iter=50)\n', 'from c import Agent\n\na = Agent(role=role, max_iter=10)\n').text,
    ).toBe('from c import Agent\na = Agent(max_iter=10)\n');
    const prompt = 'from c import Agent\n\na = Agent(backstory=backstory + "\\n" + "stay")\n';
    expect(patched('from c import Agent\na = Agent(backstory="x" if y else "z")\n', prompt).text).toBe(
      'from c import Agent\na = Agent(backstory=("x" if y else "z") + "\\n" + "stay")\n',
    );
  });

  test('what the call needs stands behind the imports, however they are written', () => {
    const checks = 'import json\nfrom c import Task, Other\n\n\ndef check(x):\n    return x\n\n\ntask = Task(guardrail=check)\n';
    expect(patched('"""Says."""\n\nfrom c import (\n    Task,\n)\n\nt = Task(d)\n', checks).text).toBe(
      '"""Says."""\n\nfrom c import (\n    Task,\n)\nimport json\nfrom c import Other\n\n\ndef check(x):\n    return x\n\n\nt = Task(d, guardrail=check)\n',
    );
    expect(patched('#!/usr/bin/env python\n"""Says."""\nt = Task(d)\n', checks).text).toMatch(
      /^#!\/usr\/bin\/env python\n"""Says\."""\nimport json\nfrom c import Task, Other\n/,
    );
  });
});

describe('at the end', () => {
  test.each<[what: string, source: string, why: string]>([
    ['an empty file', '', '0 calls'],
    ['no call', 'x = 1\n', '0 calls'],
    ['two calls', 'a = create_agent(m)\nb = create_agent(m)\n', '2 calls'],
    ['a method of that name', 'a = x.create_agent(m)\n', '0 calls'],
    ['arguments that are not seen', 'a = create_agent(m, **more)\n', 'already'],
    ['another value', 'a = create_agent(m, middleware=own)\n', 'already'],
    ['a string that does not end', 'a = create_agent("m)\n', 'not understood'],
    ['a bracket that does not end', 'a = create_agent(m\n', 'not understood'],
    ['no newline at the end', 'x = 1', '0 calls'],
  ])('%s', (_, source, why) => {
    const { text, how } = patched(source, remedy);
    expect(how).toContain(why);
    expect(text).toContain(`# Proposed, to be put where it belongs: `);
    expect(text.replace(/from langchain[^\n]*\n/g, '').startsWith(source)).toBe(true);
    for (const line of remedy.trim().split('\n')) expect(text).toContain(line);
  });
});

test('CRLF stays CRLF, in what is new too', () => {
  const { text } = patched(`${imports}a = create_agent(\n    m,\n)\n`.replaceAll('\n', '\r\n'), remedy);
  expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  expect(text).toContain(`    middleware=[${limit}],\r\n`);
});

test('whatever the file is, it is answered, and in time', () => {
  const piece = fc.constantFrom(
    'create_agent(',
    ')',
    '(',
    '[',
    '"""',
    "'",
    '\\',
    '#',
    '\n',
    'from a import b\n',
    'm, ',
    'middleware=',
    'x',
    ' ',
    '\r\n',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      expect(patched(pieces.join(''), remedy).how).not.toBe('');
    }),
    { numRuns: 500, seed: 7 },
  );
  for (const one of ['"""', '(', 'create_agent(', "'\\", 'from a import (', '# ', '\n\n', 'from a import b\n'])
    patched(one.repeat(60_000), remedy);
});
