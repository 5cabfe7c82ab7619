// Every detector that is shipped. Written by `npm run generate`; do not edit.
import injectionFit from '../detectors/behavior/injection.fit.json' with { type: 'json' };
import injection from '../detectors/behavior/injection.ts';
import convergenceFit from '../detectors/execution/convergence.fit.json' with { type: 'json' };
import convergence from '../detectors/execution/convergence.ts';
import corruptionFit from '../detectors/execution/corruption.fit.json' with { type: 'json' };
import corruption from '../detectors/execution/corruption.ts';
import costFit from '../detectors/execution/cost.fit.json' with { type: 'json' };
import cost from '../detectors/execution/cost.ts';
import loopFit from '../detectors/execution/loop.fit.json' with { type: 'json' };
import loop from '../detectors/execution/loop.ts';
import overflowFit from '../detectors/execution/overflow.fit.json' with { type: 'json' };
import overflow from '../detectors/execution/overflow.ts';
import toolMisuseFit from '../detectors/execution/tool_misuse.fit.json' with { type: 'json' };
import toolMisuse from '../detectors/execution/tool_misuse.ts';
import groundingFit from '../detectors/verification/grounding.fit.json' with { type: 'json' };
import grounding from '../detectors/verification/grounding.ts';
import type { Fit } from '../src/detector/calibration.ts';
import type { AnyDetector } from '../src/detector/detector.ts';
import type { ShippedDetector } from '../src/detector/options.ts';

export const shippedDetectors: readonly ShippedDetector[] = [
  { detector: injection, fit: injectionFit as unknown as Fit },
  { detector: convergence, fit: convergenceFit as unknown as Fit },
  { detector: corruption, fit: corruptionFit as unknown as Fit },
  { detector: cost, fit: costFit as unknown as Fit },
  { detector: loop, fit: loopFit as unknown as Fit },
  { detector: overflow, fit: overflowFit as unknown as Fit },
  { detector: toolMisuse, fit: toolMisuseFit as unknown as Fit },
  { detector: grounding, fit: groundingFit as unknown as Fit },
];

export const detectors: readonly AnyDetector[] = shippedDetectors.map(({ detector }) => detector);
