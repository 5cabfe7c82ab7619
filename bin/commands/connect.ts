/** `misstep connect [framework]`: what to paste so that spans come; with --check, whether they do. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../../config/problem.ts';
import { type Connection, connections } from '../connections.ts';
import { readStatus, type StatusPage, urlOption } from './status.ts';
import { supplies } from './supplies.ts';

interface ConnectOptions {
  readonly url: string;
  readonly endpoint: string;
  readonly grpc: string;
  readonly webhook: string;
  readonly check?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

const LOOK_MS = 500;

const TESTED: Readonly<Record<Connection['tested'], string>> = {
  program: 'the real program, in the tests of misstep',
  recordings: 'recorded payloads, in the tests of misstep',
  documentation: 'nothing but its documentation',
};

export function register(program: Command): void {
  urlOption(program.command('connect').argument('[framework]', 'one of those that are listed without it'))
    .description(
      'Print what to paste so that a framework sends its spans here; with --check, wait for the first and say what is missing.',
    )
    .option('--endpoint <url>', 'OTLP over HTTP, as the framework reaches it', 'http://localhost:4318')
    .option('--grpc <address>', 'OTLP over gRPC', 'localhost:4317')
    .option('--webhook <url>', 'the receiver `webhook`', 'http://localhost:4320')
    .option('--check', 'wait for spans of an agent at the running misstep')
    .option('--timeout <seconds>', 'how long --check waits', seconds, 60)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 printed, or spans came; 1 nothing came in time, or nobody answers; 2 unknown framework.\n\nExamples:\n  misstep connect\n  misstep connect n8n\n  misstep connect langgraph --check',
    )
    .action(async (name: string | undefined, options: ConnectOptions, command: Command) => {
      const found = connections.find((one) => one.name === name);
      if (name !== undefined && found === undefined) {
        const names = connections.map((one) => one.name);
        return command.error(`error: unknown framework, ${name}. ${didYouMean(name, names)} There are: ${names.join(', ')}.`, {
          exitCode: 2,
        });
      }
      const filled = found === undefined ? undefined : fill(found, options);
      if (options.check !== true) {
        if (options.json) print(JSON.stringify(filled ?? connections.map((one) => fill(one, options)), null, 2));
        else print(filled === undefined ? list() : block(filled));
        return;
      }
      process.exitCode = await check(options, filled);
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0 || value > 86_400)
    throw new InvalidArgumentError('Not a number of seconds from 1 to 86400.');
  return value;
}

function fill(one: Connection, { endpoint, grpc, webhook }: ConnectOptions): Connection {
  const put = (text: string): string =>
    text.replaceAll('{http}', endpoint).replaceAll('{grpc}', grpc).replaceAll('{webhook}', webhook);
  return {
    ...one,
    paste: put(one.paste),
    mind: one.mind.map(put),
    ...(one.content === undefined ? {} : { content: put(one.content) }),
    ...(one.more === undefined ? {} : { more: put(one.more) }),
  };
}

function list(): string {
  const width = Math.max(...connections.map(({ name }) => name.length));
  const rows = connections.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`);
  return `misstep connect FRAMEWORK prints what to paste:\n\n${rows.join('\n')}`;
}

function block({ title, paste, mind, content, more, tested }: Connection): string {
  const lines = [`${title}\n`, ...paste.split('\n').map((line) => `  ${line}`), ''];
  for (const sentence of mind) lines.push(sentence);
  if (content !== undefined) lines.push(`Content, without which half of the detectors are blind: ${content}.`);
  if (more !== undefined) lines.push(more);
  lines.push(`Tried on: ${TESTED[tested]}.`, 'Then: misstep connect --check');
  return lines.join('\n');
}

async function check(options: ConnectOptions, wanted: Connection | undefined): Promise<number> {
  const before = await readStatus(options.url);
  const until = performance.now() + options.timeout * 1_000;
  process.stderr.write(`Waiting up to ${options.timeout} s for spans of an agent…\n`);
  for (let page = before; ; page = await readStatus(options.url)) {
    if (stepsIn(page) > stepsIn(before) || (page === before && stepsIn(page) > 0)) {
      // Others of the same run come with it.
      await pause(LOOK_MS);
      report(await readStatus(options.url), options);
      return 0;
    }
    if (performance.now() > until) {
      for (const line of nothing(before, page, wanted)) print(line);
      return 1;
    }
    await pause(LOOK_MS);
  }
}

function detects(page: StatusPage) {
  return Object.values(page.detect ?? {});
}

function stepsIn(page: StatusPage): number {
  return detects(page).reduce((sum, { steps }) => sum + steps, 0);
}

function report(page: StatusPage, { json }: ConnectOptions): void {
  const blind = new Map<string, readonly string[]>();
  for (const { detectors } of detects(page)) {
    for (const [id, { state, needs, windows, open, reasons }] of Object.entries(detectors)) {
      const lacks = windows.insufficient_data + open.windows.insufficient_data;
      const sees = windows.pass + windows.fail + open.windows.pass + open.windows.fail;
      if (state !== 'on' || lacks === 0 || sees > 0) continue;
      const said = Object.keys({ ...reasons, ...open.reasons }).join(', ');
      blind.set(
        id,
        needs.filter((need) => said.includes(need)),
      );
    }
  }
  const facts = [...new Set([...blind.values()].flat())];
  const findings = detects(page).reduce(
    (sum, { detectors }) => sum + Object.values(detectors).reduce((n, one) => n + one.handed_on, 0),
    0,
  );
  if (json) {
    print(
      JSON.stringify({ steps: stepsIn(page), findings, blind: Object.fromEntries(blind), supplies: supplies(facts) }, null, 2),
    );
    return;
  }
  print(`Connected: ${stepsIn(page)} steps of agents, ${findings} findings.`);
  if (blind.size === 0) {
    print('No detector lacks what it needs.');
    return;
  }
  print(`${blind.size} detectors lack something in every window so far: ${[...blind.keys()].join(', ')}.`);
  for (const sentence of supplies(facts)) print(`  ${sentence}`);
}

function nothing(before: StatusPage, page: StatusPage, wanted: Connection | undefined): string[] {
  const taken = ({ detect }: StatusPage) => Object.values(detect ?? {}).reduce((sum, { spans }) => sum + spans, 0);
  const refused = page.receivers.reduce((sum, { refused: n }) => sum + Object.values(n).reduce((all, one) => all + one, 0), 0);
  const came = taken(page) - taken(before);
  const lines = ['Nothing of an agent came.'];
  if (detects(page).length === 0) lines.push('No pipeline has the processor detect.');
  else if (came > 0)
    lines.push(`${came} spans came, none of them an agent's: instrument the framework itself, not only its HTTP client.`);
  else lines.push('No span came at all: is the address right, and is the program running with these settings?');
  if (refused > 0) lines.push(`${refused} spans were refused: the log of misstep says why.`);
  for (const sentence of wanted?.mind ?? []) lines.push(sentence);
  return lines;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
