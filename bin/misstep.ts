#!/usr/bin/env node
/**
 * The command line. Each command is a module with `register`; here stands only what all share.
 * stdout = data, stderr = notices; exit code 0, 1 (failed, or findings over `--fail-on`), 2 (usage or configuration).
 */
import { Command, CommanderError } from 'commander';
import { register as components } from './commands/components.ts';
import { register as detectors } from './commands/detectors.ts';
import { register as init } from './commands/init.ts';
import { register as printConfig } from './commands/print-config.ts';
import { register as run } from './commands/run.ts';
import { register as validate } from './commands/validate.ts';
import { version } from './shipped.ts';

/** Commands whose modules `run` does without: read only when asked for, so that it listens early. */
const LAZY: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  demo: () => import('./commands/demo.ts'),
  eval: () => import('./commands/eval.ts'),
  replay: () => import('./commands/replay.ts'),
  mutate: () => import('./commands/mutate.ts'),
  top: () => import('./commands/top.ts'),
  tail: () => import('./commands/tail.ts'),
  doctor: () => import('./commands/doctor.ts'),
  health: () => import('./commands/health.ts'),
  hook: () => import('./commands/hook.ts'),
  hooks: () => import('./commands/hooks.ts'),
  explain: () => import('./commands/explain.ts'),
  verify: () => import('./commands/verify.ts'),
  scrub: () => import('./commands/scrub.ts'),
  watch: () => import('./commands/watch.ts'),
  connect: () => import('./commands/connect.ts'),
  tune: () => import('./commands/tune.ts'),
  suppress: () => import('./commands/suppress.ts'),
  mcp: () => import('./commands/mcp.ts'),
  'test-rules': () => import('./commands/test-rules.ts'),
};

const program = new Command('misstep')
  .description("Finds the step at which an AI agent's run went wrong: OTLP spans in, OTLP spans with detections out.")
  .version(version(), '-v, --version')
  .showHelpAfterError('(add --help for what there is)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  misstep run                                  listen on 127.0.0.1:4317 and :4318, print detections
  misstep init && misstep run -c misstep.yaml  start from a commented configuration
  misstep validate -c misstep.yaml             every problem at once, with line and column
  misstep replay trace.json                    play a recording through the detectors
  misstep detectors loop                       what a detector finds, and when it is wrong
  misstep connect n8n                          what to paste so that a framework sends its runs here
  misstep tail                                 what the running sidecar finds, as it finds it
  misstep watch -- node app.js                 run a program and print what is found in it
  misstep tune                                 what labels say about thresholds
  misstep doctor                               why a detector has not fired
  misstep mcp                                  what was found, as tools of your agent`,
  );

const asked = process.argv[2];
// `misstep replay … | head` ends when its reader does; `run` serves others too.
if (asked !== 'run') process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
for (const register of [run, validate, components, printConfig, init, detectors]) register(program);
for (const [name, load] of Object.entries(LAZY)) {
  // The help of the whole lists every command; a run of another need not read these.
  if (asked === name || asked === undefined || asked === 'help' || asked === '--help' || asked === '-h')
    (await load()).register(program);
}
// `exitOverride` is not inherited by commands that were added before it.
for (const command of program.commands) command.exitOverride().showHelpAfterError('(add --help for what there is)');

try {
  if (asked === undefined) program.help({ error: true });
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`misstep: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
