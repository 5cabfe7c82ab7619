// `replay --diff` through the built command line. Skipped before a build.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = join(root, 'dist/bin/misstep.js');
const demo = join(root, 'examples/demo/recording.json');
const folder = mkdtempSync(join(tmpdir(), 'misstep-diff-'));
afterAll(() => rmSync(folder, { recursive: true }));

function replay(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync('node', [built, 'replay', ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, stdout, stderr };
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const write = (name: string, text: string | Buffer) => writeFileSync(join(folder, name), text);

/** The baseline with one record changed; `undefined` takes it out. */
function edited(name: string, edit: (record: Record<string, unknown>) => Record<string, unknown> | undefined): void {
  const lines = read('base.jsonl').trimEnd().split('\n');
  const records = lines.flatMap((text) => edit(JSON.parse(text) as Record<string, unknown>) ?? []);
  write(name, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

describe.skipIf(!existsSync(built))('replay --diff', () => {
  beforeAll(() => {
    const { status, stdout } = replay(['--output', 'jsonl', demo]);
    expect(status).toBe(0);
    write('base.jsonl', stdout);
    write('base.jsonl.gz', gzipSync(stdout));
    // The same run under other ids and another name.
    const text = readFileSync(demo, 'utf8');
    const trace = /"traceId":\s*"([0-9a-f]{32})"/.exec(text)?.[1] ?? '';
    write('again.json', text.replaceAll(trace, 'f'.repeat(31).concat('1')).replaceAll(/demo-session-1/g, 'other-session'));
    edited('less.jsonl', (record) => (record['detector'] === 'loop' ? undefined : record));
    edited('milder.jsonl', (record) => (record['detector'] === 'loop' ? { ...record, severity: 'medium' } : record));
    edited('more.jsonl', (record) =>
      record['kind'] === 'detection' && record['detector'] === 'loop' ? { ...record, agent: 'nobody\u001b[2J|`x`' } : record,
    );
    edited('twice.jsonl', (record) => record);
    write('twice.jsonl', `${read('base.jsonl')}${read('base.jsonl').split('\n')[1] ?? ''}\n`);
  });

  it.each([['base.jsonl'], ['base.jsonl.gz']])('the same run under other ids is no difference, %s', (base) => {
    const { status, stdout, stderr } = replay(['--diff', base, '--fail-on', 'any-change', 'again.json']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('0 new, 0 changed, 0 gone, 3 same\n');
  });

  it.each([
    ['less.jsonl', [], 1, '1 new, 0 changed, 0 gone, 2 same'],
    ['less.jsonl', ['--fail-on', 'new-high'], 1, 'NEW      HIGH     loop researcher: Tool'],
    ['less.jsonl', ['--fail-on', 'new-critical'], 0, '1 new'],
    ['less.jsonl', ['--fail-on', 'never'], 0, '1 new'],
    ['milder.jsonl', ['--fail-on', 'new-high'], 1, 'severity medium → high'],
    ['milder.jsonl', [], 1, '0 new, 1 changed'],
    ['milder.jsonl', ['--fail-on', 'new-critical'], 0, '0 new, 1 changed'],
    ['milder.jsonl', ['--fail-on', 'any-change'], 1, '1 changed'],
    ['twice.jsonl', ['--fail-on', 'any-change'], 1, 'times 2 → 1'],
    ['twice.jsonl', [], 0, '1 changed'],
    ['more.jsonl', ['--detector', 'loop', '--fail-on', 'any-change'], 1, '1 new, 0 changed, 3 gone'],
    ['base.jsonl', ['--fail-on', 'high'], 1, '3 same'],
  ] as const)('%s %j exits with %i: %s', (base, args, code, text) => {
    const { status, stdout } = replay(['--diff', base, ...args, demo]);
    expect([status, stdout]).toEqual([code, expect.stringContaining(text)]);
  });

  it.each([
    ['none.jsonl', undefined, 'none.jsonl: the file does not exist.'],
    ['text.jsonl', 'hello\n', 'line 1: not JSON. Make one with misstep replay --output jsonl'],
    ['cut.jsonl', '{"kind":"coverage"}\n{"kind":"det', 'line 2: not JSON'],
    ['list.jsonl', '[1]\n', 'line 1: not an object'],
    ['empty.jsonl', '\n', 'empty.'],
    ['other.jsonl', '{"kind":"\\u001b[2J"}\n', String.raw`no record of replay, kind is "\u001b[2J"`],
    ['spans.jsonl', '{"resourceSpans":[]}\n', 'kind is missing'],
    ['half.jsonl', '{"kind":"detection","detector":"loop"}\n', 'line 1: message: '],
    [
      'severe.jsonl',
      '{"kind":"detection","detector":"loop","message":"repeated","agent":null,"severity":"bad"}\n',
      'line 1: severity: ',
    ],
    ['version.jsonl', '{"kind":"run","schema":2}\n', 'line 1: schema: '],
  ])('a baseline that is none is refused: %s', (name, text, message) => {
    if (text !== undefined) write(name, text);
    const { status, stdout, stderr } = replay(['--diff', name, demo]);
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)]);
  });

  it('two runs in one baseline are refused', () => {
    write('two.jsonl', read('base.jsonl').repeat(2));
    expect(replay(['--diff', 'two.jsonl', demo])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('a second run') as unknown,
    });
  });

  it.each(['new', 'new-high', 'any-change'])('--fail-on %s without a baseline is refused', (failOn) => {
    expect(replay(['--fail-on', failOn, demo])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Give --diff <baseline>.') as unknown,
    });
  });

  it('says what differs besides the runs', () => {
    edited('old.jsonl', (record) => (record['kind'] === 'run' ? { ...record, misstep: '0.0.1' } : record));
    expect(replay(['--diff', 'old.jsonl', demo]).stderr).toMatch(/the baseline is of misstep 0\.0\.1, this is \d/);
    edited('headless.jsonl', (record) => (record['kind'] === 'run' ? undefined : record));
    expect(replay(['--diff', 'headless.jsonl', demo]).stderr).toContain('does not say by which version and configuration');
    const { stderr } = replay(['--diff', 'base.jsonl', '--set', 'loop.min_repeats=4', '--set', 'cost.enabled=false', demo]);
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/another version or other options than in the baseline: loop\.$/),
      expect.stringMatching(/ran for the baseline and not now: cost\. Their findings count as gone\.$/),
    ]);
    expect(replay(['--diff', 'base.jsonl', '--no-embedding', demo]).stderr).toContain('made with embeddings, this run without.');
  });

  it('--config: options, tiers and emit_above of its detect, with --set after it', () => {
    const detect = (options: string) => `yaml:processors::detect: {${options}}`;
    const shown = (...args: string[]) =>
      replay(['--output', 'jsonl', ...args, demo]).stdout.match(/"kind":"detection"/g)?.length ?? 0;
    const base = join(root, 'config/default.yaml');
    expect(shown('-c', base)).toBe(3);
    expect(shown('-c', base, '-c', detect('tiers: [1]'))).toBe(1);
    expect(shown('-c', base, '-c', detect('emit_above: 0.9'))).toBe(2);
    expect(shown('-c', base, '-c', detect('detectors: {loop: {enabled: false}}'))).toBe(2);
    expect(shown('-c', base, '-c', detect('detectors: {loop: {enabled: false}}'), '--set', 'loop.enabled=true')).toBe(3);
    write(
      'none.yaml',
      'receivers: {otlp: {protocols: {http: {}}}}\nexporters: {nop: {}}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n',
    );
    expect(replay(['-c', 'none.yaml', demo])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no processor detect') as unknown,
    });
    write('bad.yaml', 'processors: {detect: {tires: [1]}}\n');
    expect(replay(['-c', 'bad.yaml', demo])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/bad\.yaml:1:\d+ .*tires/) as unknown,
    });
  });

  it('jsonl is a baseline again, with the differences in it', () => {
    const { stdout } = replay(['--diff', 'less.jsonl', '--output', 'jsonl', demo]);
    const of = stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(of[0]).toMatchObject({ kind: 'run', schema: 1 });
    expect(of.filter(({ kind }) => kind === 'difference').map(({ state }) => state)).toEqual(['new', 'same', 'same']);
    write('next.jsonl', stdout);
    expect(replay(['--diff', 'next.jsonl', '--fail-on', 'any-change', demo]).status).toBe(0);
  });

  it('markdown and the table let nothing through that drives the reader', () => {
    const { stdout } = replay(['--diff', 'more.jsonl', '--output', 'markdown', demo]);
    expect(stdout).toMatch(/^### misstep: 1 new, 0 changed, 1 gone, 2 same\n\n\| \|/);
    expect(stdout).toContain('| gone | high | loop | nobody&#92;u001b&#91;2J&#124;&#96;x&#96; |');
    const shown = replay(['--diff', 'more.jsonl', demo], { NO_COLOR: '1', FORCE_COLOR: '1' }).stdout;
    expect(shown).not.toContain('\u001b');
  });

  it('github: annotations, and the summary and outputs of the step', () => {
    const env = { GITHUB_STEP_SUMMARY: join(folder, 'summary'), GITHUB_OUTPUT: join(folder, 'output') };
    const { status, stdout } = replay(['--diff', 'less.jsonl', '--output', 'github', 'again.json'], env);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^::error file=again\.json,title=new high%3A loop::researcher: Tool 'web_search' ran 5 times.+\n$/);
    expect(read('summary')).toContain('### misstep: 1 new, 0 changed, 0 gone, 2 same');
    expect(read('output')).toBe('found=0\nnew=1\nchanged=0\ngone=0\nsame=2\n');
    expect(replay(['--output', 'github', '--fail-on', 'critical', demo], {}).stdout.match(/^::error /gm)).toHaveLength(3);
  });
});
