// `npm run eval -- [DIR] [--set …] [--predictions FILE] [--json FILE] [--keep FILE] [--write]`: the table of the whole evaluation pack.
// `--write` leaves what readiness and the docs show in config/baseline.json and docs/quality.md; only a whole pack may do that.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { predict, printTables } from '../bin/commands/eval.ts';
import { shippedDetectors } from '../bin/detectors.ts';
import { openPack, SETS } from '../eval/pack.ts';
import { writeMeasured } from './measured.ts';

const root = dirname(fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, ''));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    set: { type: 'string', multiple: true },
    predictions: { type: 'string' },
    keep: { type: 'string' },
    json: { type: 'string' },
    processes: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

// `--set a b` as commander reads it: names after the folder are sets too.
const [dir = join(root, '../shared/eval/dev'), ...more] = positionals;
const sets = [...(values.set ?? []), ...more];
const pack = openPack(dir, sets.length > 0 ? sets : undefined);
if (values.write && pack.sets.length < SETS.length) {
  const missing = SETS.filter((set) => !pack.sets.includes(set));
  throw new Error(`--write: the grades need every set; missing: ${missing.join(', ')}.`);
}
const predictions = await predict(pack, values);
await printTables(pack, predictions, values);
if (values.write) writeMeasured(root, pack, predictions, shippedDetectors);
