// Every detector that is shipped. Written by `npm run generate`; do not edit.
import derailmentFit from '../detectors/behavior/derailment.fit.json' with { type: 'json' };
import derailment from '../detectors/behavior/derailment.ts';
import injectionFit from '../detectors/behavior/injection.fit.json' with { type: 'json' };
import injection from '../detectors/behavior/injection.ts';
import loopFit from '../detectors/execution/loop.fit.json' with { type: 'json' };
import loop from '../detectors/execution/loop.ts';
import overflowFit from '../detectors/execution/overflow.fit.json' with { type: 'json' };
import overflow from '../detectors/execution/overflow.ts';
import toolFailureFit from '../detectors/execution/tool_failure.fit.json' with { type: 'json' };
import toolFailure from '../detectors/execution/tool_failure.ts';
import completionFit from '../detectors/verification/completion.fit.json' with { type: 'json' };
import completion from '../detectors/verification/completion.ts';
import type { Fit } from '../src/detector/calibration.ts';
import type { AnyDetector } from '../src/detector/detector.ts';
import type { ShippedDetector } from '../src/detector/options.ts';

export const shippedDetectors: readonly ShippedDetector[] = [
  { detector: derailment, fit: derailmentFit as unknown as Fit },
  { detector: injection, fit: injectionFit as unknown as Fit },
  { detector: loop, fit: loopFit as unknown as Fit },
  { detector: overflow, fit: overflowFit as unknown as Fit },
  { detector: toolFailure, fit: toolFailureFit as unknown as Fit },
  { detector: completion, fit: completionFit as unknown as Fit },
];

export const detectors: readonly AnyDetector[] = shippedDetectors.map(({ detector }) => detector);
