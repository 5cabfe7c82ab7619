/** A fix as a diff against a file of the user: proposed, never written. */
import { unifiedDiff } from '../diff.ts';
import type { CodeChange, Fix } from '../fix.ts';
import { patched } from './patch.ts';

export interface SourceFile {
  /** Under the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Changes in the file's language are changes of the file; others stay the proposals that they were. */
export function againstFile(fix: Fix, file: SourceFile): Fix {
  const of = (change: CodeChange): CodeChange => (change.language === 'python' ? changeOf(change, file) : change);
  return { ...fix, code_changes: fix.code_changes.map(of) };
}

function changeOf({ language, suggested_code: remedy, description }: CodeChange, { path, text: before }: SourceFile): CodeChange {
  const { text: after, how } = patched(before, remedy);
  const [old, now] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const replaced = old.slice(start, old.length - end);
  return {
    file_path: path,
    language,
    original_code: replaced.join('\n'),
    suggested_code: now.slice(start, now.length - end).join('\n'),
    start_line: start + 1,
    // Before the first, if lines are only added.
    end_line: start + replaced.length,
    description: `${description.replace(' A proposal: your code was not read.', '')} A proposal against ${path}, which was read and not written. ${how}`,
    diff: unifiedDiff(path, before, after),
  };
}
