/**
 * The streaming face for people who embed misstep: steps in, findings out, as RxJS operators.
 * `steps$.pipe(windowBySession({ idleMs: 300_000 }), detect(detectors))`
 * Per-span work inside the sidecar does not go through here (DESIGN §7).
 */
import { Observable, type OperatorFunction } from 'rxjs';
import type { Step } from '../step/step.ts';
import { inEventOrder } from '../window/tail.ts';
import type { Finding } from './finding.ts';
import { type ActiveDetector, Fold } from './fold.ts';

/** The steps of one session (or of one trace that names none), in event order. */
export interface StepWindow {
  readonly key: string;
  readonly tenant: string;
  readonly sessionId: string | undefined;
  readonly steps: readonly Step[];
}

/** Groups steps by session. A window is emitted when a step starts `idleMs` after its last one ended, or at completion. */
export function windowBySession(options: {
  readonly idleMs: number;
  readonly maxSteps?: number;
}): OperatorFunction<Step, StepWindow> {
  const maxSteps = options.maxSteps ?? 10_000;
  return (source) =>
    new Observable((subscriber) => {
      const open = new Map<string, { window: StepWindow & { steps: Step[] }; lastMs: number }>();
      const close = (id: string): void => {
        const entry = open.get(id);
        if (!entry) return;
        open.delete(id);
        entry.window.steps.sort(inEventOrder);
        subscriber.next(entry.window);
      };
      return source.subscribe({
        next(step) {
          const key = step.sessionId === undefined ? `trace:${step.traceId}` : `session:${step.sessionId}`;
          const id = `${step.tenant}|${key}`;
          const known = open.get(id);
          if (known && (step.startMs - known.lastMs > options.idleMs || known.window.steps.length >= maxSteps)) close(id);
          const entry = open.get(id) ?? {
            window: { key, tenant: step.tenant, sessionId: step.sessionId, steps: [] as Step[] },
            lastMs: step.endMs,
          };
          open.set(id, entry);
          entry.window.steps.push(step);
          entry.lastMs = Math.max(entry.lastMs, step.endMs);
        },
        error: (error) => subscriber.error(error),
        complete() {
          for (const id of [...open.keys()].sort()) close(id);
          subscriber.complete();
        },
      });
    });
}

/** Folds each window through the detectors and emits its findings, last revision only. */
export function detect(detectors: readonly ActiveDetector[]): OperatorFunction<StepWindow, Finding> {
  return (source) =>
    new Observable((subscriber) =>
      source.subscribe({
        next({ key, tenant, sessionId, steps }) {
          const agents = new Map(steps.map((step) => [step.spanId, step.agent]));
          const fold = new Fold(detectors, { tenant, key, sessionId }, (spanId) => agents.get(spanId), {
            onError: () => undefined,
            onRefold: () => undefined,
          });
          fold.run(steps, 0);
          fold.end('end_of_input', steps[steps.length - 1]?.endMs ?? 0);
          for (const finding of fold.findings.values()) subscriber.next(finding);
        },
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
}
