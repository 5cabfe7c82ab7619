/**
 * `misstep mcp`: the records as tools of somebody's agent, on stdin and stdout. It asks a running misstep, or opens the database of a
 * configuration. Nothing but messages of the protocol is written to stdout.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { type Ask, askHere, askThere } from '../../extensions/api/mcp/ask.ts';
import { routes } from '../../extensions/api/routes.ts';
import { printable } from '../../src/text/printable.ts';
import { analysisIn } from '../analysis.ts';
import { type ConfigOptions, configOptions, configure, sourcesOf } from '../configure.ts';
import { version } from '../shipped.ts';

const DEFAULT_URL = 'http://127.0.0.1:8000';

interface McpOptions extends ConfigOptions {
  readonly url?: string;
  readonly readOnly?: boolean;
}

export function register(program: Command): void {
  configOptions(program.command('mcp'))
    .description("Serve traces and detections as tools of somebody's agent: MCP on stdin and stdout.")
    .option('--url <url>', `the API of a running misstep (default ${DEFAULT_URL})`, checkedUrl)
    .option('--read-only', 'leave out the tool that judges detections')
    .addHelpText(
      'after',
      '\nMISSTEP_API_KEY is the key. With --config the database is opened here, and no misstep has to run; without a key the records are those of the tenant default.\nA running API serves the same at /mcp over HTTP.\n\nExamples:\n  claude mcp add misstep -- misstep mcp\n  misstep mcp --url https://misstep.example.com\n  misstep mcp --config config/platform.yaml --read-only',
    )
    .action(async (options: McpOptions, command: Command) => {
      if (options.url !== undefined && options.config !== undefined)
        return command.error('error: --url or --config, not both.', { exitCode: 2 });
      if (options.set !== undefined && options.config === undefined)
        return command.error('error: --set changes a configuration: name one with --config.', { exitCode: 2 });
      process.exitCode = await serve(options);
    });
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError(`Not a URL of http or https. Write for example ${DEFAULT_URL}.`);
  return url.href.replace(/\/(api\/v1\/?)?$/, '');
}

/** Resolves when the client has closed stdin: 0; 2 when the configuration has problems. */
async function serve(options: McpOptions): Promise<number> {
  const key = process.env['MISSTEP_API_KEY'] || undefined;
  const opened =
    options.config === undefined
      ? { ask: askThere(options.url ?? DEFAULT_URL, key), close: async () => {} }
      : await open(options, key);
  if (opened === undefined) return 2;
  const [{ serveOnStdio }, { toolsOf }] = await Promise.all([
    import('../../extensions/api/mcp/stdio.ts'),
    import('../../extensions/api/mcp/tools.ts'),
  ]);
  const { analyse, formats } = analysisIn();
  const tools = toolsOf({ formats, readOnly: options.readOnly === true });
  const failed = (error: unknown): void => {
    process.stderr.write(`misstep mcp: ${printable(error instanceof Error ? error.message : String(error))}\n`);
  };
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await serveOnStdio({ version: version(), tools, ask: opened.ask, analyse, failed }, stop.signal);
  await opened.close();
  return 0;
}

async function open(options: McpOptions, key: string | undefined): Promise<{ ask: Ask; close(): Promise<void> } | undefined> {
  const { spec, problems } = await configure(sourcesOf(options));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (spec === undefined) return undefined;
  const { openRecords } = await import('./mcp-records.ts');
  const { services, close } = await openRecords(spec);
  const who = key === undefined ? { tenant: 'default' } : await services.keys.who(key);
  if (who !== undefined) return { ask: askHere(routes, services, who.tenant), close };
  await close();
  throw new Error('MISSTEP_API_KEY: the key is unknown to this database, or revoked.');
}
