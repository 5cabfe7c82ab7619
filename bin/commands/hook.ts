/**
 * `misstep hook`: for clients whose hooks are commands. One hook input on stdin goes to a running misstep; its answer decides. Where
 * anything is uncertain the agent goes on: exit code 0 and nothing said. Exit code 2 blocks, with the reason on stderr.
 */
import http from 'node:http';
import https from 'node:https';
import { type Command, InvalidArgumentError } from 'commander';
import { isObject, member } from '../../src/dialects/json.ts';
import { printable } from '../../src/text/printable.ts';

const DEFAULT_URL = 'http://127.0.0.1:4320/api/v1/hooks/claude-code';
/** The reference's deadline of a hook: what a person at the keyboard does not notice. */
const TIMEOUT_MS = 80;
/** Claude Code cuts what tools answer at some 100 KB; files that are written come whole. */
const MAX_INPUT_BYTES = 8 * 1024 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024;
/** The client has written its input when it waits for the hook; one that has not is no reason to stand still. */
const INPUT_MS = 2_000;
const MAX_REASON = 2_000;

export interface HookOptions {
  readonly url: string;
  readonly timeout: number;
  /** Sent as a bearer token; from the environment, because a command line is seen by everybody on the machine. */
  readonly key?: string | undefined;
}

export interface Verdict {
  readonly exitCode: 0 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

const goOn: Verdict = { exitCode: 0, stdout: '', stderr: '' };

export function register(program: Command): void {
  program
    .command('hook')
    .description('Hand one hook input of Claude Code or Cursor from stdin to a running misstep, and its answer back.')
    .option('--url <url>', 'where the webhook receiver takes hooks (or MISSTEP_URL)', checkedUrl)
    .option('--timeout <ms>', 'how long to wait for the answer', checkedMs, TIMEOUT_MS)
    .addHelpText(
      'after',
      '\nWhatever goes wrong, the agent goes on: exit code 0. Exit code 2 blocks it, with the reason on stderr.\nMISSTEP_API_KEY is sent as a bearer token.\n\nExample (.cursor/hooks.json):\n  {"version":1,"hooks":{"postToolUse":[{"command":"misstep hook"}]}}\n',
    )
    .action(async (options: { readonly url?: string; readonly timeout: number }) => {
      const { MISSTEP_URL: given, MISSTEP_API_KEY: key } = process.env;
      const input = await readInput(process.stdin);
      const url = options.url ?? (given !== undefined && isUrl(given) ? given : DEFAULT_URL);
      const { exitCode, stdout, stderr } = input === undefined ? goOn : await ask(input, { url, timeout: options.timeout, key });
      process.stdout.write(stdout);
      process.stderr.write(stderr);
      process.exitCode = exitCode;
    });
}

/** `input` is the text of a hook input. Never rejects. */
export async function ask(input: string, options: HookOptions): Promise<Verdict> {
  const asked = parsed(input);
  if (asked === undefined) return goOn;
  const answer = parsed((await post(input, options).catch(() => undefined)) ?? '');
  if (answer === undefined) return goOn;
  const reason = blockOf(answer);
  // An agent that was kept from stopping once and is kept again never stops.
  if (reason !== undefined && isStopAgain(asked)) return goOn;
  const stdout = `${JSON.stringify(answer)}\n`;
  return reason === undefined ? { ...goOn, stdout } : { exitCode: 2, stdout, stderr: `${reason}\n` };
}

function isStopAgain(input: object): boolean {
  const rounds = member(input, 'loop_count');
  return member(input, 'stop_hook_active') === true || (typeof rounds === 'number' && rounds > 0);
}

/** Why the answer says no, if it does: in the words of Claude Code or of Cursor. */
function blockOf(answer: object): string | undefined {
  const own = member(answer, 'hookSpecificOutput');
  const said = member(own, 'permissionDecision') === 'deny' ? member(own, 'permissionDecisionReason') : undefined;
  const blocks =
    member(own, 'permissionDecision') === 'deny' ||
    member(answer, 'decision') === 'block' ||
    member(answer, 'permission') === 'deny' ||
    member(answer, 'continue') === false;
  if (!blocks) return undefined;
  const reasons = [said, ...['reason', 'stopReason', 'agent_message', 'user_message'].map((key) => member(answer, key))];
  const reason = reasons.find((one) => typeof one === 'string' && one !== '');
  return printable((typeof reason === 'string' ? reason : 'misstep blocked this.').slice(0, MAX_REASON));
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The body of a 2xx answer; `undefined` for every other, a redirect among them. Rejects when nothing came in time. */
function post(body: string, { url, timeout, key }: HookOptions): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const headers = {
      'content-type': 'application/json',
      ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
    };
    const signal = AbortSignal.timeout(timeout);
    const sent = (target.protocol === 'https:' ? https : http).request(
      target,
      { method: 'POST', headers, agent: false, signal },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('too long'));
          else parts.push(part);
        });
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0 } = response;
          resolve(status >= 200 && status < 300 ? Buffer.concat(parts).toString('utf8') : undefined);
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** `undefined` if it is longer than is taken, or does not end. */
function readInput(stdin: NodeJS.ReadStream): Promise<string | undefined> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const end = (text: string | undefined) => {
      clearTimeout(timer);
      stdin.destroy();
      resolve(text);
    };
    const timer = setTimeout(() => end(undefined), INPUT_MS);
    stdin.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MAX_INPUT_BYTES) end(undefined);
      else parts.push(part);
    });
    stdin.on('end', () => end(Buffer.concat(parts).toString('utf8')));
    stdin.on('error', () => end(undefined));
  });
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function checkedUrl(text: string): string {
  if (!isUrl(text)) throw new InvalidArgumentError(`Not a URL of http or https. Write for example ${DEFAULT_URL}.`);
  return text;
}

function checkedMs(text: string): number {
  const ms = Number(text);
  if (!Number.isSafeInteger(ms) || ms < 1 || ms > 60_000) throw new InvalidArgumentError('Not a number of ms from 1 to 60000.');
  return ms;
}
