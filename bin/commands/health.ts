/** `misstep health`: is the running sidecar alive, for supervisors that run a command (Docker's HEALTHCHECK). */
import type { Command } from 'commander';
import { printable } from '../../src/text/printable.ts';
import { ask, urlOption } from './status.ts';

/** A process that is alive answers in milliseconds; supervisors give such a command a few seconds. */
const TIMEOUT_MS = 2_000;
const MAX_SHOWN = 1_000;

export function register(program: Command): void {
  urlOption(program.command('health'))
    .description('Say whether the running sidecar is alive, or with --ready whether it takes data.')
    .option('--ready', 'fail also while a component fails or a queue is nearly full')
    .addHelpText(
      'after',
      '\nExit codes: 0 it is; 1 it is not, or nobody answers.\n\nExamples:\n  misstep health\n  misstep health --ready',
    )
    .action(async ({ url, ready }: { readonly url: string; readonly ready?: boolean }) => {
      const response = await ask(`${url}${ready ? '/ready' : '/'}`, AbortSignal.timeout(TIMEOUT_MS));
      const said = printable((await response.text()).trim().slice(0, MAX_SHOWN));
      if (response.ok) {
        process.stdout.write(`${said}\n`);
        return;
      }
      process.stderr.write(`misstep: ${url} answers with ${response.status}: ${said}\n`);
      process.exitCode = 1;
    });
}
