/** `misstep mutate`: a named failure put into a recorded run. stdout = OTLP/JSON, one document a line; stderr = notices. */
import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { mutate, mutations } from '../../eval/mutate/mutations.ts';
import type { Document } from '../../eval/mutate/run.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { printable } from '../../src/text/printable.ts';
import { formats } from '../formats.ts';
import { reason, requests } from './replay.ts';

interface MutateOptions {
  readonly with?: string;
  readonly seed: string;
  readonly times: number;
  readonly format: string;
  readonly out?: string;
  readonly labels?: string;
  readonly list?: boolean;
}

/** Each time the whole run is copied: a bound on what one command may hold. */
const MAX_TIMES = 20;

export function register(program: Command): void {
  program
    .command('mutate')
    .description('Put a named failure into a recorded run, to measure detectors on runs of your own.')
    .argument('[file]', 'what replay reads')
    .addOption(new Option('--with <name>', 'the failure').choices(Object.keys(mutations)))
    .option('--seed <text>', 'the same seed chooses the same place', '1')
    .option('--times <n>', `failures one after the other in the same run, 1 to ${MAX_TIMES}`, times, 1)
    .addOption(new Option('--format <name>', 'what the file holds').choices(['auto', ...Object.keys(formats)]).default('auto'))
    .option('--out <file>', 'write the run here instead of stdout')
    .option('--labels <file>', 'write what was changed and who should say so, one JSON line a failure')
    .option('--list', 'print the failures and the detectors expected')
    .addHelpText(
      'after',
      '\nExit codes: 0 written, 1 the run has no place for the failure, 2 the file cannot be read or an option is wrong.\n\nExamples:\n  misstep mutate --list\n  misstep mutate trace.json --with poison_result --out poisoned.jsonl --labels labels.jsonl\n  misstep replay poisoned.jsonl',
    )
    .action(async (file: string | undefined, options: MutateOptions) => {
      process.exitCode = options.list ? list() : await mutateFile(file, options);
    });
}

function list(): number {
  for (const [name, { text, detectors }] of Object.entries(mutations))
    process.stdout.write(`${name.padEnd(18)} ${text} (${detectors.join(', ')})\n`);
  return 0;
}

async function mutateFile(file: string | undefined, options: MutateOptions): Promise<number> {
  const { with: name } = options;
  if (file === undefined || name === undefined) return refuse('a file and --with are needed; --list prints the failures.', 2);
  let documents: readonly Document[];
  try {
    documents = await readDocuments(file, options.format);
  } catch (error) {
    return refuse(`${file}: ${reason(error)}`, 2);
  }
  const labels: string[] = [];
  for (let i = 0; i < options.times; i++) {
    const mutated = mutate(documents, name, options.times === 1 ? options.seed : `${options.seed}.${i}`);
    if (typeof mutated === 'string') return refuse(`${file}: no place for ${name}: ${mutated}`, 1);
    documents = mutated.documents;
    labels.push(`${JSON.stringify(mutated.label)}\n`);
  }
  const lines = documents.map((document) => `${JSON.stringify(document)}\n`).join('');
  try {
    if (options.out === undefined) process.stdout.write(lines);
    else writeFileSync(options.out, lines);
    if (options.labels !== undefined) writeFileSync(options.labels, labels.join(''));
  } catch (error) {
    return refuse(`not written: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
  return 0;
}

/** A recording as OTLP/JSON, whatever it was. */
export async function readDocuments(file: string, format = 'auto'): Promise<readonly Document[]> {
  const documents: Document[] = [];
  for await (const body of requests(file, format, new Map()))
    documents.push(protobufToDocument('traces', body) as unknown as Document);
  return documents;
}

function times(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_TIMES)
    throw new InvalidArgumentError(`Must be a whole number from 1 to ${MAX_TIMES}.`);
  return value;
}

function refuse(text: string, code: 1 | 2): 1 | 2 {
  process.stderr.write(`misstep mutate: ${printable(text)}\n`);
  return code;
}
