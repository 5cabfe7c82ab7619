/** `misstep connect`: what to paste so that a framework sends its runs here; `--check` waits until they come. */
import { type Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../../config/problem.ts';
import type { Source } from '../../src/detector/sources.ts';
import { printable } from '../../src/text/printable.ts';
import { type Framework, frameworks } from '../connect/frameworks.ts';
import { shippedDetectors } from '../detectors.ts';
import { diagnose } from './diagnose.ts';
import { readStatus, type StatusPage, urlOption } from './status.ts';
import { isContent } from './supplies.ts';

const POLL_MS = 250;
/** Workers say once a second how their open windows stand. */
const LOOK_MS = 3_000;
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
      '\nWith --check FRAMEWORK only spans of its scopes count; without a name those of any agent do.\n\nExit codes: 0 printed, or the span came; 1 no span came in time, or nobody answers; 2 unknown framework.\n\nExamples:\n  misstep connect n8n\n  misstep connect claude-code --endpoint http://misstep:4318\n  misstep connect vercel-ai --check --timeout 120',
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
      const wanted = framework && filled(framework, options.endpoint);
      if (options.check) process.exitCode = await check(wanted, options);
      else if (wanted !== undefined)
        print(options.json ? JSON.stringify({ ...wanted, scope: wanted.scope?.source }, null, 2) : text(wanted));
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
  if (!(found > 0 && found <= 3600)) throw new InvalidArgumentError('Not a number of seconds above 0 and up to 3600.');
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
    ...(framework.scope === undefined ? {} : { scope: framework.scope }),
    ...(framework.tools === undefined ? {} : { tools: framework.tools }),
    blind_without_content: shippedDetectors
      .filter(({ detector: { meta } }) => concerned(meta.family, [framework.name]))
      .filter(({ detector: { meta } }) => meta.needs.some((need) => isContent(typeof need === 'string' ? need : need.fact)))
      .map(({ detector: { meta } }) => meta.id),
  };
}

/** A framework's own detectors say nothing of others. `names`: whatever may name the framework that is there. */
function concerned(family: string, names: readonly string[]): boolean {
  return !frameworks.some(({ name }) => name === family) || names.some((name) => name.includes(family));
}

function bare(url: URL): string {
  return url.href.replace(/\/$/, '');
}

function text({ name, where, paste, trap, content, tools, blind_without_content: blind }: Filled): string {
  return [
    `# ${where}`,
    paste,
    '',
    `Mind: ${trap}`,
    content === undefined ? 'Content: comes by default.' : `Content: ${content}.`,
    `Without content these are blind: ${blind.join(', ')}.`,
    `Then: misstep connect ${name} --check`,
    ...(tools === undefined ? [] : ['', `# ${tools.where}: what was found, as tools of your agent (docs/mcp.md)`, tools.paste]),
  ].join('\n');
}

/** Exit code. Asks until a detect processor has taken a step of the framework. */
async function check(framework: Filled | undefined, options: ConnectOptions): Promise<number> {
  let end = Date.now() + options.timeout * 1000;
  let page = await readStatus(options.url);
  for (let came = false; Date.now() < end; page = await readStatus(options.url)) {
    if (cameOf(page, framework).length > 0) {
      if (looked(page)) break;
      if (!came) end = Math.min(end, Date.now() + LOOK_MS);
      came = true;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, Math.max(1, end - Date.now()))));
  }
  const seen = report(page, framework);
  const came = seen.came.length > 0;
  if (options.json) print(JSON.stringify({ framework: framework?.name ?? null, ...seen }, null, 2));
  else if (came) for (const line of said(seen, framework)) print(printable(line));
  else for (const line of missed(page, seen, framework, options.timeout)) process.stderr.write(`${printable(line)}\n`);
  return came ? 0 : 1;
}

interface Seen {
  /** Who made steps: those of the framework in order of their first step, and others. */
  readonly came: readonly Source[];
  readonly others: readonly Source[];
  readonly steps: number;
  readonly spans: number;
  /** Receivers that took traces, as `otlp http`. */
  readonly through: readonly string[];
  readonly blind: readonly string[];
  readonly switches: readonly string[];
}

function report(page: StatusPage, framework: Framework | undefined): Seen {
  const blind = new Set<string>();
  const switches = new Set<string>();
  const came = cameOf(page, framework);
  const names = [framework?.name ?? '', ...came.flatMap(({ scope, dialects }) => [scope, ...dialects])];
  const concerning = shippedDetectors.filter(({ detector: { meta } }) => concerned(meta.family, names));
  for (const [processor, { detectors }] of Object.entries(page.detect ?? {}))
    for (const { detector } of concerning) {
      const { id } = detector.meta;
      if (detectors[id] === undefined) continue;
      const { verdict, todo } = diagnose(page, processor, id);
      if (verdict !== 'blind') continue;
      blind.add(id);
      for (const one of todo) switches.add(one);
    }
  return {
    came,
    others: sourcesOf(page).filter((one) => !came.includes(one)),
    steps: Object.values(page.detect ?? {}).reduce((sum, { steps }) => sum + steps, 0),
    spans: Object.values(page.detect ?? {}).reduce((sum, { spans }) => sum + spans, 0),
    through: page.receivers
      .filter(({ signal, accepted }) => signal === 'traces' && accepted > 0)
      .map(({ receiver, transport }) => `${receiver} ${transport}`),
    blind: [...blind].sort(),
    switches: [...switches],
  };
}

/** Of every detect processor; none twice. A running misstep of before this member has none. */
function sourcesOf(page: StatusPage): Source[] {
  const all = Object.values(page.detect ?? {}).flatMap(({ sources }) => sources ?? []);
  return [...new Map(all.map((one) => [JSON.stringify([one.service, one.scope]), one])).values()];
}

function cameOf(page: StatusPage, framework: Framework | undefined): Source[] {
  return sourcesOf(page).filter(({ scope }) => framework?.scope?.test(scope) ?? true);
}

/** How a window stands for some detector. */
function looked(page: StatusPage): boolean {
  return Object.values(page.detect ?? {}).some(({ detectors }) =>
    Object.values(detectors).some(({ windows, open }) =>
      [windows, open.windows].some(({ fail, pass, insufficient_data, error }) => fail + pass + insufficient_data + error > 0),
    ),
  );
}

function named({ service, scope, dialects }: Source): string {
  const from = service === null ? 'no service.name' : `service ${service}`;
  return `scope ${scope === '' ? '(none)' : scope}, ${from}, attributes of ${dialects.join(', ') || 'no known vocabulary'}`;
}

function said(seen: Seen, framework: Framework | undefined): string[] {
  const [first, ...further] = seen.came as [Source, ...Source[]];
  const lines = [
    `First step: ${named(first)}.`,
    ...further.map((one) => `Also: ${named(one)}.`),
    ...(seen.others.length === 0 ? [] : [`Of others: ${seen.others.map(({ scope }) => scope).join(', ')}.`]),
    `${seen.steps} steps of agents in ${seen.spans} spans, through ${seen.through.join(', ')}.`,
  ];
  if (seen.blind.length === 0) return lines;
  lines.push(`Blind so far (${seen.blind.length}): ${seen.blind.join(', ')}.`);
  if (framework?.content !== undefined) lines.push(`Content of ${framework.name}: ${framework.content}.`);
  return [...lines, ...seen.switches.map((one) => `-> ${one}`)];
}

function missed(page: StatusPage, { spans, through, others }: Seen, framework: Framework | undefined, timeout: number): string[] {
  const what =
    Object.keys(page.detect ?? {}).length === 0
      ? "no pipeline has the processor 'detect': add it to one of traces"
      : others.length > 0
        ? `what came is of others: ${others.map(named).join('; ')}. If that is ${framework?.name}, it is instrumented in another way: leave the name out`
        : spans > 0
          ? `${spans} spans came, and none is a step of an agent: spans need gen_ai.*, OpenInference or OpenLLMetry attributes`
          : through.length > 0
            ? `spans came through ${through.join(', ')}, and none reached detect: name it in that pipeline`
            : 'no span came: is the address right, is the program instrumented, has it ended without a flush?';
  return [
    `misstep connect: nothing of ${framework?.scope === undefined ? 'an agent' : framework.name} within ${timeout} s; ${what}${what.endsWith('?') ? '' : '.'}`,
    ...(framework === undefined ? [] : [`Mind: ${framework.trap}`]),
    'See also: misstep doctor',
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
