// `npm run calibrate -- [DIR] [--predictions FILE] [--dry]`: plays the pack, fits the confidences, writes detectors/<family>/<id>.fit.json,
// config/baseline.json and docs/quality.md. Reproducible to the byte: no clock, no random numbers, stable order.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { predict } from '../bin/commands/eval.ts';
import { shippedDetectors } from '../bin/detectors.ts';
import { calibrateAll } from '../eval/calibrate/calibrate.ts';
import { losses, transferOf, transferTable } from '../eval/calibrate/transfer.ts';
import { examplesOf } from '../eval/examples.ts';
import { openPack, SETS } from '../eval/pack.ts';
import { asText } from '../eval/table.ts';
import { calibrate } from '../src/detector/calibration.ts';
import { writeMeasured } from './measured.ts';

const root = dirname(fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, ''));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { predictions: { type: 'string' }, dry: { type: 'boolean', default: false } },
});
const pack = openPack(positionals[0] ?? join(root, '../shared/eval/dev'));
const predictions = await predict(pack, values);
for (const [trace, all] of predictions.entries()) {
  if (all.some(({ score }) => score === undefined)) {
    throw new Error(`${values.predictions}: a detection in ${trace} has no score; play the pack again with this version.`);
  }
}

const calibrated = calibrateAll(shippedDetectors, examplesOf(pack, predictions));
for (const { id, fit } of calibrated) {
  for (const [message, { method, findings, right }] of Object.entries(fit.fitted?.messages ?? {})) {
    const sets = Object.entries(findings).map(([set, n]) => `${set} ${n}`);
    console.log(`${id}.${message}: ${method}, right ${right}, ${sets.join(', ')}`);
  }
  console.log(
    `${id}: calibration error ${fit.fitted?.ece_cv}, cross-validated${fit.provisional ? '; other messages stay set by hand' : ''}`,
  );
}

// A fit that costs on a source it never saw is no default (ADR 0008).
const transferred = transferOf(pack, predictions, shippedDetectors);
if (transferred.length > 0) console.log(asText(transferTable(transferred)));
const lost = losses(transferred);
if (lost.length > 0 && !values.dry) {
  throw new Error(
    `Fitted confidences fall below rules alone in pair F1: ${lost.join('; ')}. Nothing is written; see the table above.`,
  );
}
if (values.dry) process.exit();

const paths = calibrated.map(({ id, family, fit }) => {
  const path = join(root, 'detectors', family, `${id}.fit.json`);
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as object) : {};
  writeFileSync(path, `${JSON.stringify({ ...kept, ...fit }, null, 2)}\n`);
  return path;
});
if (paths.length > 0) spawnSync(join(root, 'node_modules/.bin/biome'), ['format', '--write', ...paths], { cwd: root });

// The figures under the new confidences: raw scores stay, so nothing need be played again.
const fits = new Map(calibrated.map(({ id, fit }) => [id, fit]));
predictions.map(({ detector, message, score, confidence }) => {
  const fit = fits.get(detector);
  return fit && score !== undefined ? Math.round(calibrate(fit, message, score) * 10_000) / 10_000 : confidence;
});
const now = shippedDetectors.map((one) => ({
  ...one,
  ...(fits.has(one.detector.meta.id) ? { fit: fits.get(one.detector.meta.id) } : {}),
}));
if (pack.sets.length === SETS.length) writeMeasured(root, pack, predictions, now as typeof shippedDetectors);
console.log(`wrote ${paths.length} fit.json; new ones need \`npm run generate\``);
