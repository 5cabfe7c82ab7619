// The built command line: the demo's run with a failure in it, replayed. Skipped before a build.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { mutate, mutations } from '../../eval/mutate/mutations.ts';
import type { Document } from '../../eval/mutate/run.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));
const demo = fileURLToPath(new URL('../../examples/demo/recording.json', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'misstep-mutate-'));
afterAll(() => rmSync(folder, { recursive: true }));

const misstep = (...args: string[]) => spawnSync('node', [built, ...args], { encoding: 'utf8' });
const found = (file: string): string[] =>
  misstep('replay', '--output', 'jsonl', file)
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { kind: string; detector: string; span_id?: string })
    .filter(({ kind }) => kind === 'detection')
    .map(({ detector }) => detector);
const times = (all: readonly string[], detector: string): number => all.filter((one) => one === detector).length;

describe.skipIf(!existsSync(built))('built', () => {
  test.each([
    ['repeat_call', 'loop'],
    ['poison_result', 'injection'],
    ['claim_success', 'tool_failure'],
    ['fail_tool', 'tool_failure'],
    ['truncate_output', 'overflow'],
  ])('%s: %s is said once more than without', (name, detector) => {
    const out = join(folder, `${name}.jsonl`);
    const labels = join(folder, `${name}.labels.jsonl`);
    const { status, stderr } = misstep('mutate', demo, '--with', name, '--out', out, '--labels', labels);
    expect([status, stderr]).toEqual([0, '']);
    expect(times(found(out), detector)).toBeGreaterThan(times(found(demo), detector));
    const label = JSON.parse(readFileSync(labels, 'utf8')) as { detectors: string[]; span_ids: string[] };
    expect(label.detectors).toContain(detector);
    for (const id of label.span_ids) expect(readFileSync(out, 'utf8')).toContain(id);
  });

  const empty = join(folder, 'empty.json');
  writeFileSync(empty, '{"resourceSpans":[]}');
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{"resourceSpans":');
  test.each([
    [[demo], 2, '--with'],
    [['--with', 'repeat_call'], 2, 'a file'],
    [[demo, '--with', 'sabotage'], 2, 'Allowed choices'],
    [[demo, '--with', 'repeat_call', '--times', '0'], 2, '1 to 20'],
    [[demo, '--with', 'repeat_call', '--out', folder], 2, 'not written'],
    [[join(folder, 'none.json'), '--with', 'repeat_call'], 2, 'does not exist'],
    [[broken, '--with', 'repeat_call'], 2, 'not JSON'],
    [[empty, '--with', 'repeat_call'], 1, 'no span of a tool call'],
  ])('%j: %i', (args, code, text) => {
    const { status, stdout, stderr } = misstep('mutate', ...args);
    expect([status, stdout]).toEqual([code, '']);
    expect(stderr).toContain(text);
  });
});

test.each(Object.keys(mutations))('%s: the same seed, the same run; what was given stays', (name) => {
  const recording = JSON.parse(readFileSync(demo, 'utf8')) as Document;
  const before = structuredClone(recording);
  expect(mutate([recording], name, '7')).toEqual(mutate([recording], name, '7'));
  expect(recording).toEqual(before);
  expect(mutate([recording], name, '7')).not.toHaveProperty('documents', [before]);
});
