/** Detectors of the user's own: rules and modules, read when the configuration is. */
import { formatProblem } from '../../config/problem.ts';
import type { ShippedDetector } from '../../src/detector/options.ts';
import { ruleDetector } from '../../src/rules/detector.ts';
import { type Rule, readRules } from '../../src/rules/rule.ts';
import { readDetectorFile } from './detector-file.ts';

/** Files, relative to the working directory. */
export interface OwnFiles {
  readonly rules: readonly string[];
  readonly detector_files: readonly string[];
}

/** As it goes to workers: plain data. */
export interface Own {
  readonly rules: readonly Rule[];
  /** Modules. */
  readonly files: readonly string[];
}

export const nothingOwn: Own = { rules: [], files: [] };

export interface OwnProblem {
  /** The place in the configuration. */
  readonly path: readonly [option: keyof OwnFiles, index: number];
  /** With file, line and column where there are some. */
  readonly message: string;
}

/** Never throws. */
export function readOwn(
  files: OwnFiles,
  shipped: readonly ShippedDetector[],
): { readonly own: Own; readonly problems: readonly OwnProblem[] } {
  const taken = new Set(shipped.map(({ detector }) => detector.meta.id as string));
  const problems: OwnProblem[] = [];
  const modules: string[] = [];
  for (const [i, file] of files.detector_files.entries()) {
    try {
      for (const { meta } of readDetectorFile(file)) {
        if (taken.has(meta.id)) throw new Error(`there is a detector '${meta.id}' already. Choose another id.`);
        taken.add(meta.id);
      }
      modules.push(file);
    } catch (error) {
      problems.push({
        path: ['detector_files', i],
        message: `${file}: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }
  const rules: Rule[] = [];
  for (const [i, name] of files.rules.entries()) {
    const read = readRules(name, process.cwd(), [...taken]);
    rules.push(...read.rules);
    for (const { id } of read.rules) taken.add(id);
    problems.push(...read.problems.map((one): OwnProblem => ({ path: ['rules', i], message: formatProblem(one) })));
  }
  return { own: { rules, files: modules }, problems };
}

/** Those that are shipped, then those of the modules, then those of the rules. */
export function withOwn(shipped: readonly ShippedDetector[], { rules, files }: Own): readonly ShippedDetector[] {
  if (rules.length === 0 && files.length === 0) return shipped;
  const own = [...files.flatMap(readDetectorFile), ...rules.map(ruleDetector)];
  return [...shipped, ...own.map((detector) => ({ detector }))];
}
