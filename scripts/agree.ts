// `npm run eval:agree -- PREDICTIONS [DIR]`: the pack's own `score_all.py` and `eval/` on one file of predictions, compared to the third decimal.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { differences } from '../eval/agree.ts';
import { openPack } from '../eval/pack.ts';
import { Predictions } from '../eval/predictions.ts';
import { scoreAll, scoresJson } from '../eval/score/score.ts';

const root = dirname(fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, ''));
const [file, dir = join(root, '../shared/eval/dev')] = process.argv.slice(2);
if (file === undefined)
  throw new Error('usage: npm run eval:agree -- PREDICTIONS [DIR]; PREDICTIONS is what `npm run eval -- --keep FILE` wrote.');

const theirs = JSON.parse(
  execFileSync('python3', [join(dir, '../tools/score_all.py'), file, dir, '--json'], { encoding: 'utf8', maxBuffer: 64 << 20 }),
) as Record<string, unknown>;
const pack = openPack(dir);
const predictions = new Predictions(pack);
for (const line of readFileSync(file, 'utf8').split('\n')) predictions.add(line);
const { compared, different } = differences(theirs, scoresJson(scoreAll(pack, predictions)));
for (const one of different) console.error(one);
console.log(`${compared} figures compared, ${different.length} differ by more than .0005`);
process.exitCode = different.length > 0 || compared === 0 ? 1 : 0;
