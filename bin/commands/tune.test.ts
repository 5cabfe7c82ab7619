// `tune` and `suppress` over a real API, and what they refuse.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { finding, type Platform, startPlatform } from '../api/testing.ts';
import * as suppress from './suppress.ts';
import * as tune from './tune.ts';

let platform: Platform;
const folder = mkdtempSync(join(tmpdir(), 'misstep-tune-'));
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
beforeAll(async () => {
  platform = await startPlatform();
  await platform.ingest([{ span: 2, events: [finding(7)] }]);
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true });
});

/** What it prints, or the error's text behind `!` and its exit code. */
async function run(...args: string[]): Promise<string> {
  const program = new Command().exitOverride();
  for (const { register } of [tune, suppress]) register(program);
  const override = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    command.commands.forEach(override);
  };
  override(program);
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return out;
  } catch (error) {
    const { exitCode } = error as { exitCode?: number };
    return `!${exitCode === undefined ? '' : `${exitCode} `}${(error as Error).message}`;
  } finally {
    write.mockRestore();
  }
}

const file = (lines: readonly unknown[]): string => {
  const path = join(folder, 'labels.jsonl');
  writeFileSync(path, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return path;
};
const many = (confidence: number, right: number, wrong: number) =>
  Array.from({ length: right + wrong }, (_, i) => ({ detector: 'loop', confidence, correct: i < right }));

describe('tune', () => {
  test('labels of a file', async () => {
    const labels = file([...many(0.62, 5, 25), '', ...many(0.85, 40, 2)]);
    expect(await run('tune', '--labels', labels)).toBe(
      [
        'loop: raise emit_above 0.60 -> 0.65. From 0.65 on precision is at least 0.70.',
        '  now        45 of 72 right, 0.63 (0.51-0.73)',
        '  predicted  40 of 42 right, 0.95 (0.84-0.99); right findings lost: 5, wrong ones gone: 25',
        '',
        '72 labels.',
        '',
        '--- misstep.yaml',
        '+++ misstep.yaml',
        ' processors:',
        '   detect:',
        '     detectors:',
        '+      loop:',
        '+        emit_above: 0.65',
        '',
      ].join('\n'),
    );
    expect(JSON.parse(await run('tune', '--labels', labels, '--json', '--threshold', '0.8'))).toMatchObject({
      recommendations: [{ detector: 'loop', action: 'keep' }],
      yaml: '',
    });
  });

  test('items of GET /feedback', async () => {
    const items = Array.from({ length: 40 }, () => ({ detection_type: 'cost', confidence: 72, is_correct: true }));
    expect(await run('tune', '--labels', file(items))).toContain('cost: keep.');
  });

  test('labels of the running misstep', async () => {
    expect(await run('tune', '--url', platform.url)).toContain('There are no labels.');
    await platform.ask('PUT', `/detections/${'7'.padStart(32, '0')}/validate`, { false_positive: true });
    const said = await run('tune', '--url', `${platform.url}/api/v1`);
    expect(said).toContain('loop: none. 1 labels at or above 0.60, at least 30 are needed.');
    expect(said).not.toContain('+++');
  });

  test.each([
    ['no JSON', ['{"detector"'], /Line 1 of the labels is no JSON/],
    ['no detector', ['', { confidence: 0.5, correct: true }], /Line 2 of the labels has no 'detector'/],
    [
      'a percent where a share is meant',
      [{ detector: 'loop', confidence: 72, correct: true }],
      /has no 'confidence' from 0 to 1/,
    ],
    ['a verdict that is none', [{ detector: 'loop', confidence: 0.7, correct: 'yes' }], /has no 'correct'/],
    ['an array', ['[1]'], /has no 'detector'/],
    ['null', ['null'], /is no object/],
  ])('a labels file with %s', async (_, lines, message) => {
    expect(await run('tune', '--labels', file(lines))).toMatch(message);
  });

  test.each([
    [['tune', '--target', '2'], /Must be a number from 0.5 to 0.99/],
    [['tune', '--min-samples', '5'], /Must be a whole number from 30/],
    [['tune', '--url', 'file:///etc/passwd'], /Not a URL of http or https/],
    [['tune', '--url', 'http://127.0.0.1:9'], /does not answer. Start 'misstep run/],
    [['tune', '--labels', '/nowhere'], /ENOENT/],
    [['tune', '--help'], /outputHelp/],
  ])('%j', async (args, message) => {
    expect(await run(...args)).toMatch(message);
  });
});

describe('suppress', () => {
  const add = (...more: string[]) =>
    run('suppress', 'add', ...more, '--url', platform.url, '--owner', 'ops', '--reason', 'by design');

  test('add, list, remove', async () => {
    const url = ['--url', platform.url];
    expect(await run('suppress', 'list', ...url)).toBe('Nothing is silenced.\n');
    const said = await add('loop', '--agent', 'poller', '--until', tomorrow);
    expect(said).toMatch(new RegExp(`^[0-9a-f-]{36}\\tloop agent poller\\tuntil ${tomorrow}\\tops\\tby design\\n$`));
    expect(await run('suppress', 'list', ...url)).toBe(said);
    const id = said.split('\t')[0] as string;
    expect(JSON.parse(await run('suppress', 'list', '--json', ...url))).toMatchObject([{ id, active: true }]);
    expect(await run('suppress', 'remove', id, ...url)).toBe(`${id} is gone.\n`);
    expect(await run('suppress', 'remove', id, ...url)).toMatch(/^!There is no suppression/);
  });

  test.each([
    [['--until', tomorrow], /name a detector or give --fingerprint/],
    [['loop', '--fingerprint', '0123456789abcdef', '--until', tomorrow], /one of the two/],
    [['loop'], /required option '--until/],
    [['loop', '--until', 'soon'], /Not a date/],
    [['loop', '--until', '2020-01-31'], /\/until: lies in the past/],
    [['lop', '--until', tomorrow], /\/detection_type: is no detector/],
    [['--fingerprint', 'xyz', '--until', tomorrow], /Must be 16 hex digits/],
    [['--fingerprint', '0123456789abcdef', '--until', tomorrow], /There is no incident/],
  ])('add %j', async (args, message) => {
    expect(await add(...args)).toMatch(message);
  });
});
