/** What each detector costs: its calls, timed. What features cost is charged to the detector that asks first. */
import type { AnyDetector } from '../src/detector/detector.ts';
import type { ActiveDetector } from '../src/detector/fold.ts';

export interface Timed {
  readonly detectors: readonly ActiveDetector[];
  /** Detector → microseconds so far. */
  microseconds(): ReadonlyMap<string, number>;
}

export function timeDetectors(active: readonly ActiveDetector[]): Timed {
  const spent = new Float64Array(active.length);
  const timed = <A extends readonly unknown[], R>(i: number, call: (...args: A) => R) => {
    return (...args: A): R => {
      const started = performance.now();
      try {
        return call(...args);
      } finally {
        spent[i] = (spent[i] as number) + (performance.now() - started) * 1000;
      }
    };
  };
  return {
    detectors: active.map((one, i) => {
      const { detector } = one;
      const { onUpdate, onEnd } = detector;
      const copy: AnyDetector = {
        ...detector,
        onStep: timed(i, detector.onStep.bind(detector)),
        ...(onUpdate ? { onUpdate: timed(i, onUpdate.bind(detector)) } : {}),
        ...(onEnd ? { onEnd: timed(i, onEnd.bind(detector)) } : {}),
      };
      return { ...one, detector: copy };
    }),
    microseconds: () => new Map(active.map(({ detector }, i) => [detector.meta.id as string, spent[i] as number])),
  };
}
