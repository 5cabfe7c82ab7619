/** The clock of the process; the only place that reads it for components. */
import type { Clock } from '../component/component.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
