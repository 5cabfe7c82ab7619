import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unifiedDiff } from './diff.ts';

test('a line in the middle', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n';
  expect(unifiedDiff('x.txt', before, before.replace('e', 'E'))).toBe(
    '--- a/x.txt\n+++ b/x.txt\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n',
  );
});
test('a new file', () => expect(unifiedDiff('x', null, 'a\nb\n')).toBe('--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n'));
test('nothing', () => expect(unifiedDiff('x', 'a\n', 'a\n')).toBe(''));

test('git applies what it says', () => {
  const folder = mkdtempSync(join(tmpdir(), 'misstep-diff-'));
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', '', '  d'), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lines, lines, (a, b) => {
      const [before, after] = [`${a.join('\n')}\n`, `${b.join('\n')}\n`];
      const diff = unifiedDiff('f', before, after);
      fc.pre(before !== after);
      writeFileSync(join(folder, 'f'), before);
      execFileSync('git', ['apply', '--whitespace=nowarn', '-'], { cwd: folder, input: diff });
      expect(readFileSync(join(folder, 'f'), 'utf8')).toBe(after);
    }),
    { numRuns: 60, seed: 7 },
  );
  rmSync(folder, { recursive: true });
});
