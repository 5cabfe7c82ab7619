/**
 * What `detect` does with a judge: it keeps a few facts of the steps that pass, asks about what the judge wants, and knows what it said.
 * Only where a judge is configured.
 *
 * Law:
 * - Nothing waits for an answer. Until it comes a finding goes as its detector says; then it goes again with the verdict.
 * - A finding is asked about once. What its detector says of it later goes with the same verdict, at once.
 * - Bounded: the oldest steps and verdicts are forgotten, and so a finding may be asked about again.
 */
import type { AnyDetector } from '../../src/detector/detector.ts';
import type { Emission } from '../../src/detector/host.ts';
import { type Judge, judged, type Milestone, type Verdict } from '../../src/detector/judge.ts';
import { isAgentSpan, normalise } from '../../src/dialects/normalise.ts';
import { spanReader } from '../../src/otlp/span.ts';
import type { TraceIndex } from '../../src/otlp/traces.ts';
import type { Step } from '../../src/step/step.ts';

/** About 300 bytes each without excerpts: six megabytes. A finding's evidence is nearly always among the last few hundred of its run. */
const MAX_STEPS = 20_000;
/** As many findings as the outbox of `detect` holds. */
const MAX_FINDINGS = 10_000;

interface Known {
  /** The last that was said of it. */
  emission: Emission;
  /** `asked`: the answer is not there yet. `undefined`: there is none. */
  verdict: Verdict | 'asked' | undefined;
}

export class Asking {
  readonly #judge: Judge;
  readonly #detectors: ReadonlyMap<string, AnyDetector>;
  readonly #tell: (judged: Emission) => void;
  readonly #reader = spanReader();
  /** By trace and span id. */
  readonly #steps = new Map<string, Milestone>();
  readonly #findings = new Map<string, Known>();

  /** `tell` gets a finding with its verdict if that changed its confidence. */
  constructor(judge: Judge, detectors: Iterable<AnyDetector>, tell: (judged: Emission) => void) {
    this.#judge = judge;
    this.#detectors = new Map([...detectors].map((one) => [one.meta.id as string, one]));
    this.#tell = tell;
  }

  /** The steps of a request, before its findings are asked about. */
  note(index: TraceIndex, tenant: string): void {
    for (let row = 0; row < index.spanCount; row++) {
      if (!index.isAgent(row)) continue;
      const reader = this.#reader.at(index, row);
      const step = isAgentSpan(reader) ? normalise(reader, tenant) : undefined;
      if (step !== undefined) put(this.#steps, keyOf(step), milestoneOf(step, this.#judge.excerpts), MAX_STEPS);
    }
  }

  /** What to hand on: the emission, or with a verdict that is known. */
  known(emission: Emission): Emission {
    const { finding, label } = emission;
    const before = this.#findings.get(finding.id);
    if (before === undefined) return emission;
    const { verdict } = before;
    const told = verdict === undefined || verdict === 'asked' ? emission : { ...emission, finding: judged(finding, verdict) };
    if (label === 'fail') {
      before.emission = emission;
      return told;
    }
    // It is over: an answer that comes later is of no use. What was handed on is withdrawn, with or without the verdict.
    this.#findings.delete(finding.id);
    return told.finding.confidence < finding.confidence ? emission : told;
  }

  /** Asks, unless it is not wanted or was asked before. */
  ask(emission: Emission): void {
    const { finding, label } = emission;
    const detector = this.#detectors.get(finding.detector);
    if (label === 'withdrawn' || detector === undefined || this.#findings.has(finding.id) || !this.#judge.wants(finding)) return;
    const known: Known = { emission, verdict: 'asked' };
    put(this.#findings, finding.id, known, MAX_FINDINGS);
    const { summary, docs } = detector.meta;
    const about = { summary, what: docs.what, limits: docs.limits };
    const milestones = [...new Set([finding.at, ...finding.evidence].map(keyOf))].flatMap((key) => this.#steps.get(key) ?? []);
    void this.#judge.ask({ finding, about, milestones }).then((verdict) => {
      known.verdict = verdict;
      if (this.#findings.get(finding.id) !== known) return;
      // Refused or failed: it may be asked about again when it has grown.
      if (verdict === undefined) this.#findings.delete(finding.id);
      else if (verdict.verdict !== 'unsure') this.#tell({ ...known.emission, finding: judged(known.emission.finding, verdict) });
    });
  }
}

function keyOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): string {
  return traceId + spanId;
}

function put<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}

function milestoneOf(step: Step, excerpts: number): Milestone {
  const { traceId, spanId, kind, agent, tool, requestModel, responseModel, outcome, startMs, endMs, tokens } = step;
  return {
    ...{ traceId, spanId, kind, agent, outcome, startMs },
    tool: tool?.name,
    model: responseModel ?? requestModel,
    durationMs: Math.max(0, endMs - startMs),
    outputTokens: tokens?.output,
    excerpts: excerpts === 0 ? {} : excerptsOf(step, excerpts),
  };
}

/** Twice as much as is shown, so that redaction sees what it would cut in half. */
function excerptsOf(step: Step, chars: number): Readonly<Record<string, string>> {
  const texts = {
    arguments: step.tool?.arguments,
    result: step.tool?.result,
    input: step.kind === 'llm' ? step.input.at(-1)?.text : undefined,
    output: step.output.at(-1)?.text,
    error: step.error?.message,
  };
  const found = Object.entries(texts).filter((one): one is [string, string] => one[1] !== undefined && one[1] !== '');
  // A slice of a string keeps the whole of it.
  return Object.fromEntries(found.map(([name, text]) => [name, Buffer.from(text.slice(0, 2 * chars)).toString()]));
}
