// explain, verify, scrub, watch and hooks through the built command line: what they print, refuse, and end with. Skipped before a build.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finding, type Platform, startPlatform } from '../api/testing.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = join(root, 'dist/bin/misstep.js');
const demo = join(root, 'examples/demo/recording.json');
const folder = mkdtempSync(join(tmpdir(), 'misstep-verbs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function misstep(args: readonly string[], { input, env }: { input?: string | Buffer; env?: NodeJS.ProcessEnv } = {}) {
  const options = {
    cwd: folder,
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
  } as const;
  const { status, stdout, stderr } = spawnSync('node', [built, ...args], options);
  return { status, stdout, stderr };
}

/** While something in this process must answer. */
function beside(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ReturnType<typeof misstep>> {
  return new Promise((resolve) => {
    const child = spawn('node', [built, ...args], { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, ...env } });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (part) => {
      stdout += String(part);
    });
    child.stderr.on('data', (part) => {
      stderr += String(part);
    });
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

describe.skipIf(!existsSync(built))('the command line', () => {
  describe('of every verb', () => {
    it.each([['hooks'], ['hooks', 'install'], ['hooks', 'uninstall'], ['explain'], ['verify'], ['scrub'], ['watch']])(
      '%s %s helps',
      (...verb) => {
        const { status, stdout } = misstep([...verb.filter((one) => one !== undefined), '--help']);
        expect([status, stdout]).toEqual([0, expect.stringContaining('Usage: misstep')]);
      },
    );

    it.each([
      [['explain'], "missing required argument 'what'"],
      [['explain', 'lop'], "unknown detector, lop. Did you mean 'loop'?"],
      [['explain', 'loop/none'], 'loop has no message none. It has: repeated'],
      [['explain', 'a'.repeat(32)], 'needs --api'],
      [['explain', 'loop', '--api', 'file:///etc'], 'Not a URL of http or https'],
      [['verify', demo], "required option '--detector <id>'"],
      [['verify', demo, '--detector', 'lop'], 'lop'],
      [['verify', demo, '--detector', 'loop', '--message', 'none'], 'It has: repeated'],
      [['verify', demo, '--detector', 'loop', '--set', 'loop.min_repeats=x'], 'min_repeats'],
      [['verify', 'nowhere.json', '--detector', 'loop'], 'does not exist'],
      [['scrub', 'nowhere.txt'], 'does not exist'],
      [['watch'], "missing required argument 'command'"],
      [['watch', '--fail-on', 'huge', '--', 'true'], 'Allowed choices'],
      [['hooks', 'install'], "required option '--agent <name>'"],
      [['hooks', 'install', '--agent', 'emacs'], 'claude-code, cursor'],
    ])('%j ends with 2', (args, said) => {
      const { status, stdout, stderr } = misstep(args);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toContain(said);
    });
  });

  describe('explain', () => {
    let platform: Platform;
    const id = (7).toString(16).padStart(32, '0');
    beforeAll(async () => {
      platform = await startPlatform();
      await platform.ingest([{ span: 2, events: [finding(7)] }]);
    });
    afterAll(() => platform.stop());

    it('says what a detector and a message mean', () => {
      expect(misstep(['explain', 'loop/repeated']).stdout).toMatch(
        /^loop\/repeated \(high\): .*\n {2}Costs: .*\n {2}Do: .*\n\nWhat: /,
      );
      const { detector, messages } = JSON.parse(misstep(['explain', 'loop', '--json']).stdout) as {
        detector: string;
        messages: object;
      };
      expect([detector, Object.keys(messages).length > 1]).toEqual(['loop', true]);
    });

    it('says what is stored of a finding', async () => {
      const { status, stdout } = await beside(['explain', id, '--api', platform.url]);
      expect([status, stdout]).toEqual([0, expect.stringContaining('loop/repeated (high, 90 % HIGH): Ran again.')]);
      expect(stdout).toMatch(/Do: .*\n {2}Judged: not yet\n\nWhy: /);
      const { stdout: json } = await beside(['explain', id, '--json'], { MISSTEP_API_URL: platform.url });
      expect(JSON.parse(json)).toMatchObject({ id, detection_type: 'loop' });
    });

    it('ends with 1 where there is none, and where nobody answers', async () => {
      const unknown = await beside(['explain', 'b'.repeat(32), '--api', platform.url]);
      expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('no finding b')]);
      const nobody = misstep(['explain', id, '--api', 'http://127.0.0.1:9']);
      expect([nobody.status, nobody.stderr]).toEqual([1, expect.stringContaining('does not answer')]);
    });
  });

  describe('verify', () => {
    it.each([
      ['loop', 'fires', 0],
      ['loop', 'silent', 1],
      ['cost', 'silent', 0],
      ['cost', 'fires', 1],
    ])('%s expected to be %s: %i', (detector, expected, code) => {
      expect(misstep(['verify', demo, '--detector', detector, '--expect', expected]).status).toBe(code);
    });

    it('takes no silence for proof of who could not look', () => {
      const { status, stdout } = misstep(['verify', demo, '--detector', 'corruption', '--expect', 'silent']);
      expect([status, stdout]).toEqual([1, expect.stringContaining('could not look in every window: no state')]);
    });

    it('shows the findings as JSON, by message and option', () => {
      const { stdout } = misstep(['verify', demo, '--detector', 'loop', '--message', 'repeated', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ detector: 'loop', fires: true, findings: [{ message: 'repeated' }] });
      expect(misstep(['verify', demo, '--detector', 'loop', '--set', 'loop.min_repeats=20', '--expect', 'silent']).status).toBe(
        0,
      );
    });
  });

  describe('scrub', () => {
    const text = 'mail ada@example.org\ntoken=abc123def456\n';
    it('takes secrets out of stdin and files', () => {
      expect(misstep(['scrub'], { input: text })).toEqual({ status: 0, stdout: 'mail [e-mail]\ntoken=[secret]\n', stderr: '' });
      writeFileSync(join(folder, 'a.txt'), text);
      expect(misstep(['scrub', '--count', 'a.txt', '-'], { input: 'clean\n' })).toEqual({
        status: 0,
        stdout: 'mail [e-mail]\ntoken=[secret]\nclean\n',
        stderr: 'e-mail: 1\nsecret: 1\n',
      });
    });

    it('only says whether there are any with --check', () => {
      expect(misstep(['scrub', '--check'], { input: text })).toMatchObject({ status: 1, stdout: '' });
      expect(misstep(['scrub', '--check'], { input: 'clean' })).toEqual({ status: 0, stdout: '', stderr: '' });
    });

    it('prints nothing of what is no text', () => {
      expect(misstep(['scrub'], { input: Buffer.from([0x61, 0xff, 0xfe]) })).toMatchObject({ status: 2, stdout: '' });
    });

    it.each([['\n'], [', '], [' ']])('loses nothing of a long text with %j in it, and finds what lies at its cuts', (mark) => {
      const key = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0B\n'.repeat(400)}-----END PRIVATE KEY-----`;
      const parts = Array.from({ length: 4_000 }, (_, i) =>
        i % 500 === 250 ? key : i % 3 === 0 ? `user${i}@example.org` : `word ${i}`,
      );
      const input = parts.join(mark);
      const { status, stdout } = misstep(['scrub'], { input });
      expect(status).toBe(0);
      expect(stdout).toBe(
        parts.map((part) => (part === key ? '[private key]' : part.includes('@') ? '[e-mail]' : part)).join(mark),
      );
    });
  });

  describe('watch', () => {
    const program = `
import { trace } from '@opentelemetry/api';
const tool = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.agent.name': 'planner', 'gen_ai.tool.name': 'search', 'gen_ai.tool.call.arguments': '{"q":"x"}', 'gen_ai.tool.call.result': 'nothing found' };
for (let i = 0; i < 5; i++) trace.getTracer('app').startActiveSpan('execute_tool search', { attributes: { ...tool, 'gen_ai.conversation.id': 'c' } }, (span) => span.end());
console.log(process.env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined, process.env.OTEL_TRACES_EXPORTER, process.argv[3] ?? '');
process.exitCode = Number(process.argv[2] ?? 0);
`;
    const node = ['node', '--import', 'misstep/register', 'app.mjs'];
    beforeAll(() => {
      mkdirSync(join(folder, 'node_modules/@opentelemetry'), { recursive: true });
      symlinkSync(root, join(folder, 'node_modules/misstep'));
      symlinkSync(join(root, 'node_modules/@opentelemetry/api'), join(folder, 'node_modules/@opentelemetry/api'));
      writeFileSync(join(folder, 'app.mjs'), program);
    });

    it('prints what is found beside what the program prints', () => {
      const { status, stdout, stderr } = misstep(['watch', '--', ...node, '0', '--json'], {
        env: { OTEL_TRACES_EXPORTER: 'mine' },
      });
      expect([status, stdout]).toEqual([0, 'true mine --json\n']);
      expect(stderr).toMatch(/^misstep HIGH {2}loop {2}planner {2}Tool 'search' ran 5 times/m);
      expect(stderr).toMatch(/misstep watch: \d+ findings?\.\n$/);
    });

    it('ends with 1 by --fail-on, and else as the program does', () => {
      const json = misstep(['watch', '--fail-on', 'high', '--json', '--', ...node]);
      expect(json.status).toBe(1);
      expect(JSON.parse(json.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({ kind: 'detection', detector: 'loop' });
      expect(misstep(['watch', '--fail-on', 'high', '--', ...node, '7']).status).toBe(7);
      expect(misstep(['watch', '--min-severity', 'critical', '--', ...node]).stderr).toContain('watch: 0 findings.');
    });

    it('ends with 127 when there is no such program, and by the number of a signal', () => {
      expect(misstep(['watch', '--', 'no-such-program'])).toMatchObject({
        status: 127,
        stderr: expect.stringContaining('no such program') as string,
      });
      expect(misstep(['watch', '--', 'sh', '-c', 'kill -9 $$']).status).toBe(137);
    });
  });

  describe('hooks', () => {
    it('come and go, in the folder of the user', () => {
      const file = join(folder, '.claude/settings.json');
      mkdirSync(join(folder, '.claude'));
      writeFileSync(file, '{ "model":"opus" }');
      const dry = misstep(['hooks', 'install', '--agent', 'claude-code', '--dry-run']);
      expect(JSON.parse(dry.stdout)).toMatchObject({ model: 'opus', hooks: { PreToolUse: [{ hooks: [{ type: 'http' }] }] } });
      expect(readFileSync(file, 'utf8')).toBe('{ "model":"opus" }');
      expect(misstep(['hooks', 'install', '--agent', 'claude-code'])).toMatchObject({
        status: 0,
        stderr: expect.stringContaining('hooks added') as string,
      });
      expect(misstep(['hooks', 'install', '--agent', 'claude-code']).stderr).toContain('there already');
      expect(readFileSync(file, 'utf8')).toBe(dry.stdout);
      expect(misstep(['hooks', 'uninstall', '--agent', 'claude-code'])).toMatchObject({ status: 0 });
      expect(readFileSync(file, 'utf8')).toBe('{ "model":"opus" }');
      expect(misstep(['hooks', 'uninstall', '--agent', 'claude-code']).stderr).toContain('there are no hooks');
    });

    it('stay out of settings that are no JSON', () => {
      const file = join(folder, '.cursor/hooks.json');
      mkdirSync(join(folder, '.cursor'));
      writeFileSync(file, '{ // mine\n}');
      const { status, stderr } = misstep(['hooks', 'install', '--agent', 'cursor', '--scope', 'project']);
      expect([status, stderr]).toEqual([1, expect.stringContaining('not JSON')]);
      expect(readFileSync(file, 'utf8')).toBe('{ // mine\n}');
    });
  });
});
