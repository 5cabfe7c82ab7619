// The documentation holds together: every page is listed, every link and heading is there, every command in it is run by a test.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { commandsOf } from './commands.ts';
import { anchorOf, build } from './page.ts';
import { readSite, sectionsOf } from './site.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the site', () => {
  const { pages, problems } = readSite(root);

  test('every page is listed, every link, heading and picture is there', () => {
    expect(problems).toEqual([]);
    expect(pages.size).toBeGreaterThan(100);
  });

  test('a page needs nothing from elsewhere, and runs nothing', () => {
    for (const [path, { html }] of pages) {
      expect(html, path).not.toMatch(/<script|<link|<iframe| on[a-z]+="|src="https?:/);
      expect(html, path).toContain("default-src 'none'");
    }
  });
});

describe('a page', () => {
  const made = (text: string) => build({ path: 'docs/a.md', text }, [], (to) => to === 'docs/b.md' || to === 'docs/c/README.md');

  test.each<[string, string]>([
    ['[b](b.md)', '<a href="b.html">b</a>'],
    ['[b](b.md#x-y)', '<a href="b.html#x-y">b</a>'],
    ['[c](c)', '<a href="c/README.html">c</a>'],
    ['[here](#x)', '<a href="a.html#x">here</a>'],
    ['[code](../src/x.ts)', '<span title="src/x.ts">code</span>'],
    ['[out](https://example.com/?a=1&b)', '<a href="https://example.com/?a=1&amp;b">out</a>'],
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['![a "b"](images/x.png)', '<img src="images/x.png" alt="a &quot;b&quot;">'],
  ])('%s becomes %s', (text, html) => {
    // `here` is a link to the page itself.
    expect(
      build({ path: 'docs/a.md', text }, [], (to) => ['docs/a.md', 'docs/b.md', 'docs/c/README.md'].includes(to)).html,
    ).toContain(html);
  });

  test.each([
    ['What it costs, and what stops it', 'what-it-costs-and-what-stops-it'],
    ['`misstep run`', 'misstep-run'],
    ['A_b-c (d)', 'a_b-c-d'],
  ])('the anchor of %s is %s', (heading, anchor) => {
    expect(anchorOf(heading)).toBe(anchor);
  });

  test('headings of one text have anchors of their own', () => {
    expect([...made('# A\n## A\n## A').anchors]).toEqual(['a', 'a-1', 'a-2']);
  });

  test('sections come from the index; a folder brings its pages', () => {
    const paths = ['docs/b.md', 'docs/c/README.md', 'docs/c/d.md'];
    expect(sectionsOf('## One\n- [b](b.md)\n- [c](c/README.md)', paths, (path) => path)).toEqual([
      {
        title: 'One',
        pages: [
          { title: 'b', path: 'docs/b.md' },
          { title: 'c', path: 'docs/c/README.md' },
          { title: 'docs/c/d.md', path: 'docs/c/d.md' },
        ],
      },
    ]);
  });
});

const entry = z.strictObject({
  command: z.string(),
  /** Run here: what it must print, and how it ends. */
  run: z.string().optional().describe('Another form of it, where the text has a place for a name.'),
  prints: z.string().optional(),
  exit: z.int().default(0),
  /** Or the test that runs it, and a piece of that test's text. */
  by: z.string().optional(),
  text: z.string().optional(),
});

describe('commands', () => {
  const listed = z.array(entry).parse(parse(readFileSync(join(root, 'docs/commands.yaml'), 'utf8')));
  const written = commandsOf(root);
  const folder = mkdtempSync(join(tmpdir(), 'misstep-docs-'));
  const bin = join(folder, 'bin');
  const env = { ...process.env, NO_COLOR: '1', HOME: folder, PATH: `${bin}:${process.env['PATH']}` };
  const shell = (command: string) => spawnSync('bash', ['-c', command], { cwd: folder, encoding: 'utf8', timeout: 60_000, env });

  beforeAll(() => {
    mkdirSync(bin);
    mkdirSync(join(folder, 'runs'));
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
    writeFileSync(join(bin, 'misstep'), `#!/bin/sh\nexec node ${join(root, 'dist/bin/misstep.js')} "$@"\n`, { mode: 0o755 });
    // npx looks here first.
    cpSync(join(bin, 'misstep'), join(folder, 'node_modules/.bin/misstep'));
    cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
    cpSync(join(root, 'examples/demo/recording.json'), join(folder, 'runs/demo.json'));
    cpSync(join(root, 'examples/demo/recording.json'), join(folder, 'run.json'));
    cpSync(join(root, 'examples/rules/safety.yaml'), join(folder, 'rules.yaml'));
    cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('every command of the documentation is listed once, and every one that is listed stands there', () => {
    const commands = listed.map(({ command }) => command);
    expect([...written.keys()].filter((command) => !commands.includes(command))).toEqual([]);
    expect(commands.filter((command) => !written.has(command))).toEqual([]);
    expect(new Set(commands).size).toBe(commands.length);
  });

  test.each(listed.filter(({ by }) => by !== undefined))('$command is run by $by', ({ by, text }) => {
    expect(existsSync(join(root, by as string))).toBe(true);
    expect(readFileSync(join(root, by as string), 'utf8')).toContain(text ?? '');
  });

  test.each(listed.filter(({ by }) => by === undefined))('$command', ({ command, run, prints = '', exit }) => {
    const { stdout, stderr, status } = shell(run ?? command);
    expect(stdout + stderr).toMatch(new RegExp(prints));
    expect(status, stdout + stderr).toBe(exit);
  });

  test('bash is there', () => {
    expect(execFileSync('bash', ['-c', 'echo a'], { encoding: 'utf8' })).toBe('a\n');
  });
});
