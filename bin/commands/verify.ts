/** `misstep verify`: does a detector fire on a recorded run? For tests of fixes: before it does, after it does not. */
import { type Command, Option } from 'commander';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { formats } from '../formats.ts';
import { configured, play } from './replay.ts';

interface VerifyOptions {
  readonly detector: string;
  readonly message?: string;
  readonly expect: 'fires' | 'silent';
  readonly set?: readonly string[];
  readonly format: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const collect = (value: string, former: readonly string[] = []): readonly string[] => [...former, value];
  program
    .command('verify')
    .description('Say whether a detector fires on a recorded run; the exit code says whether that is as expected.')
    .argument('<file>', 'a recorded run, as replay takes it')
    .requiredOption('--detector <id>', 'the detector')
    .option('--message <name>', 'only this message of it, e.g. repeated')
    .addOption(new Option('--expect <what>', 'what it should do').choices(['fires', 'silent']).default('fires'))
    .option('--set <path=value>', 'set an option of the detector, e.g. loop.min_repeats=5 (repeatable)', collect)
    .addOption(new Option('--format <name>', 'what the file holds').choices(['auto', ...Object.keys(formats)]).default('auto'))
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 as expected; 1 not as expected, or the detector could look in no window (then it is silent for no reason);\n2 the file cannot be read or an option is wrong.\n\nExamples:\n  misstep verify before.json --detector loop\n  misstep verify after.json --detector loop --expect silent',
    )
    .action(async (file: string, options: VerifyOptions, command: Command) => {
      const active = configured({ detector: [options.detector], ...(options.set ? { set: options.set } : {}) }, 'verify');
      if (active === undefined) {
        process.exitCode = 2;
        return;
      }
      const messages = Object.keys(active[0]?.detector.meta.messages ?? {});
      if (options.message !== undefined && !messages.includes(options.message))
        return command.error(
          `error: ${options.detector} has no message ${printable(options.message)}. It has: ${messages.join(', ')}.`,
          {
            exitCode: 2,
          },
        );
      process.exitCode = await verify(file, options, active);
    });
}

async function verify(file: string, options: VerifyOptions, active: NonNullable<ReturnType<typeof configured>>): Promise<number> {
  const { findings, coverage, steps, broken, problems } = await play(file, active, options.format);
  for (const problem of problems) process.stderr.write(`misstep verify: ${file}: ${printable(redact(problem))}\n`);
  if (broken) return 2;
  const found = findings.filter(({ message }) => options.message === undefined || message === options.message);
  const blind = new Set(
    coverage.flatMap(({ outcome, reason }) => (outcome === 'insufficient_data' ? [reason ?? 'no data'] : [])),
  );
  const looked = coverage.some(({ outcome }) => outcome === 'pass' || outcome === 'fail');
  const fires = found.length > 0;
  // Silence of who could not look proves nothing, nor does that of who failed.
  const expected = options.expect === 'fires' ? fires : !fires && looked && problems.length === 0;
  if (options.json)
    print(
      JSON.stringify({
        detector: options.detector,
        fires,
        expected,
        steps: steps.length,
        could_not_look: [...blind],
        findings: found.map(({ id, message, explanation, severity, confidence, at }) => ({
          id,
          message,
          explanation: redact(explanation),
          severity,
          confidence,
          trace_id: at.traceId,
          span_id: at.spanId,
        })),
      }),
    );
  else {
    print(
      `${options.detector} ${fires ? 'fires' : 'is silent'} on ${steps.length} steps; ${expected ? 'as expected' : 'not as expected'}.`,
    );
    for (const { explanation, at } of found)
      print(`  ${printable(redact(explanation))} span ${at.spanId} of trace ${at.traceId}`);
    if (blind.size > 0) print(`  It could not look in every window: ${[...blind].join('; ')}.`);
    else if (!fires && !looked) print('  No window was looked at: the file has no steps of its scope.');
  }
  return expected ? 0 : 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
