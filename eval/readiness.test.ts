import { describe, expect, test } from 'vitest';
import type { DetectorFigures, SetFigures } from './detectors.ts';
import { f1Interval } from './metrics.ts';
import { grade } from './readiness.ts';

/** Half of the items positive; `recall` of them and `fpr` of the others flagged. */
function set(name: string, n: number, recall: number, fpr: number): SetFigures {
  const tp = (n / 2) * recall;
  const fp = (n / 2) * fpr;
  const fn = n / 2 - tp;
  return {
    set: name,
    n,
    positives: n / 2,
    precision: tp + fp > 0 ? tp / (tp + fp) : null,
    precision_ci: null,
    recall,
    recall_ci: null,
    f1: (2 * tp) / (2 * tp + fp + fn),
    f1_ci: f1Interval({ tp, fp, fn }),
    always_fire_f1: 2 / 3,
    fpr,
    fpr_ci: null,
    blind: 0,
  };
}

function figures(sets: readonly SetFigures[], more: Partial<DetectorFigures> = {}): DetectorFigures {
  return {
    detector: 'd',
    sets,
    ece: 0.03,
    ece_cv: 0.05,
    provisional: false,
    findings: 400,
    alarms_per_trace: 0.1,
    blind: 0,
    healthy: { runs: 90, high: 0, likely: 0, possible: 0 },
    trail: { pairs: 0, precision: null },
    us_per_step: 1,
    ...more,
  };
}

const golden = set('golden', 80, 0.9, 0.05);
const real = set('injection', 400, 0.9, 0.02);
const crying = (likely: number) => ({ healthy: { runs: 90, high: 0, likely, possible: likely } });

describe('grade', () => {
  test.each([
    ['nothing measured', figures([]), 'untested', /no set/],
    ['too few items', figures([set('golden', 28, 1, 0)]), 'untested', /30 items/],
    ['no better than firing on everything', figures([set('golden', 80, 0.3, 0)]), 'failing', /always-fire on golden/],
    ['alarms on more than one run in twenty', figures([golden, real], crying(5)), 'failing', /5 of 90/],
    ['above, but with too many false alarms', figures([set('golden', 80, 1, 0.3)]), 'experimental', /no set with F1/],
    ['above on one of three sets', figures([golden, set('a', 80, 0.1, 0), set('b', 80, 0.1, 0)]), 'experimental', /1 of 3/],
    ['golden alone', figures([golden]), 'beta', /no set but golden/],
    ['few findings', figures([golden, real], { findings: 150 }), 'beta', /150 findings/],
    ['badly calibrated', figures([golden, real], { ece_cv: 0.2 }), 'beta', /error 0.20/],
    ['set by hand', figures([golden, real], { provisional: true }), 'beta', /by hand/],
    ['two alarms on passing runs pass at 2 %', figures([golden, real], crying(1)), 'beta', /1 of 90/],
    ['false alarms on one set', figures([set('golden', 80, 0.9, 0.2), real]), 'beta', /0.20 on golden/],
    ['wrong on real runs', figures([golden, real], { trail: { pairs: 40, precision: 0.1 } }), 'beta', /10 % of 40/],
    ['all of it', figures([golden, real]), 'production', /golden, injection/],
  ])('%s', (_, all, readiness, reason) => {
    expect(grade(all)).toEqual({ readiness, reason: expect.stringMatching(reason) });
  });
});
