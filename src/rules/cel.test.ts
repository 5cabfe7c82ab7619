import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BUDGET, compile, Lazy, OverBudget, type Types } from './cel.ts';

const types: Types = {
  step: { tool: 'string', args: 'dyn', text: 'string', list: 'list', ms: 'double' },
  captured: { a: 'dyn' },
};
const scope = {
  step: {
    tool: 'cat',
    args: { path: '/etc/passwd', n: 3, on: true, none: null, deep: { x: [1, 2, 3] } },
    text: 'Done.',
    list: [1, 2, 3],
    ms: 20,
  },
  captured: { a: 3 },
};
const value = (text: string, given: Readonly<Record<string, unknown>> = scope) => compile(text, types, 'any').run(given);

describe('expressions', () => {
  test.each<[string, unknown]>([
    ['step.args.n == 3', true],
    ['step.args.n + 1', 4],
    ['1 / 2', 0.5],
    ['7 % 4 - 1', 2],
    ['-step.args.n', -3],
    ['step.ms > 10', true],
    ['step.ms == 20', true],
    ['step.args.path.startsWith("/etc")', true],
    ['step.args.path.endsWith("x")', false],
    ['step.args.path.contains("pass")', true],
    ['step.args.path.matches("^/etc/[a-z]+$")', true],
    ['step.args.path.matches("b")', false],
    ['step.args["path"].size()', 11],
    ['size(step.list) == 3 && 2 in step.list', true],
    ['"path" in step.args', true],
    ['step.args.deep.x[1]', 2],
    ['step.args.deep.x == [1, 2, 3]', true],
    ['step.args.deep.x != [1, 2]', true],
    ['step.list + [4]', [1, 2, 3, 4]],
    ['step.list.map(n, n * 2)', [2, 4, 6]],
    ['step.list.filter(n, n > 1)', [2, 3]],
    ['step.list.exists(n, n == 2)', true],
    ['step.list.all(n, n < 3)', false],
    ['step.list.exists_one(n, n == 2)', true],
    ['step.list.exists(n, step.list.exists(m, n + m == 6))', true],
    ['step.tool.upperAscii() + "!"', 'CAT!'],
    ['" ÄA ".trim().lowerAscii()', 'Äa'],
    ['string(step.args.n) + string(step.args.on)', '3true'],
    ['int("12.7") + double(1)', 13],
    ['step.args.none == null', true],
    ['step.args.on ? "yes" : "no"', 'yes'],
    ['captured.a == step.args.n', true],
    ['has(step.args.path) && !has(step.args.other)', true],
    // What one side decides the other cannot make unknown.
    ['step.args.other == 1 || true', true],
    ['false && step.args.other == 1', false],
    ['step.list.exists(n, n == 2 || step.args.other)', true],
  ])('%s is %j', (text, expected) => {
    expect(value(text)).toEqual(expected);
  });

  test.each([
    'step.args.other == 1',
    'step.args.other.more',
    'step.args.n.more',
    'step.args.path < 3',
    'step.args.path + 1',
    'step.args.deep.x[9]',
    'step.args.n / 0',
    'int(step.args.path)',
    'step.args.n.contains("x")',
    'step.args.n ? 1 : 2',
    'step.args.other == 1 && true',
    'false || step.args.other == 1',
    'step.args.path.exists(c, true)',
    'step.args.__proto__',
    'step.args.constructor',
    'step.args.path.length',
  ])('%s is not there, and that is no error', (text) => {
    expect(value(text)).toBeUndefined();
  });

  test.each<[string, RegExp]>([
    ['step.', /./],
    ['stp.tool == "x"', /Unknown variable: stp, at character 1/],
    ['step.tol == "x"', /tol/],
    ['step.tool == 3', /no such overload: string == int/],
    ['captured.b == 1', /b/],
    ['step.tool', /must be true or false, but is string/],
    ['step.text.matches("(")', /none of RE2: error parsing regexp: missing closing \)/],
    ['step.text.matches("(?=a)")', /none of RE2/],
    ['step.text.matches(step.tool)', /takes a pattern in quotes/],
    ['step.text.matches("((a{1,100}){1,100}){1,100}")', /none of RE2/],
    ['step.text.matches("(.{0,200}){1,3}")', /instructions, of at most 500/],
    ['step.text.split("").size() > 3', /the function 'split' is not taken in rules\. There are: has\(x\)/],
    ['{"a": 1}.a == 1', /is not taken in rules/],
    ['b"x" == b"x"', /bytes/],
    ['step.list.exists(step, true)', /is a name that there is already/],
    [`${'!'.repeat(400)}true`, /./],
    [`${'step.ms > 1 && '.repeat(400)}true`, /./],
  ])('%s is refused', (text, message) => {
    expect(() => compile(text, types, 'bool')).toThrow(message);
  });

  test('says what it reads', () => {
    expect(
      [...compile('step.args.deep.x[0] == 1 && step["tool"] == "a" || captured.a == 2', types, 'bool').reads].sort(),
    ).toEqual(['captured.a', 'step.args', 'step.tool']);
  });

  test('computes no member that it does not reach', () => {
    const asked: string[] = [];
    class Watched extends Lazy {
      member(name: string): unknown {
        asked.push(name);
        return name === 'tool' ? 'cat' : undefined;
      }
    }
    expect(compile('step.tool == "dog" && step.text == ""', types, 'bool').run({ step: new Watched() })).toBe(false);
    expect(asked).toEqual(['tool']);
  });
});

describe('claim 28: an expression cannot hold the thread', () => {
  const long = { ...scope, step: { ...scope.step, text: 'a'.repeat(16_384), list: Array.from({ length: 1_000 }, (_, i) => i) } };

  test.each(['(a+)+$', '(a|aa)+$', '(a|a?)+$', '(.*a){12}b', '(a*)*b', '([a-zA-Z]+)*!', '^(([a-z])+.)+[A-Z]([a-z])+$'])(
    'the pattern %s on 16,384 letters is answered or over its budget',
    (pattern) => {
      const { run } = compile(`step.text.matches("${pattern}")`, types, 'bool');
      const answer = tried(() => run(long));
      expect([true, false, 'over budget']).toContain(answer);
    },
  );

  test.each([
    'step.list.exists(a, step.list.exists(b, step.list.exists(c, a + b + c < 0)))',
    'step.list.map(a, step.list.map(b, step.text)).size() > 0',
    'step.list.all(a, step.text.contains("b") == false && step.text + step.text != "")',
    '(step.list + step.list + step.list).exists(a, (step.list + step.list).exists(b, a == b + 5000))',
    'step.list.map(a, step.list) == step.list.map(a, step.list + [a])',
  ])('%s is over its budget', (text) => {
    expect(tried(() => compile(text, types, 'any').run(long))).toBe('over budget');
  });

  test('texts that are made are bounded', () => {
    const doubled = Array.from({ length: 8 }, () => 'step.text').join(' + ');
    expect(tried(() => compile(`${doubled} == ""`, types, 'bool').run(long))).toBe('over budget');
  });

  test('a property: whatever the expression and the values, it is a value, absent, or over its budget', () => {
    const leaf = fc.constantFrom(
      'step.args',
      'step.list',
      'step.text',
      'step.args.n',
      'captured.a',
      '1',
      '"a"',
      'true',
      'null',
      '[1, "a"]',
    );
    const grow = (inner: fc.Arbitrary<string>) =>
      fc.oneof(
        fc
          .tuple(inner, fc.constantFrom('+', '-', '==', '<', '&&', '||', 'in'), inner)
          .map(([a, op, b]) => `(dyn(${a}) ${op} dyn(${b}))`),
        fc.tuple(inner, fc.constantFrom('exists', 'all', 'map', 'filter')).map(([a, name]) => `step.list.${name}(x, ${a} == x)`),
        inner.map((a) => `size(${a})`),
      );
    const expressions = fc.oneof(leaf, grow(leaf), grow(grow(leaf)), grow(grow(grow(leaf))));
    const values = fc.record({
      list: fc.array(fc.jsonValue()),
      args: fc.jsonValue(),
      text: fc.string(),
      tool: fc.string(),
      ms: fc.double(),
    });
    fc.assert(
      fc.property(expressions, values, (text, step) => {
        const { run } = made(text) ?? { run: () => undefined };
        const answer = tried(() => run({ step, captured: { a: 1 } }));
        expect(answer === undefined || answer === 'over budget' || JSON.stringify(answer) !== undefined).toBe(true);
      }),
    );
  });

  test('the budget is for one expression and one step', () => {
    const { run } = compile('step.list.exists(a, a < 0)', types, 'bool');
    for (let i = 0; i < BUDGET / 1_000; i++) expect(run(long)).toBe(false);
  });
});

/** `undefined` for what the check refuses. */
function made(text: string) {
  try {
    return compile(text, types, 'any');
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return undefined;
  }
}

function tried(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof OverBudget) return 'over budget';
    throw error;
  }
}
