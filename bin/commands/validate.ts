/** `misstep validate`: every problem at once; accepts exactly what `run` accepts, because both ask `configure`. */
import type { Command } from 'commander';
import { type ConfigOptions, configOptions, configure, sourcesOf } from '../configure.ts';

export function register(program: Command): void {
  configOptions(program.command('validate'))
    .description('Check a configuration: every problem at once, with file, line and column. Silent when there is none.')
    .addHelpText(
      'after',
      '\nExamples:\n  misstep validate -c misstep.yaml\n  misstep validate -c base.yaml -c site.yaml --set service.telemetry.logs.level=debug',
    )
    .action(async (options: ConfigOptions) => {
      const { spec, problems } = await configure(sourcesOf(options));
      for (const problem of problems) process.stderr.write(`${problem}\n`);
      process.exitCode = spec === undefined ? 2 : 0;
    });
}
