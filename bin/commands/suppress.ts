/** `misstep suppress add|list|remove`: findings of the running misstep that are silenced until a date. */
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { type ApiOptions, apiOptions, askApi } from './api-client.ts';

interface Suppression {
  readonly id: string;
  readonly detection_type: string;
  readonly message: string | null;
  readonly agent_id: string | null;
  readonly owner: string;
  readonly reason: string;
  readonly until: string;
  readonly active: boolean;
}

interface AddOptions extends ApiOptions {
  readonly message?: string;
  readonly agent?: string;
  readonly fingerprint?: string;
  readonly owner: string;
  readonly reason: string;
  readonly until: string;
}

export function register(program: Command): void {
  const suppress = program
    .command('suppress')
    .description('Silence findings of the running misstep until a date, see what is silenced, or end it.')
    .addHelpText(
      'after',
      `
Examples:
  misstep suppress add loop --agent poller --reason 'polls by design' --until 2027-01-31
  misstep suppress add --fingerprint 1f0c9a2b3d4e5f60 --reason 'known, fixed in the next release' --until 2026-12-15
  misstep suppress list
  misstep suppress remove 7c1d…`,
    );
  apiOptions(
    suppress
      .command('add')
      .description('Silence the findings of a detector, or of one incident.')
      .argument('[detector]', 'id of the detector, e.g. loop; none with --fingerprint')
      .option('--message <id>', 'only this message of it')
      .option('--agent <name>', 'only for this agent')
      .option(
        '--fingerprint <hex>',
        'of an incident of GET /api/v1/incidents, in the place of detector, message and agent',
        fingerprint,
      )
      .option('--owner <name>', 'who answers for it', userName())
      .requiredOption('--reason <text>', 'why')
      .requiredOption('--until <date>', 'when they are handed on again, UTC, e.g. 2027-01-31; a year ahead at the most', date),
  ).action(async (detector: string | undefined, options: AddOptions, command: Command) => {
    const { message, agent, fingerprint: incident, owner, reason, until } = options;
    if ((detector === undefined) === (incident === undefined)) {
      command.error('error: name a detector or give --fingerprint, one of the two.', { exitCode: 2 });
    }
    const body = { detection_type: detector, message, agent_id: agent, fingerprint: incident, owner, reason, until };
    process.stdout.write(`${line((await askApi(options, 'POST', '/suppressions', body)) as Suppression)}\n`);
  });
  apiOptions(
    suppress
      .command('list')
      .description('What is silenced, by whom and why.')
      .option('--all', 'those that are over too')
      .option('--json', 'print them as JSON'),
  ).action(async (options: ApiOptions & { readonly all?: boolean; readonly json?: boolean }) => {
    const path = options.all ? '/suppressions' : '/suppressions?active=true';
    const { items } = (await askApi(options, 'GET', path)) as { readonly items: readonly Suppression[] };
    if (options.json) process.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
    else process.stdout.write(items.length === 0 ? 'Nothing is silenced.\n' : `${items.map(line).join('\n')}\n`);
  });
  apiOptions(
    suppress.command('remove').description('Let its findings through again.').argument('<id>', 'as `list` shows it'),
  ).action(async (id: string, options: ApiOptions) => {
    await askApi(options, 'DELETE', `/suppressions/${encodeURIComponent(id)}`);
    process.stdout.write(`${id} is gone.\n`);
  });
}

/** Ids first, so that `cut -f1` gives them. */
function line({ id, detection_type, message, agent_id, owner, reason, until, active }: Suppression): string {
  const what = [detection_type, message, agent_id === null ? null : `agent ${agent_id}`]
    .filter((part) => part !== null)
    .join(' ');
  const when = `${active ? 'until' : 'over since'} ${until.replace(/T00:00:00\.000Z$/, '')}`;
  return [id, what, when, owner, reason].map((part) => part.replaceAll(/\s+/g, ' ')).join('\t');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

function fingerprint(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new InvalidArgumentError('Must be 16 hex digits.');
  return text;
}

function date(text: string): string {
  if (!/^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('Not a date. Write for example 2027-01-31.');
  }
  return text;
}
