// What `npm run eval -- --write` and `npm run calibrate` leave behind: readiness, figures of whole runs and the quality page.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchmarksOf } from '../eval/benchmarks.ts';
import { transferOf } from '../eval/calibrate/transfer.ts';
import { detectorFigures } from '../eval/detectors.ts';
import type { Pack } from '../eval/pack.ts';
import type { Predictions } from '../eval/predictions.ts';
import { qualityPage } from '../eval/quality.ts';
import { baselineOf } from '../eval/readiness.ts';
import { scoreAll } from '../eval/score/score.ts';
import type { ShippedDetector } from '../src/detector/options.ts';

export function writeMeasured(root: string, pack: Pack, predictions: Predictions, shipped: readonly ShippedDetector[]): void {
  const figures = detectorFigures(pack, predictions, shipped);
  const scores = scoreAll(pack, predictions);
  writeFileSync(join(root, 'config/baseline.json'), `${JSON.stringify(baselineOf(figures), null, 2)}\n`);
  writeFileSync(join(root, 'config/benchmarks.json'), `${JSON.stringify(benchmarksOf(scores), null, 2)}\n`);
  writeFileSync(join(root, 'docs/quality.md'), qualityPage(scores, figures, transferOf(pack, predictions, shipped), shipped));
  console.error('wrote config/baseline.json, config/benchmarks.json and docs/quality.md');
}
