/** `misstep scrub`: text without secrets and personal data. stdout = the text, stderr = notices. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { cleaned } from '../../src/text/personal.ts';
import { printable } from '../../src/text/printable.ts';

interface ScrubOptions {
  readonly check?: boolean;
  readonly count?: boolean;
}

export function register(program: Command): void {
  program
    .command('scrub')
    .description(
      'Print text with [kind] in the place of keys, tokens, passwords, e-mail, cards, IBANs, telephone and social security numbers.',
    )
    .argument('[file...]', 'text in UTF-8; - or none = stdin')
    .option('--check', 'print nothing; exit 1 if there is something to take out')
    .option('--count', 'say on stderr how many of each kind were found')
    .addHelpText(
      'after',
      '\nExit codes: 0 printed, or nothing found; 1 with --check: something found; 2 a file cannot be read or is not UTF-8.\nNames, addresses and what has no form are not found.\n\nExamples:\n  misstep scrub trace.json > clean.json\n  cat log | misstep scrub --count',
    )
    .action((files: string[], options: ScrubOptions) => {
      process.exitCode = scrub(files.length === 0 ? ['-'] : files, options);
    });
}

/** Exit code. */
function scrub(files: readonly string[], options: ScrubOptions): number {
  const counts = new Map<string, number>();
  const counted = (kind: string): string => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return `[${kind}]`;
  };
  let code: 0 | 2 = 0;
  for (const file of files) {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file === '-' ? 0 : file));
    } catch (error) {
      process.stderr.write(`misstep scrub: ${printable(file)}: ${reason(error)}\n`);
      code = 2;
      continue;
    }
    for (const clean of cleaned(text, counted)) if (!options.check) process.stdout.write(clean);
  }
  if (options.count || options.check) for (const [kind, count] of [...counts].sort()) process.stderr.write(`${kind}: ${count}\n`);
  return code === 0 && options.check && counts.size > 0 ? 1 : code;
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'the file does not exist. Check the path.';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'not UTF-8. Convert it first; nothing of it was printed.';
  return code ?? String(error);
}
