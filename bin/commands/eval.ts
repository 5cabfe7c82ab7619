/** `misstep eval`: labelled runs through the same operators as live, and one table of what came out. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { transferOf, transferTable } from '../../eval/calibrate/transfer.ts';
import { detectorFigures } from '../../eval/detectors.ts';
import { readMast } from '../../eval/layouts/mast.ts';
import { type PublicRun, writeSet } from '../../eval/layouts/otlp.ts';
import { readTrail } from '../../eval/layouts/trail.ts';
import { readWhoWhen } from '../../eval/layouts/whowhen.ts';
import { type Find, scoreMutations } from '../../eval/mutate/score.ts';
import { openPack, type Pack } from '../../eval/pack.ts';
import { play } from '../../eval/play.ts';
import { Predictions } from '../../eval/predictions.ts';
import { detectorSetTable, detectorTable, setTables } from '../../eval/report.ts';
import { scoreAll, scoresJson } from '../../eval/score/score.ts';
import { asText } from '../../eval/table.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { printable } from '../../src/text/printable.ts';
import { shippedDetectors } from '../detectors.ts';
import { playBodies } from '../play.ts';
import { embeddingTable } from '../shipped.ts';
import { readDocuments } from './mutate.ts';
import { configured, reason } from './replay.ts';

interface EvalOptions {
  readonly set?: readonly string[];
  readonly predictions?: string;
  readonly keep?: string;
  readonly json?: string;
  readonly processes?: string;
}

export function register(program: Command): void {
  const evaluate = program
    .command('eval')
    .description('Score the detectors on labelled runs.')
    .addHelpText(
      'after',
      '\nExamples:\n  misstep eval pack ../shared/eval/dev --set trail golden\n  misstep eval pack DIR --predictions out.jsonl\n  misstep eval whowhen Agents_Failure_Attribution',
    );
  evaluate
    .command('pack')
    .description('A folder of labelled sets (layout: docs/quality.md).')
    .argument('[dir]', 'folder that holds the sets', '../shared/eval/dev')
    .option('--set <name...>', 'only these sets')
    .option('--predictions <file>', 'score what `replay --blame --output jsonl` printed before, and play nothing')
    .option('--keep <file>', 'also write every line that is scored to this file')
    .option('--json <file>', 'also write the figures as JSON')
    .option('--processes <n>', 'runs played at once; default: the number of cores')
    .action(async (dir: string, options: EvalOptions) => {
      const pack = openPack(dir, options.set);
      await printTables(pack, await predict(pack, options), options);
    });
  evaluate
    .command('mutations')
    .description(
      'Recordings of healthy runs with failures put in by `misstep mutate`: recall beside the alarms before. Synthetic.',
    )
    .argument('<file...>', 'what replay reads, one run a file')
    .option('--seed <text>', 'the same seed chooses the same places', '1')
    .action(async (files: string[], { seed }: { readonly seed: string }) => {
      const active = configured({}, 'eval');
      if (!active) {
        process.exitCode = 2;
        return;
      }
      provideEmbedding(embeddingTable);
      const runs = [];
      for (const file of files) {
        try {
          runs.push(await readDocuments(file));
        } catch (error) {
          process.stderr.write(`misstep eval: ${printable(file)}: ${reason(error)}\n`);
          process.exitCode = 2;
          return;
        }
      }
      const find: Find = async (documents) => {
        const bodies = documents.map((document) => documentToProtobuf('traces', document).body);
        return (await playBodies(bodies, active)).findings;
      };
      process.stdout.write(asText(await scoreMutations(runs, find, seed)));
    });
  for (const [set, { text, read }] of Object.entries(PUBLIC)) {
    evaluate
      .command(set)
      .description(text)
      .argument('<dir>', 'your copy of the data')
      .option('--json <file>', 'also write the figures as JSON')
      .option('--keep <file>', 'also write every line that is scored to this file')
      .action(async (dir: string, options: EvalOptions) => {
        const folder = await mkdtemp(join(tmpdir(), 'misstep-eval-'));
        try {
          const pack = writeSet(folder, set, read(dir));
          await printTables(pack, await predict(pack, options), options);
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      });
  }
}

const PUBLIC: Readonly<Record<string, { readonly text: string; readonly read: (dir: string) => PublicRun[] }>> = {
  trail: { text: 'TRAIL, as github.com/patronus-ai/trail-benchmark lays it out.', read: readTrail },
  whowhen: { text: 'Who&When, as github.com/ag2ai/Agents_Failure_Attribution lays it out.', read: readWhoWhen },
  mast: { text: 'MAST: the folder or file of the MAD data set.', read: readMast },
};

/** `misstep.js` of this build. */
const COMMAND = fileURLToPath(new URL('../misstep.js', import.meta.url));

export async function predict(pack: Pack, { predictions: file, keep, processes }: EvalOptions): Promise<Predictions> {
  const predictions = new Predictions(pack);
  if (file !== undefined) {
    for (const line of (await readFile(file, 'utf8')).split('\n')) predictions.add(line);
    return predictions;
  }
  const problems = await play(pack, predictions, {
    command: COMMAND,
    ...(processes === undefined ? {} : { processes: Number(processes) }),
    ...(keep === undefined ? {} : { keep }),
    onSet: (set, seconds) => process.stderr.write(`misstep eval: ${set} ${seconds.toFixed(1)} s\n`),
  });
  for (const problem of problems) process.stderr.write(`misstep eval: not played: ${problem}\n`);
  return predictions;
}

export async function printTables(pack: Pack, predictions: Predictions, { json }: EvalOptions): Promise<void> {
  const scores = scoreAll(pack, predictions);
  const figures = detectorFigures(pack, predictions, shippedDetectors);
  const timed = predictions.timing.size > 0;
  const transfer = transferOf(pack, predictions, shippedDetectors);
  const all = [...setTables(scores), transferTable(transfer), detectorSetTable(figures), detectorTable(figures, timed)];
  const tables = all.filter(({ rows }) => rows.length > 0);
  process.stdout.write(`${tables.map(asText).join('\n')}\n`);
  if (json !== undefined)
    await writeFile(
      json,
      `${JSON.stringify({ ...scoresJson(scores), trail_transfer: transfer, by_detector: figures }, null, 1)}\n`,
    );
}
