/** The shipped detectors with what was measured of them, for the API. */
import { readinessOf } from '../config/readiness.ts';
import type { Catalogued } from '../extensions/api/catalogue.ts';
import { detectors } from './detectors.ts';

export function catalogued(): readonly Catalogued[] {
  return detectors.map((detector) => {
    const measured = readinessOf(detector.meta.id);
    const { readiness, sets, calibration_error: calibrationError } = measured;
    const claims = Object.values(sets).filter(({ n, f1 }) => n >= 30 && f1 !== null);
    const f1 = claims.sort((a, b) => b.n - a.n)[0]?.f1 ?? null;
    return { detector, readiness, f1, measured, calibrationError };
  });
}
