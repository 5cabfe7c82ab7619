/** Raw score → calibrated probability → tier (DESIGN §4). The numbers come from `<id>.fit.json`, written by `eval/`. */

export interface Fit {
  /** True while the numbers of some message are set by hand. */
  readonly provisional: boolean;
  /** Per message id, or `*` for all: points (score, probability), scores ascending; linear between them, flat outside. */
  readonly points: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly fitted?: Fitted;
}

/** How the points of a message came to be; a message without an entry is set by hand. */
export interface FittedMessage {
  readonly method: 'isotonic' | 'platt';
  /** Findings with a verdict, by set. */
  readonly findings: Readonly<Record<string, number>>;
  /** Share of them that was right, mixed (docs/adr). */
  readonly right: number;
}

export interface Fitted {
  readonly messages: Readonly<Record<string, FittedMessage>>;
  /** Calibration error of all fitted messages together, each finding judged by a fit without its source. */
  readonly ece_cv: number;
}

export type ConfidenceTier = 'HIGH' | 'LIKELY' | 'POSSIBLE' | 'LOW';

export const uncalibrated: Fit = { provisional: true, points: {} };

export function calibrate(fit: Fit, message: string, score: number): number {
  const points = fit.points[message] ?? fit.points['*'];
  const clamped = Number.isFinite(score) ? Math.min(1, Math.max(0, score)) : 0;
  const first = points?.[0];
  if (!points || !first) return clamped;
  if (clamped <= first[0]) return first[1];
  for (let i = 1; i < points.length; i++) {
    const [x1, y1] = points[i] as readonly [number, number];
    if (clamped > x1) continue;
    const [x0, y0] = points[i - 1] as readonly [number, number];
    return x1 === x0 ? y1 : y0 + ((y1 - y0) * (clamped - x0)) / (x1 - x0);
  }
  return (points[points.length - 1] as readonly [number, number])[1];
}

export function confidenceTier(confidence: number): ConfidenceTier {
  return confidence >= 0.8 ? 'HIGH' : confidence >= 0.6 ? 'LIKELY' : confidence >= 0.4 ? 'POSSIBLE' : 'LOW';
}
