// Detectors of the user's own by the built command line and in a worker of `detect`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { detectFactory } from '../processors/detect/detect.ts';
import { readDetectorFile } from '../processors/detect/detector-file.ts';
import type { Batch } from '../src/batch/batch.ts';
import { testHost, until } from '../src/component/testing.ts';
import { tool } from '../src/detector/testing/builders.ts';
import { encodeSteps } from '../src/detector/testing/encode.ts';
import { documentToProtobuf, protobufToDocument } from '../src/otlp/json.ts';
import { shippedDetectors } from './detectors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'dist/bin/misstep.js');
const folder = mkdtempSync(join(tmpdir(), 'misstep-own-'));
const night = join(folder, 'night_shift.js');
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

beforeAll(() => {
  // As it is installed: `misstep` is found from the folder.
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/misstep'));
  file('package.json', '{"type": "module"}');
  file('night_shift.js', readFileSync(join(root, 'examples/own-detector/night_shift.js'), 'utf8'));
  file('night_shift.test.js', readFileSync(join(root, 'examples/own-detector/night_shift.test.js'), 'utf8'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const misstep = (...args: string[]) =>
  spawnSync('node', [built, ...args], { cwd: folder, encoding: 'utf8', env: { PATH: process.env['PATH'], NO_COLOR: '1' } });
const steps = encodeSteps([tool('write_file', { path: 'a' }), tool('write_file', { path: 'b' })], 'gen_ai');

describe('a module of a detector', () => {
  const bare = "meta: {id: 'x', family: 'execution', scope: 'trace', version: 1, stateVersion: 1, needs: [], summary: 'X.'";
  test.each<[string, string, RegExp]>([
    ['no-detector.js', 'export default 5;', /the default export is no detector/],
    ['no-default.js', 'export const a = 1;', /the default export is no detector: /],
    ['empty.js', 'export default [];', /an empty list/],
    [
      'half.js',
      `export default {${bare}}, init: () => {}};`,
      /meta\.docs: .*; meta\.options: .*; meta\.messages: .*; onStep: must be a function/,
    ],
    ['throws.js', 'throw new Error("boom");', /it cannot be loaded: boom/],
    ['syntax.js', 'export default {', /it cannot be loaded: /],
    ['waits.js', 'await 1; export default 5;', /it waits \(`await`\) while it is loaded/],
  ])('%s is refused', (name, text, message) => {
    expect(() => readDetectorFile(file(name, text))).toThrow(message);
  });

  test('one that is not there is refused', () => {
    expect(() => readDetectorFile('none.js')).toThrow('the file does not exist.');
  });

  test('TypeScript where Node runs none is refused with what to do', () => {
    const path = file('a.ts', 'export default 5 as number;');
    const runs = 'typescript' in process.features && process.features.typescript !== false;
    expect(() => readDetectorFile(path)).toThrow(
      runs ? /no detector/ : /Node \d+\.\d+\.\d+ runs no TypeScript; 22\.18 and later do\. Compile it \(`npx tsc/,
    );
  });
});

describe('by the command line', () => {
  const config = (detect: string) =>
    file(
      'config.yaml',
      `receivers: {otlp: {protocols: {http: {}}}}\nprocessors: {detect: ${detect}}\nexporters: {debug: {}}\nservice: {pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [debug]}}}\n`,
    );

  test('validate takes it with its options, and says what is wrong', () => {
    expect(
      misstep('validate', '--config', config(`{detector_files: [${night}], workers: 1, detectors: {night_shift: {from: 20}}}`))
        .status,
    ).toBe(0);
    const { status, stdout, stderr } = misstep(
      'validate',
      '--config',
      config(`{detector_files: [${night}, none.js], detectors: {night_shift: {from: 40}}}`),
    );
    expect(status).toBe(2);
    expect(stdout + stderr).toMatch(
      /detector_files: code of your own runs in a thread of its own, with a deadline\. Set `workers: 1`/,
    );
    expect(stdout + stderr).toMatch(/detector_files\[1\]: none\.js: the file does not exist/);
    expect(stdout + stderr).toMatch(/night_shift\.from: must be a whole number from 0 to 23, got 40/);
  });

  test('two of one id', () => {
    const { stdout, stderr } = misstep('validate', '--config', config(`{detector_files: [${night}, ${night}], workers: 1}`));
    expect(stdout + stderr).toContain("there is a detector 'night_shift' already");
  });

  test('replay plays it', () => {
    const run = file('run.json', steps.map((one) => JSON.stringify(one)).join('\n'));
    const { stdout } = misstep('replay', '--detector-file', night, '--detector', 'night_shift', run);
    expect(stdout).toContain("Tool 'write_file' ran at 0 o'clock, 2 times this night.");
  });

  test('its table test runs by `misstep/testing`', () => {
    const { status, stdout } = spawnSync('node', [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], NO_COLOR: '1' },
    });
    expect(stdout).toMatch(/Tests {2}\d+ passed/);
    expect(status).toBe(0);
  }, 60_000);
});

test('in detect it runs in a worker, and one that never returns ends there', async () => {
  const hangs = file(
    'hangs.js',
    `import night from './night_shift.js';\nexport default {...night, meta: {...night.meta, id: 'hangs'}, onStep() { for (;;); }};\n`,
  );
  const factory = detectFactory(
    shippedDetectors,
    undefined,
    new URL('../processors/detect/testing/shipped-worker.mjs', import.meta.url),
  );
  const got: Batch[] = [];
  const host = testHost();
  const options = factory.options.parse({ detector_files: [hangs, night], workers: 1, wait: '0s', deadline: '1s' });
  const detect = factory.create({ id: 'detect' } as Parameters<typeof factory.create>[0], options, {
    consume: (batch) => {
      got.push(batch);
      return undefined;
    },
  });
  await detect.start(host);
  try {
    const send = async (document: unknown): Promise<void> => {
      const { body } = documentToProtobuf('traces', document);
      await detect.consume({ signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant: 'default' });
    };
    await send(steps[0]);
    expect(got).toHaveLength(1);
    await until(() => host.logs.some(({ message }) => message.includes('replaced')));
    await send(steps[1]);
    await until(() =>
      got.some((batch) => JSON.stringify(protobufToDocument('traces', Buffer.concat(batch.chunks))).includes('night_shift')),
    );
  } finally {
    await detect.shutdown(new AbortController().signal);
  }
}, 60_000);
