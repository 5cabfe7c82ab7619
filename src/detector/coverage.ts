/** How each detector ended in each window of a run: a blind one is never reported as healthy. */
import type { AnyDetector } from './detector.ts';
import { type ActiveDetector, factNames, readsOnlyText, WITHOUT_TEXT, type Window } from './fold.ts';
import type { Missed, Run } from './run.ts';

export type Outcome = 'fail' | 'pass' | 'insufficient_data' | 'error';

/** How one detector ended in one window. */
export interface Coverage {
  readonly detector: AnyDetector;
  readonly outcome: Outcome;
  /** For `insufficient_data` and `error`. */
  readonly reason: string | undefined;
  readonly windowKey: string;
  readonly traceId: string;
  readonly sessionId: string | undefined;
  readonly agent: string | undefined;
}

/** `shed`: spans that may have been its own were passed on unread. Of at most `limit` windows. */
export function* coverageOf(
  { fold, detectors, missed, sampled, sessionId: runSession }: Run,
  shed: boolean,
  limit = Number.POSITIVE_INFINITY,
): Generator<Coverage> {
  const failed = new Set<string>();
  for (const finding of fold.findings.values()) failed.add(`${finding.windowKey} ${finding.detector}`);
  let left = limit;
  for (const window of fold.windows.values()) {
    if (left-- <= 0) return;
    for (let i = 0; i < detectors.length; i++) {
      const active = detectors[i] as ActiveDetector;
      const { detector } = active;
      if (detector.meta.scope !== window.scope) continue;
      // What keeps or drops whole traces leaves a trace whole, and a run that is one.
      const parts = sampled === 'spans' || (sampled === 'traces' && window.scope !== 'trace' && runSession !== undefined);
      const { key: windowKey, traceId, sessionId, agent } = window;
      const [outcome, reason]: [Outcome, string?] = failed.has(`${window.key} ${detector.meta.id}`)
        ? ['fail']
        : outcomeOf(active, window, fold.whyOff(window, i), shed ? 'shed' : missed, parts);
      yield { detector, outcome, reason, windowKey, traceId, sessionId, agent };
    }
  }
}

function outcomeOf(
  active: ActiveDetector,
  window: Window,
  off: ReturnType<Run['fold']['whyOff']>,
  missed: Missed | undefined,
  sampled: boolean,
): [Outcome, string?] {
  if (off === 'failed') return ['error', 'detector failed'];
  if (off === 'overran') return ['error', 'overran'];
  if (off === 'restarted') return ['insufficient_data', 'restarted'];
  if (missed !== undefined) return ['insufficient_data', missed];
  if ((window.seen & WITHOUT_TEXT) !== 0 && readsOnlyText(active)) return ['insufficient_data', 'shed'];
  if (sampled) return ['insufficient_data', 'sampled'];
  const missing = active.needs & ~window.seen;
  return missing === 0 ? ['pass'] : ['insufficient_data', `no ${factNames(missing).join(', no ')}`];
}
