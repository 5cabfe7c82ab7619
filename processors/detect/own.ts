/** Detectors of the user's own: rules, read from files when the configuration is. */
import { formatProblem } from '../../config/problem.ts';
import type { ShippedDetector } from '../../src/detector/options.ts';
import { ruleDetector } from '../../src/rules/detector.ts';
import { type Rule, readRules } from '../../src/rules/rule.ts';

export interface Own {
  readonly rules: readonly Rule[];
  /** By place in the list of files, each with file, line and column. */
  readonly problems: readonly { readonly file: number; readonly message: string }[];
}

/** Never throws. Paths are relative to the working directory. */
export function readOwn(files: readonly string[], shipped: readonly ShippedDetector[]): Own {
  const taken = shipped.map(({ detector }) => detector.meta.id as string);
  const rules: Rule[] = [];
  const problems: Own['problems'][number][] = [];
  for (const [file, name] of files.entries()) {
    const read = readRules(name, process.cwd(), [...taken, ...rules.map(({ id }) => id)]);
    rules.push(...read.rules);
    problems.push(...read.problems.map((one) => ({ file, message: formatProblem(one) })));
  }
  return { rules, problems };
}

/** Those that are shipped, then those of the rules. */
export function withOwn(shipped: readonly ShippedDetector[], rules: readonly Rule[]): readonly ShippedDetector[] {
  return rules.length === 0 ? shipped : [...shipped, ...rules.map((rule) => ({ detector: ruleDetector(rule) }))];
}
