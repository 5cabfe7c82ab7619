/** `misstep print-config`: what misstep has understood: files merged, values substituted, every default filled in. */
import { type Command, Option } from 'commander';
import { type ConfigOptions, configOptions, configure, sourcesOf } from '../configure.ts';

interface PrintOptions extends ConfigOptions {
  readonly format: 'yaml' | 'json';
  readonly mode: 'redacted' | 'unredacted';
}

export function register(program: Command): void {
  configOptions(program.command('print-config').alias('print-initial-config'))
    .description('Print the configuration as it is understood: merged, substituted, with every default.')
    .addOption(new Option('--format <format>', 'how to print').choices(['yaml', 'json']).default('yaml'))
    .addOption(new Option('--mode <mode>', 'whether secrets are shown').choices(['redacted', 'unredacted']).default('redacted'))
    .addHelpText('after', '\nExamples:\n  misstep print-config\n  misstep print-config -c misstep.yaml --format json')
    .action(async (options: PrintOptions) => {
      const { spec, loaded, problems } = await configure(sourcesOf(options));
      for (const problem of problems) process.stderr.write(`${problem}\n`);
      if (spec === undefined) {
        process.exitCode = 2;
        return;
      }
      const [{ printConfig }, { factories }] = await Promise.all([import('../../config/print.ts'), import('../components.ts')]);
      const { format, mode } = options;
      process.stdout.write(printConfig(loaded, factories, { format, unredacted: mode === 'unredacted' }));
    });
}
