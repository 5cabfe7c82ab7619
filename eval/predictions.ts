/** What `misstep replay --blame --output jsonl` printed, by trace: the only thing that is scored. */
import { basename } from 'node:path';
import { fileOf, items, type Pack, RUN_SETS, type RunLabel, runLabels } from './pack.ts';

export interface Detection {
  readonly detector: string;
  readonly message: string;
  readonly confidence: number;
  /** Before calibration; absent in files of other producers. */
  readonly score: number | undefined;
  readonly spanId: string;
  readonly trail: readonly string[];
  readonly mast: readonly string[];
}

export interface BlameLine {
  readonly agent: string | null;
  readonly spanId: string | null;
  readonly candidates: readonly { readonly agent: string | null; readonly span_id: string | null }[];
}

export interface Timing {
  steps: number;
  us: number;
}

const none: readonly Detection[] = [];

export class Predictions {
  readonly blame = new Map<string, BlameLine>();
  /** Trace → detector → outcome of the last window. */
  readonly coverage = new Map<string, Map<string, string>>();
  /** `<trace> <detector>` where some window had what the detector needs. */
  readonly looked = new Set<string>();
  /** Detector → microseconds over all steps, if the run was timed. */
  readonly timing = new Map<string, Timing>();
  /** `<kind> matched` and `<kind> unmatched` → lines. */
  readonly lines: Record<string, number> = {};
  private readonly detections = new Map<string, Detection[]>();
  private readonly known: ReadonlySet<string>;
  private readonly byFile: ReadonlyMap<string, string>;

  constructor(pack: Pack) {
    const known = new Set<string>();
    const byFile = new Map<string, string>();
    for (const set of pack.sets) {
      if ((RUN_SETS as readonly string[]).includes(set)) {
        for (const [key, label] of Object.entries(runLabels<RunLabel>(pack, set))) {
          known.add(label.trace_id ?? key);
          byFile.set(fileOf(key, label), label.trace_id ?? key);
        }
      } else for (const { trace_id } of items(pack, set)) known.add(trace_id);
    }
    this.known = known;
    this.byFile = byFile;
  }

  of(trace: string): readonly Detection[] {
    return this.detections.get(trace) ?? none;
  }

  /** Largest confidence in the trace, of these detectors or of all; 0 if nothing was said. */
  score(trace: string, detectors?: readonly string[]): number {
    let best = 0;
    for (const { detector, confidence } of this.of(trace)) {
      if (confidence > best && (!detectors || detectors.includes(detector))) best = confidence;
    }
    return best;
  }

  /** Reads one line. A line of a trace that no set in hand labels is counted only. */
  add(line: string): void {
    if (line.trim() === '') return;
    const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const kind = String(record['kind']);
    const trace = this.traceOf(record);
    const count = `${kind} ${trace === undefined ? 'unmatched' : 'matched'}`;
    this.lines[count] = (this.lines[count] ?? 0) + 1;
    if (kind === 'timing') {
      const { detector, steps, us } = record as unknown as { detector: string } & Timing;
      const sum = this.timing.get(detector) ?? { steps: 0, us: 0 };
      this.timing.set(detector, { steps: sum.steps + steps, us: sum.us + us });
    }
    if (trace === undefined) return;
    if (kind === 'detection') this.detect(trace, record);
    else if (kind === 'blame') {
      const { agent, span_id, candidates } = record as {
        agent?: string | null;
        span_id?: string | null;
        candidates?: BlameLine['candidates'];
      };
      this.blame.set(trace, { agent: agent ?? null, spanId: span_id ?? null, candidates: candidates ?? [] });
    } else if (kind === 'coverage') {
      const outcomes = this.coverage.get(trace) ?? new Map<string, string>();
      const outcome = String(record['outcome']);
      outcomes.set(String(record['detector']), outcome);
      if (outcome === 'pass' || outcome === 'fail') this.looked.add(`${trace} ${record['detector']}`);
      this.coverage.set(trace, outcomes);
    }
  }

  /** The same predictions, with the confidence of each detection said anew. */
  map(confidence: (detection: Detection, trace: string) => number): void {
    for (const [trace, all] of this.detections) {
      this.detections.set(
        trace,
        all.map((one) => ({ ...one, confidence: confidence(one, trace) })),
      );
    }
  }

  entries(): IterableIterator<[string, readonly Detection[]]> {
    return this.detections.entries();
  }

  private detect(trace: string, record: Readonly<Record<string, unknown>>): void {
    const taxonomy = (record['taxonomy'] ?? {}) as { readonly trail?: readonly string[]; readonly mast?: readonly string[] };
    const { score } = record;
    const one: Detection = {
      detector: String(record['detector']),
      message: String(record['message'] ?? ''),
      confidence: Number(record['confidence'] ?? 0),
      score: typeof score === 'number' ? score : undefined,
      spanId: String(record['span_id'] ?? ''),
      trail: taxonomy.trail ?? [],
      mast: taxonomy.mast ?? [],
    };
    const same = this.detections.get(trace);
    if (same) same.push(one);
    else this.detections.set(trace, [one]);
  }

  private traceOf(record: Readonly<Record<string, unknown>>): string | undefined {
    for (const key of ['trace_id', 'session_id', 'run_id', 'execution_id']) {
      const value = record[key];
      if (typeof value !== 'string') continue;
      const id = value.toLowerCase();
      if (this.known.has(id)) return id;
    }
    return this.byFile.get(basename(String(record['source'] ?? '')));
  }
}
