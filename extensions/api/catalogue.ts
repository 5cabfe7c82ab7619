/** What the detectors say of themselves, for answers about what they found. */
import type { Measured } from '../../config/readiness.ts';
import type { Detector } from '../../src/detector/detector.ts';

export interface Catalogued {
  readonly detector: Detector;
  readonly readiness: string;
  readonly f1: number | null;
  readonly measured: Measured;
  readonly calibrationError: number | null;
}

export interface MessageFacts {
  readonly impact: string;
  readonly action: string;
}

export class Catalogue {
  readonly detectors: readonly Catalogued[];
  private readonly byId: ReadonlyMap<string, Catalogued>;

  constructor(detectors: readonly Catalogued[]) {
    this.detectors = detectors;
    this.byId = new Map(detectors.map((one) => [one.detector.meta.id, one]));
  }

  detector(id: string): Catalogued | undefined {
    return this.byId.get(id);
  }

  message(detector: string, message: string): MessageFacts | undefined {
    return (this.byId.get(detector)?.detector.meta.messages as Readonly<Record<string, MessageFacts>> | undefined)?.[message];
  }
}
