/** `misstep test-rules`: reads files of rules and plays their cases. stdout = results, stderr = what is wrong with the files. */
import { type Command, Option } from 'commander';
import { formatProblem } from '../../config/problem.ts';
import { activate } from '../../src/detector/options.ts';
import { spanIdAt } from '../../src/detector/testing/builders.ts';
import { encodeSteps } from '../../src/detector/testing/encode.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { likesOf, type RuleCase } from '../../src/rules/cases.ts';
import { ruleDetector } from '../../src/rules/detector.ts';
import { type Rule, readRules } from '../../src/rules/rule.ts';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { detectors } from '../detectors.ts';
import { playBodies } from '../play.ts';

interface Result {
  readonly file: string;
  readonly rule: string;
  readonly case: string;
  readonly passed: boolean;
  /** Places of the steps. */
  readonly expected: readonly number[];
  readonly found: readonly { readonly step: number; readonly message: string }[];
  /** What went wrong while it ran, and what the rule was blind for. */
  readonly notes: readonly string[];
}

export function register(program: Command): void {
  program
    .command('test-rules')
    .description('Check rules of your own and play the cases that stand in them.')
    .argument('<file...>', 'files of rules (docs/rules.md)')
    .addOption(new Option('--output <kind>', 'what to print').choices(['pretty', 'jsonl']).default('pretty'))
    .addHelpText(
      'after',
      '\nExit codes: 0 all cases pass; 1 one fails, or a rule has no cases; 2 a file or a rule is wrong.\n\nExample:\n  misstep test-rules rules.yaml',
    )
    .action(async (files: string[], { output }: { readonly output: 'pretty' | 'jsonl' }) => {
      process.exitCode = await testRules(files, output);
    });
}

async function testRules(files: readonly string[], output: 'pretty' | 'jsonl'): Promise<number> {
  const taken = detectors.map(({ meta }) => meta.id as string);
  const read = files.map((file) => {
    const { rules, problems } = readRules(file, process.cwd(), taken);
    for (const one of problems) process.stderr.write(`${formatProblem(one)}\n`);
    taken.push(...rules.map(({ id }) => id));
    return { file, rules, broken: problems.length > 0 };
  });
  if (read.some(({ broken }) => broken)) return 2;
  let failed = 0;
  let played = 0;
  for (const { file, rules } of read) {
    for (const rule of rules) {
      if (output === 'pretty') print(`${rule.id}: ${rule.summary}`);
      if (rule.cases.length === 0) {
        failed++;
        process.stderr.write(
          `${file}: the rule '${rule.id}' has no cases. Give it one that it finds and one that it does not.\n`,
        );
      }
      for (const one of rule.cases) {
        const result = await play(file, rule, one);
        played++;
        if (!result.passed) failed++;
        if (output === 'jsonl') print(JSON.stringify(result));
        else for (const line of linesOf(result)) print(`  ${line}`);
      }
    }
  }
  if (output === 'pretty') print(`${played} ${played === 1 ? 'case' : 'cases'}, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Over the wire, as an instrumentation would send it, with this rule alone. */
async function play(file: string, rule: Rule, one: RuleCase): Promise<Result> {
  const { active } = activate([{ detector: ruleDetector(rule) }], {});
  const bodies = encodeSteps(likesOf(one), 'gen_ai').map((document) => documentToProtobuf('traces', document).body);
  const { findings, coverage, problems, error } = await playBodies(bodies, active);
  const places = new Map(Array.from({ length: bodies.length }, (_, i) => [spanIdAt(i + 1), i + 1]));
  const found = findings
    .map(({ at, explanation }) => ({ step: places.get(at.spanId) ?? 0, message: explanation }))
    .sort((a, b) => a.step - b.step);
  const expected = one.finds === 'nothing' ? [] : [...one.finds].sort((a, b) => a - b);
  const blind = coverage
    .filter(({ outcome }) => outcome === 'insufficient_data')
    .map(({ reason }) => `could not look: ${reason}`);
  return {
    file,
    rule: rule.id,
    case: one.name,
    passed:
      JSON.stringify(found.map(({ step }) => step)) === JSON.stringify(expected) && problems.length === 0 && error === undefined,
    expected,
    found,
    notes: [...problems, ...(error === undefined ? [] : [String(error)]), ...new Set(blind)],
  };
}

function linesOf({ passed, case: name, expected, found, notes }: Result): string[] {
  const head = `${passed ? 'ok  ' : 'FAIL'} ${shown(name)}`;
  if (passed) return [head];
  return [
    head,
    `     expected ${expected.length === 0 ? 'nothing' : `step ${expected.join(', ')}`}`,
    ...(found.length === 0
      ? ['     found nothing']
      : found.map(({ step, message }) => `     found step ${step}: ${shown(message)}`)),
    ...notes.map((note) => `     ${shown(note)}`),
  ];
}

function shown(text: string): string {
  return printable(redact(text));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
