import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { register } from './replay.ts';

const demo = join(import.meta.dirname, '../../examples/demo/recording.json');
const folder = mkdtempSync(join(tmpdir(), 'misstep-replay-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** As the command line, with what it writes. */
async function replay(...args: string[]) {
  const out: string[] = [];
  const notices: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => notices.push(String(text)) > 0);
  const program = new Command();
  register(program);
  const before = process.exitCode;
  await program.parseAsync(['replay', ...args], { from: 'user' });
  const code = process.exitCode;
  process.exitCode = before;
  vi.restoreAllMocks();
  const text = out.join('');
  return {
    code,
    text,
    notices: notices.join(''),
    records: () => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>])),
  };
}

test('jsonl: detection, blame and coverage with the fields of the evaluation', async () => {
  const { code, notices, records } = await replay('--output', 'jsonl', '--blame', demo);
  expect([code, notices]).toEqual([0, '']);
  const of = (kind: string) => records().filter((record) => record['kind'] === kind);
  expect(of('detection').map(({ detector, message }) => `${detector} ${message}`)).toEqual([
    'loop repeated',
    'injection instruction_in_data',
    'injection followed',
  ]);
  for (const detection of of('detection')) {
    expect(Object.keys(detection)).toEqual(
      'kind source id detector confidence confidence_tier score severity trace_id span_id session_id agent evidence explanation taxonomy schema message category version tier revision data'.split(
        ' ',
      ),
    );
    expect(Object.keys(detection['taxonomy'] as object)).toEqual(['mast', 'trail', 'owasp', 'modes']);
    expect(detection).toMatchObject({ source: demo, schema: 1, evidence: { span_ids: expect.any(Array) as unknown } });
  }
  expect(of('blame')).toMatchObject([
    { agent: 'researcher', span_id: expect.any(String) as unknown, candidates: expect.any(Array) as unknown },
  ]);
  const windows = of('coverage').map(({ trace_id, detector, agent }) => `${trace_id} ${detector} ${agent}`);
  expect(new Set(windows).size).toBe(windows.length);
  for (const record of of('coverage')) expect(record['outcome']).toMatch(/^(fail|pass|insufficient_data|error)$/);
});

test('steps: one a line', async () => {
  const { records } = await replay('--output', 'steps', demo);
  expect(records()).toHaveLength(21);
  expect(Object.keys(records()[0] as object)).toEqual(
    'kind source trace_id span_id session_id step agent models tool tokens outcome rollup dialects'.split(' '),
  );
});

test.each([
  [[], 0],
  [['--fail-on', 'high'], 1],
  [['--fail-on', 'critical'], 1],
  [['--fail-on', 'critical', '--detector', 'loop'], 0],
  [['--fail-on', 'never'], 0],
])('%j exits with %i', async (args, code) => {
  expect((await replay(...args, demo)).code).toBe(code);
});

test.each(['loop.enabled', 'detectors.loop.enabled', 'processors.detect.detectors.loop.enabled'])(
  '--set %s=false',
  async (path) => {
    const { records } = await replay('--output', 'jsonl', '--set', `${path}=false`, demo);
    expect(records().some(({ detector }) => detector === 'loop')).toBe(false);
  },
);

test.each([
  [['--detector', 'lop'], "--detector: unknown detector, lop. Did you mean 'loop'?"],
  [['--set', 'loop.min_repeat=3'], "--set loop.min_repeat: unknown option, min_repeat. Did you mean 'min_repeats'?"],
  [['--set', 'loop.min_repeats=1'], 'must be a whole number from 2 to 100, got 1.'],
  [['--set', 'min_repeats'], 'not of the form <detector>.<option>=<value>, min_repeats.'],
])('%j is refused before anything is read', async (args, message) => {
  const { code, text, notices } = await replay(...args, join(folder, 'none.json'));
  expect([code, text]).toEqual([2, '']);
  expect(notices).toContain(message);
  expect(notices).not.toContain('none.json');
});

test('a file that cannot be read says why, gives no result, and the others are played', async () => {
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{"resourceSpans": [');
  const { code, text, notices } = await replay(join(folder, 'none.json'), folder, broken, demo);
  expect(code).toBe(2);
  expect(notices.trim().split('\n')).toEqual([
    expect.stringContaining('none.json: the file does not exist. Check the path.'),
    expect.stringContaining('a folder. Name the files in it'),
    expect.stringContaining('broken.json: not JSON: '),
  ]);
  expect(text.match(/steps, /g)).toHaveLength(1);
});

test('a list of messages is one conversation, and what it was taken for is said; what is hardly one is refused', async () => {
  const file = join(folder, 'chat.json');
  const asked = { role: 'user', content: 'Weather?' };
  writeFileSync(file, JSON.stringify([asked, { role: 'assistant', content: 'It rains.' }]));
  const good = await replay('--output', 'steps', file);
  expect(good.notices).toMatch(
    /chat\.json: read as conversation, confidence 0\.8 \(openai: 2 of 2 elements of messages\[\] fit; /,
  );
  expect(good.records().map(({ step }) => step)).toEqual(['workflow', 'agent', 'llm']);
  writeFileSync(file, JSON.stringify({ messages: [asked, 1, 2] }));
  const bad = await replay(file);
  expect([bad.code, bad.text]).toEqual([2, '']);
  expect(bad.notices).toMatch(/confidence 0\.27.+expected a conversation: messages\[\] with role and content.+ShareGPT/);
});
