import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatProblem } from '../../config/problem.ts';
import { readRules } from './rule.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'misstep-rules-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What is wrong with the text, as it is printed. */
function problems(text: string): string[] {
  writeFileSync(join(directory, 'rules.yaml'), text);
  return readRules('rules.yaml', directory, ['loop']).problems.map(formatProblem);
}

const rule = (more: string) => `rules:\n  - id: one\n    summary: Finds x.\n    message: X.\n${more.replace(/^/gm, '    ')}`;

test('a rule with everything', () => {
  const text = rule(`severity: low
scope: agent
confidence: 0.7
why: It costs.
fix: Mend it.
mast: [FM-1.3]
blame: first
when: {tool: "a*", if: step.args.n > 1, capture: {n: step.args.n}, count: 2, within: 3 steps, without: {tool: b}}
then:
  - {kind: [llm, tool], if: captured.n == 1, capture: {m: step.text}, within: 30s, without: {outcome: error}}
  - {never: {agent: x}, within: 5 steps}
cases:
  - {name: c, steps: [{tool: a, times: 3}], finds: [3]}`);
  expect(problems(text)).toEqual([]);
  const [read] = readRules('rules.yaml', directory, []).rules;
  expect(read).toMatchObject({ id: 'one', confidence: 0.7, when: { count: 2 } });
  expect(read?.then).toHaveLength(2);
});

test.each<[string, string, readonly (string | RegExp)[]]>([
  ['no rules', 'rule: []', [/rules\.yaml:1:1 .*unknown key, rule\. Did you mean 'rules'\?/, /missing/]],
  ['a list', '- a', [/not a map/]],
  ['broken', 'rules: [', [/rules\.yaml:1:9: not YAML/]],
  [
    'an id of a detector',
    'rules:\n  - {id: loop, summary: X, message: X., when: {tool: a}}',
    [/rules\.yaml:2:10 rules\[0\]\.id: 'loop' is a detector of misstep\./],
  ],
  [
    'an id that stands twice',
    'rules:\n  - {id: a, summary: X, message: X., when: {tool: a}}\n  - {id: a, summary: X, message: X., when: {tool: a}}',
    [/rules\.yaml:3:10 rules\[1\]\.id: 'a' stands twice\. Rename one\./],
  ],
  ['a kind that there is not', rule('when: {kind: tol}'), [/rules\.yaml:5:18 rules\[0\]\.when\.kind: not .*tol/]],
  [
    'a word that there is not',
    rule('when: {tools: a}'),
    [/rules\.yaml:5:12 rules\[0\]\.when\.tools: unknown key, tools\. Did you mean 'tool'\?/],
  ],
  ['a step that is any', rule('when: {count: 2}'), [/rules\[0\]\.when: every step would match\. Give one of kind, tool/]],
  [
    'an expression that is none',
    rule('when:\n  if: step.tol == "a"'),
    [/rules\.yaml:6:11 rules\[0\]\.when\.if: No such key: tol, at character 6\. Did you mean 'tool'\?$/m],
  ],
  ['an expression of another type', rule('when: {if: step.ms}'), [/must be true or false, but is double\./]],
  [
    'a value that was not captured',
    rule('when: {tool: a, capture: {n: step.ms}}\nthen:\n  - {if: captured.m == 1}'),
    [/rules\[0\]\.then\[0\]\.if: .*m/],
  ],
  [
    'a name in the message',
    rule('when: {tool: a}').replace('X.', '"{{what}} ran."'),
    [/nothing is captured as 'what'\. There are: tool, agent, count\./],
  ],
  ['a name that is taken', rule('when: {tool: a, capture: {tool: step.tool}}'), [/'tool' is what every message may name/]],
  ['a bound that is none', rule('when: {tool: a}\nthen:\n  - {tool: b, within: 5}'), [/then\[0\]\.within/]],
  ['a bound of nothing', rule('when: {tool: a, within: 5 steps}'), [/when\.within: nothing is counted here/]],
  ['never in the middle', rule('when: {tool: a}\nthen:\n  - {never: {tool: b}}\n  - {tool: c}'), [/`never` must be the last/]],
  [
    'a case beyond its steps',
    rule('when: {tool: a}\ncases:\n  - {name: c, steps: [{tool: a}], finds: [2]}'),
    [/cases\[0\]: finds step 2, of 1\./],
  ],
  [
    'a case with an unknown fact',
    rule('when: {tool: a}\ncases:\n  - {name: c, steps: [{tol: a}], finds: nothing}'),
    [/tol\. Did you mean 'tool'\?/],
  ],
  [
    'several things at once',
    rule('severity: hgh\nconfidence: 2\nwhen: {if: "step."}\nmast: [FM-9.9]'),
    [/severity: not .*hgh/, /confidence: too .*2/, /mast\[0\]/],
  ],
])('%s', (_, text, expected) => {
  const said = problems(text);
  for (const one of expected) expect(said.join('\n')).toMatch(one);
});

test('a file that is not there', () => {
  const { rules, problems: said } = readRules('none.yaml', directory, []);
  expect(rules).toEqual([]);
  expect(said.map(formatProblem).join()).toMatch(/none\.yaml/);
});
