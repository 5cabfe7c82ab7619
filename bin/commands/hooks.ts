/** `misstep hooks install|uninstall`: misstep's hooks into the settings of a coding agent, and out again. stdout = data, stderr = notices. */
import { type Command, Option } from 'commander';
import { type HookAgent, type Installed, install, SettingsError, uninstall } from '../../src/sdk/install.ts';

interface HooksOptions {
  readonly agent: HookAgent;
  readonly scope: 'user' | 'project';
  readonly file?: string;
  readonly url?: string;
  readonly auth?: boolean;
  readonly dryRun?: boolean;
}

export function register(program: Command): void {
  const hooks = program.command('hooks').description('Put misstep between a coding agent and its tools, or take it out again.');
  shared(hooks.command('install'))
    .description("Add misstep's hooks to the settings of a coding agent. What is there stays.")
    .option('--url <url>', 'where the webhook receiver takes hooks (http://127.0.0.1:4320/api/v1/hooks/claude-code)')
    .option('--auth', 'claude-code: send MISSTEP_API_KEY of its environment as a bearer token')
    .addHelpText(
      'after',
      '\nExit codes: 0 the hooks are there; 1 the settings cannot be read or written, and are as they were; 2 usage.\nTo have calls refused, set receivers.webhook.decide of the running misstep.\n\nExamples:\n  misstep hooks install --agent claude-code\n  misstep hooks install --agent cursor --scope project --dry-run',
    )
    .action((options: HooksOptions) => act(options, 'install'));
  shared(hooks.command('uninstall'))
    .description(
      "Take misstep's hooks out. The file is as it was before, unless somebody has changed it since: then only the hooks go.",
    )
    .addHelpText('after', '\nExample:\n  misstep hooks uninstall --agent claude-code')
    .action((options: HooksOptions) => act(options, 'uninstall'));
  // As those of the program: `exitOverride` is not inherited by commands that were added before it.
  for (const command of hooks.commands) command.exitOverride().showHelpAfterError('(add --help for what there is)');
}

function shared(command: Command): Command {
  return command
    .addOption(new Option('--agent <name>', 'whose settings').choices(['claude-code', 'cursor']).makeOptionMandatory())
    .addOption(
      new Option('--scope <scope>', 'of this person in all projects, or of the working directory')
        .choices(['user', 'project'])
        .default('user'),
    )
    .option('--file <path>', 'another settings file')
    .option('--dry-run', 'print the file as it would be, and change nothing');
}

function act(options: HooksOptions, what: 'install' | 'uninstall'): void {
  try {
    const done = what === 'install' ? install(options) : uninstall(options);
    if (options.dryRun) process.stdout.write(done.text ?? '');
    process.stderr.write(`${said(done, what, options)}\n`);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`misstep hooks: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function said({ file, changed, text }: Installed, what: 'install' | 'uninstall', { agent, dryRun }: HooksOptions): string {
  if (dryRun)
    return changed ? `${file}: would be ${text === undefined ? 'removed' : 'as above'}.` : `${file}: would stay as it is.`;
  if (what === 'install')
    return changed
      ? `${file}: hooks added. Undo: misstep hooks uninstall --agent ${agent}`
      : `${file}: the hooks are there already.`;
  return changed
    ? `${file}: ${text === undefined ? 'removed; there was none before.' : 'hooks removed.'}`
    : `${file}: there are no hooks of misstep.`;
}
