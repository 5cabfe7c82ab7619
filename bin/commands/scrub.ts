/** `misstep scrub`: text without secrets and personal data. stdout = the text, stderr = notices. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { PIIDetector } from '../../src/sdk/privacy.ts';
import { printable } from '../../src/text/printable.ts';

interface ScrubOptions {
  readonly check?: boolean;
  readonly count?: boolean;
}

/** Characters that are looked at at once: what the detector takes. */
const WINDOW = 100_000;
/** What is printed of it. The rest is looked at again: the longest thing that is found, a private key, has 20,000 characters. */
const PRINTED = 70_000;
/** Before a value stands what makes it one: `password = `. */
const CONTEXT = 64;

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
    for (const clean of cleaned(text, counts)) if (!options.check) process.stdout.write(clean);
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

/** In pieces, which are cut where nothing is that was found, nor what makes it one. */
function* cleaned(text: string, counts: Map<string, number>): Generator<string> {
  const detector = new PIIDetector();
  for (let from = 0; from < text.length; ) {
    const window = text.slice(from, from + WINDOW);
    const last = from + window.length === text.length;
    let end = last ? window.length : PRINTED;
    let clean = '';
    let done = 0;
    for (const match of detector.detect(window)) {
      if (match.start - CONTEXT >= end) break;
      clean += `${window.slice(done, match.start)}[${match.kind}]`;
      done = match.end;
      end = Math.max(end, done);
      counts.set(match.kind, (counts.get(match.kind) ?? 0) + 1);
    }
    // A character of two units is not cut.
    if (!last && (window.charCodeAt(end) & 0xfc00) === 0xdc00) end++;
    yield clean + window.slice(done, end);
    from += end;
  }
}
