/** Which detectors a program runs: those that are shipped and those it has registered. */
import type { AnyDetector } from '../detector/detector.ts';
import type { ActiveDetector } from '../detector/fold.ts';
import { activate, type Selection, type ShippedDetector } from '../detector/options.ts';

let shipped: () => readonly ShippedDetector[] = () => [];

/** The entry points of the package say what is shipped; `src` knows no detector by name. */
export function provideDetectors(list: () => readonly ShippedDetector[]): void {
  shipped = list;
}

export class DetectorRegistry {
  private readonly byId = new Map<string, ShippedDetector>();

  /** `detectors`: default the shipped ones. An empty list begins with none. */
  constructor(detectors: readonly ShippedDetector[] = shipped()) {
    for (const one of detectors) this.byId.set(one.detector.meta.id, one);
  }

  /** A detector of `defineDetector`. Without a `fit` its score is its confidence. Throws if its id is taken. */
  register(detector: AnyDetector, fit?: ShippedDetector['fit']): this {
    const id: string = detector.meta.id;
    if (this.byId.has(id)) throw new Error(`detector ${id}: registered already. Unregister it first, or choose another id.`);
    this.byId.set(id, fit === undefined ? { detector } : { detector, fit });
    return this;
  }

  /** True if there was one. */
  unregister(id: string): boolean {
    return this.byId.delete(id);
  }

  get(id: string): AnyDetector | undefined {
    return this.byId.get(id)?.detector;
  }

  get ids(): readonly string[] {
    return [...this.byId.keys()];
  }

  /** Those of the selection with their options. Throws with every problem, one a line. */
  select(selection: Selection = {}): readonly ActiveDetector[] {
    const { active, problems } = activate([...this.byId.values()], selection);
    if (problems.length > 0) {
      throw new Error(problems.map(({ path, message }) => [...path, message].join(': ')).join('\n'));
    }
    return active;
  }
}
