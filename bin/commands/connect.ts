/** `misstep connect`: what to paste so that a framework sends its runs here; `--check` waits until they come. */
import { type Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../../config/problem.ts';
import { printable } from '../../src/text/printable.ts';
import { type Framework, frameworks } from '../connect/frameworks.ts';
import { shippedDetectors } from '../detectors.ts';
import { diagnose } from './diagnose.ts';
import { readStatus, type StatusPage, urlOption } from './status.ts';
import { isContent } from './supplies.ts';

const POLL_MS = 250;
const WEBHOOK_PORT = '4320';

interface ConnectOptions {
  readonly list?: boolean;
  readonly endpoint: URL;
  readonly json?: boolean;
  readonly check?: boolean;
  readonly timeout: number;
  readonly url: string;
}

export function register(program: Command): void {
  urlOption(program.command('connect').argument('[framework]', 'as --list names it'))
    .description('Say what to paste so that a framework sends its runs to misstep; with --check wait until they come.')
    .option('--list', 'the frameworks')
    .option('--endpoint <url>', 'where the applications reach the otlp receiver', address, new URL('http://localhost:4318'))
    .option('--json', 'as JSON')
    .option('--check', 'wait for the first agent span on the running misstep')
    .option('--timeout <seconds>', 'how long --check waits', seconds, 60)
    .addHelpText(
      'after',
      '\nExit codes: 0 printed, or the span came; 1 no span came in time, or nobody answers; 2 unknown framework.\n\nExamples:\n  misstep connect n8n\n  misstep connect claude-code --endpoint http://misstep:4318\n  misstep connect vercel-ai --check --timeout 120',
    )
    .action(async (name: string | undefined, options: ConnectOptions, command: Command) => {
      const known = frameworks.map((one) => one.name);
      if (options.list) {
        print(options.json ? JSON.stringify(known) : known.join('\n'));
        return;
      }
      if (name === undefined && !options.check)
        return command.error(`error: name a framework. Known: ${[...known].sort().join(', ')}.`, { exitCode: 2 });
      const framework = frameworks.find((one) => one.name === name);
      if (name !== undefined && framework === undefined)
        return command.error(`error: unknown framework, ${printable(name)}. ${didYouMean(name, known)}`, { exitCode: 2 });
      if (options.check) process.exitCode = await check(framework, options);
      else if (framework !== undefined)
        print(options.json ? JSON.stringify(filled(framework, options.endpoint), null, 2) : text(framework, options.endpoint));
    });
}

function address(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Not a URL of http or https. Write for example http://localhost:4318.');
  return url;
}

function seconds(given: string): number {
  const found = Number(given);
  if (!(found > 0 && found <= 3600)) throw new InvalidArgumentError('Not a number of seconds from 1 to 3600.');
  return found;
}

interface Filled extends Framework {
  /** Detectors that cannot look without content. */
  readonly blind_without_content: readonly string[];
}

function filled(framework: Framework, endpoint: URL): Filled {
  const webhook = new URL(endpoint);
  webhook.port = WEBHOOK_PORT;
  const fill = (given: string) => given.replaceAll('{otlp}', bare(endpoint)).replaceAll('{webhook}', bare(webhook));
  return {
    name: framework.name,
    where: fill(framework.where),
    paste: fill(framework.paste),
    trap: framework.trap,
    content: framework.content === undefined ? undefined : fill(framework.content),
    ...(framework.tools === undefined ? {} : { tools: framework.tools }),
    blind_without_content: shippedDetectors
      .filter(({ detector: { meta } }) => meta.needs.some((need) => isContent(typeof need === 'string' ? need : need.fact)))
      .map(({ detector: { meta } }) => meta.id),
  };
}

function bare(url: URL): string {
  return url.href.replace(/\/$/, '');
}

function text(framework: Framework, endpoint: URL): string {
  const { where, paste, trap, content, tools, blind_without_content: blind } = filled(framework, endpoint);
  return [
    `# ${where}`,
    paste,
    '',
    `Mind: ${trap}`,
    content === undefined ? 'Content: comes by default.' : `Content: ${content}.`,
    `Without content these are blind: ${blind.join(', ')}.`,
    `Then: misstep connect ${framework.name} --check`,
    ...(tools === undefined ? [] : ['', `# ${tools.where}: what was found, as tools of your agent (docs/mcp.md)`, tools.paste]),
  ].join('\n');
}

/** Exit code. Asks until a detect processor has taken a step. */
async function check(framework: Framework | undefined, options: ConnectOptions): Promise<number> {
  const end = Date.now() + options.timeout * 1000;
  let page = await readStatus(options.url);
  while (stepsOf(page) === 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, Math.max(1, end - Date.now()))));
    page = await readStatus(options.url);
  }
  const seen = report(page);
  if (options.json) print(JSON.stringify({ framework: framework?.name ?? null, ...seen }, null, 2));
  else if (seen.steps > 0) for (const line of said(seen, framework)) print(printable(line));
  else for (const line of missed(page, framework, options.timeout)) process.stderr.write(`${printable(line)}\n`);
  return seen.steps > 0 ? 0 : 1;
}

interface Seen {
  readonly steps: number;
  readonly spans: number;
  /** Receivers that took traces, as `otlp http`. */
  readonly through: readonly string[];
  readonly blind: readonly string[];
  readonly switches: readonly string[];
}

function report(page: StatusPage): Seen {
  const blind = new Set<string>();
  const switches = new Set<string>();
  for (const [processor, { detectors }] of Object.entries(page.detect ?? {}))
    for (const id of Object.keys(detectors)) {
      const { verdict, todo } = diagnose(page, processor, id);
      if (verdict !== 'blind') continue;
      blind.add(id);
      for (const one of todo) switches.add(one);
    }
  return {
    steps: stepsOf(page),
    spans: Object.values(page.detect ?? {}).reduce((sum, { spans }) => sum + spans, 0),
    through: page.receivers
      .filter(({ signal, accepted }) => signal === 'traces' && accepted > 0)
      .map(({ receiver, transport }) => `${receiver} ${transport}`),
    blind: [...blind].sort(),
    switches: [...switches],
  };
}

function stepsOf(page: StatusPage): number {
  return Object.values(page.detect ?? {}).reduce((sum, { steps }) => sum + steps, 0);
}

function said(seen: Seen, framework: Framework | undefined): string[] {
  const lines = [`${seen.steps} steps of agents in ${seen.spans} spans, through ${seen.through.join(', ')}.`];
  if (seen.blind.length === 0) return lines;
  lines.push(`Blind so far (${seen.blind.length}): ${seen.blind.join(', ')}.`);
  if (framework?.content !== undefined) lines.push(`Content of ${framework.name}: ${framework.content}.`);
  return [...lines, ...seen.switches.map((one) => `-> ${one}`)];
}

function missed(page: StatusPage, framework: Framework | undefined, timeout: number): string[] {
  const { spans, through } = report(page);
  const what =
    Object.keys(page.detect ?? {}).length === 0
      ? "no pipeline has the processor 'detect': add it to one of traces"
      : spans > 0
        ? `${spans} spans came, and none is a step of an agent: spans need gen_ai.*, OpenInference or OpenLLMetry attributes`
        : through.length > 0
          ? `spans came through ${through.join(', ')}, and none reached detect: name it in that pipeline`
          : 'no span came: is the address right, is the program instrumented, has it ended without a flush?';
  return [
    `misstep connect: nothing of an agent within ${timeout} s; ${what}.`,
    ...(framework === undefined ? [] : [`Mind: ${framework.trap}`]),
    'See also: misstep doctor',
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
