// Hooks go in beside what is there and come out again without a trace.
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { install, SettingsError, uninstall } from './install.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'misstep-install-'));
  file = join(folder, 'settings.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const now = () =>
  JSON.parse(readFileSync(file, 'utf8')) as { hooks: Record<string, { hooks: object[] }[]>; [key: string]: unknown };
const own = { type: 'http', url: 'http://127.0.0.1:4320/api/v1/hooks/claude-code', timeout: 1 };
/** Not as misstep would write it. */
const theirs =
  '{\n\t"model": "opus",   "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "mine"}]}],\n"Other": []}\n}';

describe('install', () => {
  it('makes the file, and uninstall removes it', () => {
    expect(install({ file })).toMatchObject({ file, changed: true });
    expect(Object.keys(now().hooks)).toEqual(expect.arrayContaining(['PreToolUse', 'PostToolUse', 'SessionEnd']));
    expect(now().hooks['PreToolUse']).toEqual([{ hooks: [own] }]);
    expect(uninstall({ file })).toEqual({ file, changed: true, text: undefined });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('stands beside what is there, and uninstall gives it back byte for byte', () => {
    writeFileSync(file, theirs);
    chmodSync(file, 0o600);
    install({ file });
    expect(now()).toMatchObject({ model: 'opus', hooks: { Other: [] } });
    expect(now().hooks['PreToolUse']).toEqual([
      { matcher: 'Bash', hooks: [{ type: 'command', command: 'mine' }] },
      { hooks: [own] },
    ]);
    expect(readFileSync(file, 'utf8')).toMatch(/^\{\n\t"model"/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    uninstall({ file });
    expect(readFileSync(file, 'utf8')).toBe(theirs);
    expect(readdirSync(folder)).toEqual(['settings.json']);
  });

  it('twice is once', () => {
    writeFileSync(file, theirs);
    install({ file });
    const { text } = install({ file, dryRun: true });
    expect(install({ file })).toEqual({ file, changed: false, text });
    uninstall({ file });
    expect(readFileSync(file, 'utf8')).toBe(theirs);
  });

  it('with another address or key replaces, and still gives back what was before the first', () => {
    writeFileSync(file, theirs);
    install({ file });
    const url = 'https://box:4320/api/v1/hooks/claude-code';
    expect(install({ file, url, auth: true }).changed).toBe(true);
    expect(now().hooks['Stop']).toEqual([
      { hooks: [{ ...own, url, headers: { Authorization: 'Bearer $MISSTEP_API_KEY' }, allowedEnvVars: ['MISSTEP_API_KEY'] }] },
    ]);
    uninstall({ file });
    expect(readFileSync(file, 'utf8')).toBe(theirs);
  });

  it('that was followed by changes of others loses only its own', () => {
    writeFileSync(file, theirs);
    install({ file });
    const changed = now();
    changed['theme'] = 'dark';
    changed.hooks['Stop']?.[0]?.hooks.push({ type: 'command', command: 'bell' });
    writeFileSync(file, JSON.stringify(changed));
    uninstall({ file });
    expect(now()).toEqual({
      model: 'opus',
      theme: 'dark',
      hooks: {
        PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'mine' }] }],
        Other: [],
        Stop: [{ hooks: [{ type: 'command', command: 'bell' }] }],
      },
    });
  });

  it('without its note still finds its own', () => {
    install({ file });
    rmSync(`${file}.misstep`);
    expect(uninstall({ file }).text).toBe('{}\n');
    writeFileSync(file, theirs);
    expect(uninstall({ file })).toEqual({ file, changed: false, text: theirs });
  });

  it('writes what a link points to', () => {
    writeFileSync(join(folder, 'dotfile'), '{}');
    symlinkSync(join(folder, 'dotfile'), file);
    install({ file });
    expect(readFileSync(join(folder, 'dotfile'), 'utf8')).toContain('PreToolUse');
    uninstall({ file });
    expect(readFileSync(join(folder, 'dotfile'), 'utf8')).toBe('{}');
  });

  it('for Cursor writes commands', () => {
    install({ file, agent: 'cursor', url: 'http://box:1/api/v1/hooks/claude-code' });
    expect(now()).toMatchObject({
      version: 1,
      hooks: { preToolUse: [{ command: 'misstep hook --url "http://box:1/api/v1/hooks/claude-code"' }] },
    });
    uninstall({ file, agent: 'cursor' });
    expect(existsSync(file)).toBe(false);
  });

  it('in a dry run changes nothing', () => {
    writeFileSync(file, theirs);
    expect(install({ file, dryRun: true })).toMatchObject({ changed: true, text: expect.stringContaining('4320') as string });
    expect(readdirSync(folder)).toEqual(['settings.json']);
    install({ file });
    const before = readFileSync(file, 'utf8');
    expect(uninstall({ file, dryRun: true })).toEqual({ file, changed: true, text: theirs });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it.each([
    ['no JSON', '{"a": 1,}', 'not JSON'],
    ['with comments', '{ // mine\n}', 'not JSON'],
    ['a list', '[]', 'got a list'],
    ['a text', '"x"', 'got string'],
    ['hooks as a list', '{"hooks": []}', 'hooks must be an object'],
    ['an event as an object', '{"hooks": {"PreToolUse": {}}}', 'hooks.PreToolUse must be a list'],
  ])('refuses %s and leaves it as it is', (_, text, said) => {
    writeFileSync(file, text);
    expect(() => install({ file })).toThrow(SettingsError);
    expect(() => install({ file })).toThrow(said);
    expect(() => uninstall({ file })).toThrow(said);
    expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual([text, ['settings.json']]);
  });

  it.each([
    [{ url: 'ftp://x/api/v1/hooks/claude-code' }],
    [{ url: 'http://x/other' }],
    [{ url: 'http://x/"$(rm)"/api/v1/hooks/claude-code' }],
    [{ agent: 'emacs' as 'cursor' }],
  ])('refuses %j', (options) => {
    expect(() => install({ file, ...options })).toThrow(SettingsError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says when the file cannot be written', () => {
    writeFileSync(join(folder, 'plain'), '');
    expect(() => install({ file: join(folder, 'plain', 'settings.json') })).toThrow(/cannot be written/);
  });
});
