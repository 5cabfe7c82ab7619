/** `misstep top`: what a running misstep does, once a second. */
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { readStatus, urlOption } from './status.ts';
import { type Moment, screen } from './top-screen.ts';

/** Between two looks; rates are over this time. */
const EVERY_MS = 1_000;
const PLAIN_COLUMNS = 120;

interface TopOptions {
  readonly url: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  urlOption(program.command('top'))
    .description('Watch a running misstep: spans a second, windows, queues, losses, what each detector finds and costs.')
    .option('--once', 'print one page and end, as when the output is no terminal')
    .option('--json', 'print the status as it came, as JSON, and end')
    .addHelpText(
      'after',
      '\nKeys:\n  q, Ctrl-C   end\n\nExamples:\n  misstep top\n  misstep top --once --url http://localhost:13133\n  misstep top --json | jq .exporters',
    )
    .action(async ({ url, once, json }: TopOptions) => {
      if (json) {
        process.stdout.write(`${JSON.stringify(await readStatus(url), null, 2)}\n`);
        return;
      }
      if (once || !process.stdout.isTTY) {
        const before = await look(url);
        await pause(EVERY_MS);
        process.stdout.write(`${screen(before, await look(url), process.stdout.columns ?? PLAIN_COLUMNS).join('\n')}\n`);
        return;
      }
      await watch(url);
    });
}

async function look(url: string): Promise<Moment> {
  return { page: await readStatus(url), atMs: performance.now() };
}

/** On the terminal's second screen, so that what stood there comes back; each page is one write over the former. */
async function watch(url: string): Promise<void> {
  let last = await look(url);
  let answered = new Date();
  const asked = new AbortController();
  const end = () => asked.abort();
  const onKey = (key: Buffer) => {
    if (key.includes('q') || key.includes(3)) end();
  };
  const { stdin, stdout } = process;
  stdin.setRawMode?.(true);
  stdin.on('data', onKey);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  stdout.write('\x1b[?1049h\x1b[?25l');
  try {
    while (!asked.signal.aborted) {
      await pause(EVERY_MS, undefined, { signal: asked.signal }).catch(() => undefined);
      if (asked.signal.aborted) break;
      try {
        const now = await look(url);
        draw(screen(last, now, stdout.columns));
        last = now;
        answered = new Date();
      } catch {
        draw([`No answer from ${url} since ${answered.toTimeString().slice(0, 8)}; asking again every second. q ends.`]);
      }
    }
  } finally {
    stdout.write('\x1b[?25h\x1b[?1049l');
    stdin.setRawMode?.(false);
    stdin.off('data', onKey).pause();
  }
}

function draw(lines: readonly string[]): void {
  const { rows } = process.stdout;
  const shown = lines.slice(0, rows - 1).map((line, i) => `${i === 0 ? bold(line) : line}\x1b[K\r\n`);
  process.stdout.write(`\x1b[H${shown.join('')}\x1b[J`);
}

function bold(text: string): string {
  return process.env['NO_COLOR'] ? text : styleText('bold', text);
}
