// Rules by the built command line, and in `detect`: inline and in a worker.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { detectFactory } from '../processors/detect/detect.ts';
import type { Batch } from '../src/batch/batch.ts';
import { testHost, until } from '../src/component/testing.ts';
import { type StepLike, tool } from '../src/detector/testing/builders.ts';
import { encodeSteps } from '../src/detector/testing/encode.ts';
import { documentToProtobuf, protobufToDocument } from '../src/otlp/json.ts';
import { shippedDetectors } from './detectors.ts';

const built = fileURLToPath(new URL('../dist/bin/misstep.js', import.meta.url));
const examples = fileURLToPath(new URL('../examples/rules/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'misstep-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

function misstep(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync('node', [built, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const twice = `rules:
  - id: listed_twice
    summary: Finds a list that is asked for twice.
    severity: high
    message: "'{{tool}}' ran {{count}} times."
    when: {tool: ls, count: 2}
    cases:
      - {name: twice, steps: [{tool: ls, times: 2}], finds: [2]}
      - {name: once, steps: [{tool: ls}], finds: nothing}
`;

describe('test-rules', () => {
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));

  test('twenty examples and more, each with a case that it finds and one that it does not', () => {
    const rules = files.flatMap(
      (name) =>
        (parse(readFileSync(join(examples, name), 'utf8')) as { rules: { id: string; cases: { finds: unknown }[] }[] }).rules,
    );
    expect(rules.length).toBeGreaterThanOrEqual(20);
    for (const { id, cases } of rules) {
      expect(
        cases.some(({ finds }) => finds === 'nothing'),
        id,
      ).toBe(true);
      expect(
        cases.some(({ finds }) => finds !== 'nothing'),
        id,
      ).toBe(true);
    }
  });

  test('all cases of all examples pass', () => {
    const { status, stdout, stderr } = misstep('test-rules', ...files.map((name) => join(examples, name)));
    expect(stderr).toBe('');
    expect(stdout).not.toContain('FAIL');
    expect(status).toBe(0);
  });

  test('a case that fails says what was found instead', () => {
    const wrong = file('wrong.yaml', twice.replace('finds: [2]', 'finds: [1]'));
    const { status, stdout } = misstep('test-rules', wrong);
    expect(status).toBe(1);
    expect(stdout).toBe(
      [
        'listed_twice: Finds a list that is asked for twice.',
        '  FAIL twice',
        '       expected step 1',
        "       found step 2: 'ls' ran 2 times.",
        '  ok   once',
        '2 cases, 1 failed',
        '',
      ].join('\n'),
    );
    const [first] = misstep('test-rules', wrong, '--output', 'jsonl').stdout.split('\n');
    expect(JSON.parse(first as string)).toMatchObject({ rule: 'listed_twice', case: 'twice', passed: false, expected: [1] });
  });

  test('a rule without cases is not tested', () => {
    const bare = file('bare.yaml', 'rules:\n  - {id: bare, summary: X, message: X., when: {tool: a}}\n');
    expect(misstep('test-rules', bare)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("the rule 'bare' has no cases"),
    });
  });

  test('what is wrong with a file is said with its place', () => {
    const broken = file('broken.yaml', twice.replace('tool: ls,', 'if: step.tol == 1,'));
    const { status, stderr } = misstep('test-rules', broken, join(folder, 'none.yaml'));
    expect(status).toBe(2);
    expect(stderr).toContain(`broken.yaml:6:16 rules[0].when.if: No such key: tol, at character 6. Did you mean 'tool'?`);
    expect(stderr).toContain('none.yaml');
  });
});

describe('in commands', () => {
  test('validate says what is wrong with a rule, in the line of the rule', () => {
    const rules = file('typo.yaml', twice.replace('severity: high', 'severity: hgh'));
    const config = file(
      'config.yaml',
      `receivers: {otlp: {protocols: {http: {}}}}\nprocessors: {detect: {rules: [${rules}]}}\nexporters: {debug: {}}\nservice: {pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [debug]}}}\n`,
    );
    const { status, stdout, stderr } = misstep('validate', '--config', config);
    expect(status).toBe(2);
    expect(stdout + stderr).toMatch(/config\.yaml:2:\d+ processors\.detect\.rules\[0\]: .*typo\.yaml:4:15 rules\[0\]\.severity/);
  });

  test('replay plays them with the shipped ones, and sets nothing that is no option', () => {
    const run = file(
      'run.json',
      `${stepsOf([tool('ls'), tool('ls')])
        .map((one) => JSON.stringify(one))
        .join('\n')}\n`,
    );
    const rules = file('twice.yaml', twice);
    const { stdout } = misstep('replay', '--rules', rules, '--detector', 'listed_twice', run);
    expect(stdout).toContain("HIGH     listed_twice (80 %) assistant: 'ls' ran 2 times.");
    expect(misstep('replay', '--rules', join(folder, 'none.yaml'), run)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--rules: '),
    });
  });
});

const stepsOf = (likes: readonly StepLike[]) =>
  encodeSteps(
    likes.map((like) => ({ agent: 'assistant', ...like })),
    'gen_ai',
  );
const stopped: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(stopped.splice(0).map((stop) => stop())));

async function detect(options: Record<string, unknown>) {
  const factory = detectFactory(
    shippedDetectors,
    undefined,
    new URL('../processors/detect/testing/shipped-worker.mjs', import.meta.url),
  );
  const got: Batch[] = [];
  const host = testHost();
  const made = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], factory.options.parse(options), {
    consume: (batch) => {
      got.push(batch);
      return undefined;
    },
  });
  await made.start(host);
  stopped.push(() => made.shutdown(new AbortController().signal));
  const consume = async (likes: readonly StepLike[]): Promise<void> => {
    for (const document of stepsOf(likes)) {
      const { body } = documentToProtobuf('traces', document);
      await made.consume({ signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant: 'default' });
    }
  };
  const text = () => got.map((batch) => JSON.stringify(protobufToDocument('traces', Buffer.concat(batch.chunks)))).join('\n');
  return { consume, text, got, host };
}

describe('in detect', () => {
  const rules = () => [file('twice.yaml', twice)];

  test('a rule speaks in the stream as any detector', async () => {
    const { consume, text } = await detect({ rules: rules() });
    await consume([tool('ls'), tool('ls')]);
    expect(text()).toContain('listed_twice');
    expect(text()).toContain("'ls' ran 2 times.");
  });

  test('in a worker too', async () => {
    const { consume, text } = await detect({ rules: rules(), workers: 1, wait: '10s' });
    await consume([tool('ls'), tool('ls')]);
    await until(() => text().includes('listed_twice'));
  });

  test('it can be switched off by its id like any detector', async () => {
    const { consume, text } = await detect({ rules: rules(), detectors: { listed_twice: { enabled: false } } });
    await consume([tool('ls'), tool('ls')]);
    expect(text()).not.toContain('listed_twice');
  });

  test('claim 28: a rule that would take for ever is stopped, counted and told; spans and other rules go on', async () => {
    const slow = twice
      .replaceAll('listed_twice', 'slow')
      .replace(
        '{tool: ls, count: 2}',
        "{if: 'step.args.l.exists(a, step.args.l.exists(b, step.args.l.exists(c, a + b + c < 0)))'}",
      );
    const { consume, text, got, host } = await detect({ rules: [...rules(), file('slow.yaml', slow)] });
    const l = Array.from({ length: 5_000 }, (_, i) => i);
    await consume([tool('ls', { l }), tool('ls', { l })]);
    expect(got).toHaveLength(2);
    expect(text()).toContain('listed_twice');
    const errors = host.logs.filter(({ level }) => level === 'error' || level === 'warn');
    expect(JSON.stringify(errors)).toContain('rule slow: an expression took more than 200000 operations on one step');
  });
});
