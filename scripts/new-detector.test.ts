// The scaffold: four files that stand together, refusals that say why, nothing overwritten.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = join(import.meta.dirname, 'new-detector.mjs');
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'misstep-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function run(...args: string[]): string {
  return execFileSync(process.execPath, [script, ...args], {
    env: { ...process.env, MISSTEP_ROOT: root },
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

test('writes source, test, scenarios and fit under one stem', () => {
  run('execution', 'idle_spin');
  expect(readdirSync(join(root, 'detectors/execution')).sort()).toEqual([
    'idle_spin.fit.json',
    'idle_spin.scenarios.yaml',
    'idle_spin.test.ts',
    'idle_spin.ts',
  ]);
  expect(readFileSync(join(root, 'detectors/execution/idle_spin.ts'), 'utf8')).toContain("id: 'idle_spin'");
  expect(readFileSync(join(root, 'detectors/execution/idle_spin.test.ts'), 'utf8')).toContain(
    "import idleSpin from './idle_spin.ts'",
  );
});

test('refuses an unknown family, a bad id, and an id in use', () => {
  expect(() => run('magic', 'idle_spin')).toThrow(/family 'magic'/);
  expect(() => run('execution', 'IdleSpin')).toThrow(/lower_snake_case/);
  run('execution', 'idle_spin');
  expect(() => run('behavior', 'idle_spin')).toThrow(/exists/);
});
