/** `misstep init`: a commented configuration to start from. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';

export const LAYOUTS = ['inline', 'tee'] as const;
export type Layout = (typeof LAYOUTS)[number];

export function register(program: Command): void {
  program
    .command('init')
    .description('Write a commented configuration to start from. An existing file is never overwritten.')
    .addArgument(
      new Argument('[layout]', 'inline: everything passes through; tee: a copy comes in, findings go out')
        .choices(LAYOUTS)
        .default('inline'),
    )
    .option('-o, --output <file>', 'where to write it', 'misstep.yaml')
    .addHelpText('after', '\nExamples:\n  misstep init\n  misstep init tee --output /etc/misstep/config.yaml')
    .action((layout: Layout, { output }: { output: string }, command: Command) => {
      try {
        writeFileSync(output, template(layout), { flag: 'wx' });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST')
          command.error(`error: ${output} exists and is not overwritten. Name another with --output.`, { exitCode: 2 });
        throw error;
      }
      process.stderr.write(`Wrote ${output}. Next: misstep validate -c ${output} && misstep run -c ${output}\n`);
    });
}

function template(layout: Layout): string {
  return readFileSync(new URL(`../templates/${layout}.yaml`, import.meta.url), 'utf8');
}
