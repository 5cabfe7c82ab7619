// Sources, substitution and merging: the Collector's semantics, bounded, with the place of every problem.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` is the syntax that is read here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from './load.ts';
import { formatProblem } from './problem.ts';

const cwd = mkdtempSync(join(tmpdir(), 'misstep-load-'));
afterAll(() => rmSync(cwd, { recursive: true }));

function load(texts: readonly string[], env: Record<string, string> = {}, sets: readonly string[] = []) {
  const files = texts.map((text, i) => {
    writeFileSync(join(cwd, `${i}.yaml`), text);
    return `${i}.yaml`;
  });
  const loaded = loadConfig({ files, sets, env, cwd });
  return { ...loaded, lines: loaded.problems.map(formatProblem) };
}

describe('substitution', () => {
  const env = {
    A: 'x',
    N: '8080',
    OCT: '0123',
    T: 'true',
    EMPTY: '',
    MAP: '{m: [1, "${A}"]}',
    AGAIN: '${env:A}',
    NAME: 'A',
    IN_x: 'in',
    D: 'a$$b',
  };
  test.each<[string, unknown]>([
    ['${env:A}', 'x'],
    ['${A}', 'x'],
    ['"${A}"', 'x'],
    ['${env:N}', 8080],
    ['${env:T}', true],
    ['${env:EMPTY}', null],
    ['${env:EMPTY:-d}', null],
    ['${env:NONE:-d}', 'd'],
    ['${NONE:-5s}', '5s'],
    ['${NONE:-}', null],
    ['${env:NONE:-[1, 2]}', [1, 2]],
    ['${env:MAP}', { m: [1, 'x'] }],
    ['${env:AGAIN}', 'x'],
    ['${env:IN_${env:A}}', 'in'],
    ['${env:${NAME}}', 'x'],
    ['pre-${env:N}-${A}', 'pre-8080-x'],
    ['0.0.0.0:${env:N}', '0.0.0.0:8080'],
    ['${yaml:{a: 1}}', undefined],
    ['"${yaml:[1, 2]}"', [1, 2]],
    ['$${A}', '${A}'],
    ['$$${A}', '$x'],
    ['$$$${A}', '$${A}'],
    ['$$1', '$1'],
    ['${env:D}', 'a$b'],
    ['[${A}, {k: ${N}}]', ['x', { k: 8080 }]],
    ['{a: ${env:NONE:-{}}}', undefined],
    ['100_000', 100000],
    ['1_a', '1_a'],
    ['0x10', 16],
    ['yes', 'yes'],
  ])('%s', (text, expected) => {
    const { tree, lines } = load([`v: ${text}`], env);
    if (expected === undefined) return;
    expect(tree).toEqual({ v: expected });
    expect(lines).toEqual([]);
  });

  test('the end of line of a file does not come into a longer text', () => {
    writeFileSync(join(cwd, 'token.inc'), 'abc\n');
    writeFileSync(join(cwd, 'two.inc'), 'a\nb\r\n');
    const { tree } = load(['v: Bearer ${file:token.inc}\nw: ${file:token.inc}\nx: "<${file:two.inc}>"']);
    expect(tree).toEqual({ v: 'Bearer abc', w: 'abc', x: '<a\nb>' });
  });

  test('every dollar that substitutes nothing is told', () => {
    const { tree, lines } = load(['v: $HOME/$1/$$2/$$$three/$']);
    expect(tree).toEqual({ v: '$HOME/$1/$2/$$three/$' });
    expect(lines.map((line) => /substituted, (\S+) stays/.exec(line)?.[1])).toEqual(['$HOME', '$1', '$three']);
  });

  test('the text stays beside what was read from it', () => {
    const { tree, origin } = load(['v: ${env:OCT}\nw: ${env:OCT}x'], env);
    expect(tree).toEqual({ v: 123, w: '0123x' });
    expect(origin(['v'])).toEqual({ via: '${env:OCT}', text: '0123' });
  });

  test('files, relative to where misstep runs', () => {
    writeFileSync(join(cwd, 'part.inc'), 'a: 1\nb: ${A}\n');
    writeFileSync(join(cwd, 'word.inc'), 'secret\n');
    const { tree, lines } = load(['v: ${file:part.inc}\nw: ${file:word.inc}'], env);
    expect(lines).toEqual([]);
    expect(tree).toEqual({ v: { a: 1, b: 'x' }, w: 'secret' });
  });

  test.each([
    ['v: ${foo:x}', '0.yaml:1:4 v: unknown scheme in ${foo:x}, foo. Use env, file or yaml; for the plain text write $${foo:x}.'],
    [
      'v: ${1}',
      '0.yaml:1:4 v: not the name of an environment variable, ${1}. Use letters, digits and _; for the plain text write $${1}.',
    ],
    [
      'v: ${NONE}',
      '0.yaml:1:4 v: warning: the environment variable NONE is not set, so the value is empty. Set it, or write ${env:NONE:-default}.',
    ],
    [
      'a:\n  - ${file:none}',
      '0.yaml:2:5 a[0]: cannot read the file, none. Check the path (relative to where misstep runs) and its permissions.',
    ],
    ['v: ${env:A', "0.yaml:1:4 v: warning: '${' without its '}' is taken as it stands. Close it, or write $${."],
    ['v: $1', '0.yaml:1:4 v: warning: only ${…} is substituted, $1 stays as it is. Write $$1 if the dollar is meant.'],
    [
      'v: $HOME',
      '0.yaml:1:4 v: warning: only ${…} is substituted, $HOME stays as it is. Write ${env:HOME} for the variable, $$HOME if the dollar is meant.',
    ],
  ])('%s', (text, line) => {
    expect(load([text], { A: 'x' }).lines).toEqual([line]);
  });

  test('what refers to itself ends', () => {
    const circles = { S: '${env:S}', M: '{a: "${env:M}", b: "${env:M}"}', G: '${env:G}${env:G}x' };
    const { lines } = load(['s: ${env:S}\nm: ${env:M}\ng: ${env:G}\nfine: ${env:F}'], { ...circles, F: '1' });
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines[0]).toBe('0.yaml:1:4 s: the substitutions do not end, ${env:S}. A value refers to itself; break the circle.');
  });

  test('any text without a dollar comes back from the environment as it is', () => {
    const word = fc.string({ minLength: 1 }).filter((text) => !text.includes('$'));
    fc.assert(
      fc.property(word, (text) => {
        const { tree, lines } = load(['v: "<${env:V}>"'], { V: text });
        expect(lines).toEqual([]);
        expect(tree).toEqual({ v: `<${text}>` });
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  test('no text makes it throw', () => {
    const parts = fc.constantFrom(
      '${',
      '}',
      '$',
      'env:',
      'A',
      ':-',
      '{',
      '[',
      '"',
      "'",
      '\n',
      ' ',
      ':',
      '- ',
      'file:',
      '&a',
      '*a',
      '<<',
      '#',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 30 }), (texts) => {
        const { lines } = load([texts.join('')], { A: '${A}' });
        expect(Array.isArray(lines)).toBe(true);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe('several sources', () => {
  test('maps deep, lists and scalars replaced, --set last', () => {
    const { tree, lines } = load(['a: {b: 1, c: [1, 2]}\nk: 1', 'a: {c: [3], d: {e: 1}}'], {}, ['a.d.f=x', 'a::g.h::i=[1]']);
    expect(lines).toEqual([]);
    expect(tree).toEqual({ a: { b: 1, c: [3], d: { e: 1, f: 'x' }, 'g.h': { i: [1] } }, k: 1 });
  });

  test('null wins, and is warned of when it wipes', () => {
    const { tree, lines } = load(['processors: {batch: {timeout: 1s}, detect: {}}', 'processors:\n']);
    expect(tree).toEqual({ processors: null });
    expect(lines).toEqual([
      '1.yaml:1:1 processors: warning: nothing stands here, which wipes what 0.yaml:1 says: batch, detect. Remove the key to keep it.',
    ]);
  });

  test('positions are those of the file that spoke last', () => {
    const { locate } = load(['a:\n  b: 1\n  c: 2', '\na:\n    c: 3']);
    expect(locate(['a', 'b'])).toEqual({ file: '0.yaml', line: 2, column: 6 });
    expect(locate(['a', 'c'])).toEqual({ file: '1.yaml', line: 3, column: 8 });
    expect(locate(['a', 'c'], 'key')).toEqual({ file: '1.yaml', line: 3, column: 5 });
    expect(locate(['a', 'none', 'deep'])).toEqual({ file: '1.yaml', line: 2, column: 1 });
  });

  test('yaml:, env: and file:', () => {
    writeFileSync(join(cwd, 'f.yaml'), 'a: 1');
    const files = ['file:f.yaml', 'env:CONF', 'yaml:b::c: 2'];
    const loaded = loadConfig({ files, sets: [], env: { CONF: 'b: {d: 3}' }, cwd });
    expect(loaded.tree).toEqual({ a: 1, b: { d: 3, c: 2 } });
    expect(loaded.files).toEqual(['f.yaml', 'env:CONF', 'yaml:b::c']);
  });

  test.each([
    [['env:NONE'], [], 'env:NONE:1:1: the environment variable is not set, NONE. Set it to the text of a configuration.'],
    [['ftp://x/y'], [], 'ftp://x/y:1:1: unknown scheme, ftp. Use a path, file:, env: or yaml:.'],
    [['yaml:- a'], [], 'yaml:…:1:1: the configuration is not a map. Start with keys like receivers: and service:.'],
    [[], ['a'], '--set a:1:1: not of the form a.b.c=value. Write for example processors.detect.tiers=[1].'],
    [[], ['a..b=1'], '--set a..b:1:1: not of the form a.b.c=value. Write for example processors.detect.tiers=[1].'],
  ])('%j %j', (files, sets, line) => {
    expect(loadConfig({ files, sets, env: {}, cwd }).problems.map(formatProblem)).toEqual([line]);
  });
});

describe('YAML', () => {
  test('anchors and merge keys', () => {
    const { tree, lines } = load(['base: &b {x: 1, y: 2}\na:\n  <<: *b\n  y: 3\nc: *b\nd:\n  <<: [*b, {z: 4}]']);
    expect(lines).toEqual([]);
    expect(tree).toMatchObject({ a: { x: 1, y: 3 }, c: { x: 1, y: 2 }, d: { x: 1, y: 2, z: 4 } });
  });

  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((k, i) => `${k}: &${k} [${Array(10).fill(`*${'abcdefgh'[i]}`).join()}]`),
  ];
  test.each([
    [
      'a key twice',
      'a: 1\nb:\n  c: 1\n  c: 2\na: 3',
      [
        "0.yaml:4:3: the key 'c' stands twice in one map. Remove one.",
        "0.yaml:5:1: the key 'a' stands twice in one map. Remove one.",
      ],
    ],
    ['a tab', 'a:\n\tb: 1', ['0.yaml:2:1: a tab is used for indentation. Use spaces.']],
    [
      'two documents',
      'a: 1\n---\nb: 1',
      ['0.yaml:2:1: more than one YAML document. Put them into several files and name each with --config.'],
    ],
    ['an alias of itself', 'a: &a\n  b: *a', ["0.yaml:2:6 a.b.b: the alias '*a' holds itself. Write the value out."]],
    ['a list as key', '? [a]\n: 1', ['0.yaml:1:3: a key must be a plain word, a list or map. Rename it.']],
    ['__proto__', '__proto__: {a: 1}', ['0.yaml:1:1: a key must be a plain word, __proto__. Rename it.']],
    [
      'brackets without end',
      `a: ${'['.repeat(50_000)}`,
      ['0.yaml:1:204: nested too deeply to be read. At most 100 levels are read.'],
    ],
    ['dashes without end', `a: ${'- '.repeat(50_000)}`, undefined],
    ['a deep map', Array.from({ length: 5_000 }, (_, i) => `${' '.repeat(Math.min(i, 2_000))}k:`).join('\n'), undefined],
    ['aliases of aliases', bomb.join('\n'), undefined],
    ['an unknown alias', 'a: *x', undefined],
    ['an open bracket', 'a: [1, 2\nb: 3', undefined],
  ])('%s', (_, text, expected) => {
    const { lines } = load([text]);
    if (expected === undefined) expect(lines).toHaveLength(1);
    else expect(lines).toEqual(expected);
  });
});
