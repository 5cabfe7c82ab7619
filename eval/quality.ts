/** `docs/quality.md`: what was measured and how, the bad rows first. Aggregate figures only, never rows of a set. */

import type { ShippedDetector } from '../src/detector/options.ts';
import { type Transfer, transferTable } from './calibrate/transfer.ts';
import type { DetectorFigures } from './detectors.ts';
import { grade } from './readiness.ts';
import { calibrationTable, detectorSetTable, detectorTable, setTables } from './report.ts';
import type { Scores } from './score/score.ts';
import { asMarkdown } from './table.ts';

const METHOD = `# Measured quality

Written by \`npm run eval -- --write\`; do not edit. Every figure comes from runs played through \`misstep replay\`, the command that users run, on the
development part of the evaluation sets. Everything that was fitted was fitted on this part, so the figures are no estimate for other data: a held-out part of
each set is scored at each release.

## How it is measured

- **Flagged** means a confidence of .60 or more (LIKELY), the default of \`detect\`. Shares carry 95 % Wilson intervals; that of F1 is Wilson's of
  tp / (tp + fp + fn), carried over.
- **Always-fire F1** is that of a detector that fires on everything: 2π / (1 + π) for a share π of positives. A detector that does not pass it adds nothing there.
- **Companions.** TRAIL's joint accuracy is recall and stands beside pair precision and predictions a trace. Who&When is strict: name and step equal. Golden entries
  were written by a language model for one vendor and stand beside that vendor's own figure. MAST is scored over cells with a human label.
- **Calibration error** (ECE): ten bins of equal width, mean of |confidence − share right| by weight, over the findings that a set can judge; no set has more than
  100 votes about one message, healthy runs are never thinned (\`docs/adr/0008-what-a-confidence-is-true-for.md\`). With fewer than 200 findings it is a figure, not a claim.
- **Never fitted on**, measured only: FaithBench, the two RGB sets (non-commercial), MAST (no stated licence).
- **Not fitted here**: splits are by trace; labels are read by the scorers and never reach a detector.
- Timings are left out: they are the business of \`bench/\`.

## Layout of a pack

A folder with a sub-folder a set. Runs: \`*.otlp.json.gz\` (one OTLP request a file), \`traces.jsonl.gz\` (one a line) or \`<format>.jsonl.gz\` (one payload a line of a
format that \`replay --format\` reads). Labels: \`labels.json\` by trace id for sets of runs, \`labels.jsonl\` {id, trace_id, label, source, detectors} for items.
\`misstep eval pack DIR\` scores it; \`--predictions FILE\` scores what \`replay --blame --output jsonl\` printed before.

The same table from your own copy of a public set: \`misstep eval trail|whowhen|mast DIR\`.
`;

export function qualityPage(
  scores: Scores,
  figures: readonly DetectorFigures[],
  transfer: readonly Transfer[],
  shipped: readonly ShippedDetector[],
): string {
  const bad = figures.filter((one) => ['failing', 'untested', 'experimental'].includes(grade(one).readiness));
  const reasons = [...bad]
    .sort((a, b) => RANK.indexOf(grade(a).readiness) - RANK.indexOf(grade(b).readiness) || (a.detector < b.detector ? -1 : 1))
    .map((one) => `- \`${one.detector}\` ${grade(one).readiness}: ${grade(one).reason}.`);
  return `${[
    METHOD,
    '## What falls short\n',
    reasons.length > 0 ? `${reasons.join('\n')}\n` : 'No detector is graded below beta.\n',
    '## By detector\n',
    asMarkdown(detectorTable(figures, false)),
    asMarkdown(detectorSetTable(figures)),
    asMarkdown(calibrationTable(shipped)),
    '## By set\n',
    ...[...setTables(scores), transferTable(transfer)].filter(({ rows }) => rows.length > 0).map(asMarkdown),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

const RANK = ['failing', 'untested', 'experimental'];
