/**
 * Runs that wait, as bytes. One that keeps steps for late ones is packed as it stands without them, which is what becomes of it
 * when none comes in time, and once more with them, until then.
 */
import { decode, encode } from './compact.ts';
import type { ActiveDetector } from './fold.ts';
import { type FoldHooks, sameDetectors } from './fold.ts';
import { type Ledger, loadRun, type Run, type SavedRun, saveRun, stepsOf, type Target, type Times } from './run.ts';
import type { Place, Slabs } from './slabs.ts';

const none: readonly number[] = [];

/** What a run with kept steps is packed to before they are settled. */
export interface Early {
  readonly state: Place;
  readonly steps: Place;
}

function write(run: Run, slabs: Slabs): Place {
  return slabs.put(encode({ ...saveRun(run), key: '' }, run.key));
}

/** The run as it stands; it keeps steps, and all of them are detached. */
export function packEarly(run: Run, slabs: Slabs): Early {
  const bodies = run.rows.map(({ body }) => body ?? new Uint8Array(0));
  return { state: write(run, slabs), steps: slabs.put(Buffer.concat(bodies)) };
}

export class PackedRun implements Times, Pick<Ledger, 'logged' | 'saved'> {
  /** The string that the host has it by: one for all. */
  readonly key: string;
  readonly detectors: readonly ActiveDetector[];
  readonly openedMs: number;
  readonly touchedMs: number;
  readonly rootMs: number | undefined;
  readonly logged: number;
  readonly saved: number;
  private readonly records: readonly number[];
  private readonly state: Place;
  private early: Early | undefined;
  /** One for all traces, which is usual, or each. */
  private readonly target: Target | undefined;
  private readonly targets: readonly (readonly [traceId: string, target: Target])[] | undefined;

  /** `run` keeps no steps. */
  constructor(run: Run, slabs: Slabs, early: Early | undefined) {
    this.key = run.key;
    this.detectors = run.detectors;
    this.openedMs = run.openedMs;
    this.touchedMs = run.touchedMs;
    this.rootMs = run.rootMs;
    this.logged = run.logged;
    this.saved = run.saved;
    this.records = run.records.length === 0 ? none : run.records;
    this.state = write(run, slabs);
    this.early = early;
    const all = [...run.targets.values()];
    const alike = run.targets.size === run.traces.size && all.every((target) => target === all[0]);
    this.target = alike ? all[0] : undefined;
    this.targets = alike ? undefined : [...run.targets];
  }

  /** Bytes that are kept only for late steps. */
  get earlyBytes(): number {
    return this.early === undefined ? 0 : this.early.state.length + this.early.steps.length;
  }

  /** No step is late enough any more, or there is no room for them. */
  settle(slabs: Slabs): void {
    if (this.early === undefined) return;
    slabs.free(this.early.state);
    slabs.free(this.early.steps);
    this.early = undefined;
  }

  /** It is packed no longer: its places are given back. */
  unpack(hooks: FoldHooks, slabs: Slabs): Run {
    const final = this.read(this.state, slabs);
    const run = this.withSteps(final, hooks, slabs) ?? loadRun(final, [], this.detectors, sameDetectors, hooks);
    this.settle(slabs);
    slabs.free(this.state);
    if (this.target !== undefined) for (const traceId of run.traces) run.targets.set(traceId, this.target);
    for (const [traceId, target] of this.targets ?? []) run.targets.set(traceId, target);
    run.records = [...this.records];
    run.logged = this.logged;
    run.saved = this.saved;
    return run;
  }

  private withSteps(final: SavedRun, hooks: FoldHooks, slabs: Slabs): Run | undefined {
    if (this.early === undefined) return undefined;
    const saved = this.read(this.early.state, slabs);
    const rows = stepsOf(slabs.get(this.early.steps), saved.tenant);
    const kept = saved.resolver.steps.reduce((sum, step) => sum + Number(step.kept !== undefined), 0);
    if (kept !== rows.length) return undefined;
    const run = loadRun(saved, rows, this.detectors, sameDetectors, hooks);
    run.fold.resume(final.fold, sameDetectors, rows.length);
    run.dirtyFrom = rows.length;
    return run;
  }

  private read(place: Place, slabs: Slabs): SavedRun {
    return { ...(decode(slabs.get(place)) as SavedRun), key: this.key };
  }
}
