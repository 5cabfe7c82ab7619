import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterAll, expect, test } from 'vitest';
import { configure } from '../configure.ts';
import { LAYOUTS, register } from './init.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-init-'));
afterAll(() => rmSync(folder, { recursive: true }));

function init(...args: string[]): Promise<Command> {
  const program = new Command().exitOverride().configureOutput({ writeErr() {} });
  register(program);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr() {} });
  return program.parseAsync(['init', ...args], { from: 'user' });
}

test.each(LAYOUTS)('%s is a configuration without problems', async (layout) => {
  const output = join(folder, `${layout}.yaml`);
  await init(layout, '--output', output);
  const { spec, problems } = await configure({ files: [output], sets: [], env: {}, cwd: folder });
  // In a container the loader warns of localhost, rightly; these files are for a machine.
  expect(problems.filter((problem) => !problem.includes('localhost'))).toEqual([]);
  expect(spec?.pipelines.map((pipeline) => pipeline.id)).toContain('traces');
});

test('an existing file is not overwritten', async () => {
  const output = join(folder, 'mine.yaml');
  writeFileSync(output, 'mine');
  await expect(init('tee', '-o', output)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('is not overwritten'),
  });
  expect(readFileSync(output, 'utf8')).toBe('mine');
});

test('an unknown layout is an error of usage', async () => {
  await expect(init('sideways')).rejects.toBeInstanceOf(CommanderError);
});
