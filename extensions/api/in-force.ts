/** From which confidence on a tenant's findings are handed on, as far as the API can see it. */
import { z } from 'zod';
import { SettingsStore } from '../../src/component/settings.ts';
import type { Services } from './route.ts';

/** The default of `detect`. */
const EMIT_ABOVE = 0.6;
const facts = z.record(z.string(), z.object({ emit_above: z.number() }));

export interface InForce {
  /** Confidence, 0–1. */
  of(detector: string): number;
  /** What the tenant has set for it, if anything. */
  stated(detector: string): number | undefined;
  /** The `emit_above` under which confidences from `at` on are handed on. */
  toReach(at: number): number;
}

/** Of a `detect` in this process the least `emit_above`; what its configuration says of one detector is not seen. */
export async function inForce({ host, records, tenant }: Services & { readonly tenant: string }): Promise<InForce> {
  const { settings } = await new SettingsStore(records).of(tenant);
  const { detectors, thresholds } = settings.global;
  const running = Object.values(facts.safeParse(host.facts()['detect'] ?? {}).data ?? {}).map(({ emit_above }) => emit_above);
  const all = running.length > 0 ? Math.min(...running) : EMIT_ABOVE;
  const scaling = thresholds.confidence_scaling ?? 1;
  const stated = (detector: string): number | undefined => {
    const own = Object.hasOwn(detectors, detector) ? detectors[detector]?.['emit_above'] : undefined;
    return typeof own === 'number' ? own : undefined;
  };
  return {
    stated,
    of: (detector) => Math.min(1, (stated(detector) ?? all) / scaling),
    toReach: (at) => Math.min(1, Math.round(at * scaling * 1e4) / 1e4),
  };
}
