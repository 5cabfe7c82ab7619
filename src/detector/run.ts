/**
 * One run: a session, or a trace that names none, with everything the host keeps of it while it is open. As plain data it is
 * one `SavedRun`; loaded again it goes on as if nothing had been.
 */
import { dialectKeys } from '../dialects/keys.ts';
import { type NormalisedSpan, normalise } from '../dialects/normalise.ts';
import { createResolver, type Link, loadResolver, type Resolver, type SavedResolver } from '../dialects/resolve.ts';
import { spanReader } from '../otlp/span.ts';
import { walkTraces } from '../otlp/traces.ts';
import type { AnyDetector } from './detector.ts';
import { type Finding, optionsHash } from './finding.ts';
import {
  type ActiveDetector,
  type EmitRule,
  Fold,
  type FoldHooks,
  type Origin,
  type SavedFinding,
  type SavedFold,
} from './fold.ts';

/** What a carrier span needs of its target. */
export interface Target {
  readonly resource: Uint8Array;
  readonly traceState: string;
  readonly flags: number;
}

/** A finding to hand on, with what a carrier span needs of its target. */
export interface Emission extends Target {
  readonly finding: Finding;
  readonly configHash: string;
  /** `withdrawn`: said before, no longer true. */
  readonly label: 'fail' | 'withdrawn';
  /** Of its detector in that window. */
  readonly emit?: EmitRule | undefined;
}

export const noTarget: Target = { resource: new Uint8Array(0), traceState: '', flags: 0 };

export interface Said {
  readonly emission: Emission;
  readonly atMs: number;
  /** False from being said until it is handed on; without a journal it is always true. */
  safe: boolean;
  /** What was last handed on, while `safe` is false. */
  readonly former: Said | undefined;
}

/** What a sampler before this process left out: whole traces, or spans one by one. */
export type Sampled = 'traces' | 'spans';

/** `shed`: the steps did not fit the queue of a worker. `restarted`: they were with a worker that is gone. */
export type Missed = 'shed' | 'restarted';

/** A run without a session on its way to the host that has its session. */
export interface Moved {
  /** Kept spans, each a request of its own. */
  readonly spans: readonly Uint8Array[];
  readonly links: readonly Link[];
  readonly seen: readonly string[];
  readonly said: readonly Said[];
}

/** With its length, so that no session id of one tenant reads as one of another. */
export function sessionKey(tenant: string, sessionId: string): string {
  return `session:${tenant.length}:${tenant}|${sessionId}`;
}

/** The session that a run's key names. */
export function sessionOfKey(key: string): string | undefined {
  if (!key.startsWith('session:')) return undefined;
  const colon = key.indexOf(':', 'session:'.length);
  return key.slice(colon + 2 + Number(key.slice('session:'.length, colon)));
}

/** Who a run is. */
export interface RunIdentity {
  /** Its number in the journal; 0 without one. */
  readonly id: number;
  /** `session:<length of tenant>:<tenant>|<session>` or `trace:<tenant>|<trace>`. */
  readonly key: string;
  readonly tenant: string;
  readonly sessionId: string | undefined;
  /** By which its options were chosen; absent if by none. */
  readonly framework?: string | undefined;
}

/** When a window is over. Unix ms of the host's clock. */
export interface Times {
  openedMs: number;
  touchedMs: number;
  rootMs: number | undefined;
}

/** What a run has on disk. */
export interface Ledger {
  /** Keys of its records, oldest first. */
  records: number[];
  /** Bytes of step rows since the last checkpoint, and of that. */
  logged: number;
  saved: number;
}

export class Run implements RunIdentity, Times, Ledger {
  id: number;
  readonly key: string;
  readonly tenant: string;
  readonly sessionId: string | undefined;
  readonly framework: string | undefined;
  readonly detectors: readonly ActiveDetector[];
  readonly traces = new Set<string>();
  resolver: Resolver = createResolver();
  readonly fold: Fold;
  /** Steps that may be folded again, in event order. */
  readonly rows: NormalisedSpan[] = [];
  /** Steps of the request at hand: they read from its body until they are folded, and are copied only then. */
  readonly fresh: NormalisedSpan[] = [];
  /** Spans of the request at hand that are no steps; only for the journal. */
  readonly links: Link[] = [];
  readonly seen = new Set<string>();
  /** By finding id; made with the first finding. */
  said: Map<string, Said> | undefined;
  readonly targets = new Map<string, Target>();
  /** Event order below which steps are final. */
  finalMs = Number.NEGATIVE_INFINITY;
  bytes = 0;
  /** Steps folded again so far; bounded by `REFOLD_FACTOR`. */
  refolded = 0;
  folded = 0;
  dirtyFrom = 0;
  lastEndMs: number;
  openedMs: number;
  touchedMs: number;
  rootMs: number | undefined;
  records: number[] = [];
  logged = 0;
  saved = 0;
  /** Numbers of runs that became part of this one since its last record. */
  readonly took: number[] = [];
  /** Emissions that nobody has answered for; only with a journal. */
  unanswered = 0;
  closed = false;
  /** Why some of its steps were never seen here. */
  missed: Missed | undefined;
  sampled: Sampled | undefined;
  /** The run of the session that a trace turned out to belong to. */
  movedTo: Run | undefined;

  constructor(who: RunIdentity, detectors: readonly ActiveDetector[], hooks: FoldHooks, startMs: number, nowMs: number) {
    this.id = who.id;
    this.key = who.key;
    this.tenant = who.tenant;
    this.sessionId = who.sessionId;
    this.framework = who.framework;
    this.detectors = detectors;
    this.lastEndMs = startMs;
    this.openedMs = nowMs;
    this.touchedMs = nowMs;
    const { rows } = this;
    this.fold = new Fold(
      detectors,
      { tenant: who.tenant, key: windowKeyOf(who), sessionId: who.sessionId },
      (spanId) => rows.find((row) => row.spanId === spanId)?.agent,
      {
        ...hooks,
        onRefold: (steps) => {
          this.refolded += steps;
          hooks.onRefold(steps);
        },
      },
    );
  }
}

function windowKeyOf({ key, tenant, sessionId }: RunIdentity): string {
  return sessionId === undefined ? `trace:${key.slice(`trace:${tenant}|`.length)}` : `session:${sessionId}`;
}

/** What was handed on: a finding as it stands in the fold by its place there, another whole. */
export interface SavedSaid {
  readonly finding: number | SavedFinding;
  readonly label?: 'withdrawn' | undefined;
  readonly atMs: number;
}

/** Targets are kept apart: in memory runs share them. */
export interface SavedRun {
  readonly id: number;
  readonly key: string;
  readonly tenant: string;
  readonly sessionId?: string | undefined;
  readonly framework?: string | undefined;
  readonly traces: readonly string[];
  /** Span ids that the resolver does not know, oldest first. */
  readonly seen: readonly string[];
  readonly resolver: SavedResolver;
  readonly fold: SavedFold;
  readonly said: readonly SavedSaid[];
  readonly finalMs?: number | undefined;
  readonly refolded: number;
  readonly folded: number;
  readonly lastEndMs: number;
  readonly openedMs: number;
  readonly touchedMs: number;
  readonly rootMs?: number | undefined;
  readonly missed?: Missed | undefined;
  readonly sampled?: Sampled | undefined;
}

/** The run as it stands between two requests. Its kept steps are named by their place in `run.rows`. */
export function saveRun(run: Run): SavedRun {
  const { id, key, tenant, sessionId, framework, fold, refolded, folded, lastEndMs, openedMs, touchedMs, rootMs } = run;
  const resolver = run.resolver.save(run.rows);
  const known = new Set(resolver.steps.map(({ step, kept }) => step?.spanId ?? run.rows[kept as number]?.spanId));
  const saved = fold.save();
  const places = new Map(saved.findings.map(({ id: finding, revision }, i) => [`${finding} ${revision}`, i]));
  const said: SavedSaid[] = [];
  for (const one of run.said?.values() ?? []) {
    const { emission, atMs } = (one.safe ? one : one.former) ?? {};
    if (emission === undefined || atMs === undefined) continue;
    const { finding, label } = emission;
    const place = places.get(`${finding.id} ${finding.revision}`);
    said.push({ finding: place ?? fold.slim(finding), label: label === 'fail' ? undefined : label, atMs });
  }
  return {
    id,
    key,
    tenant,
    sessionId,
    framework,
    traces: [...run.traces],
    seen: [...run.seen].filter((span) => !known.has(span)),
    resolver,
    fold: saved,
    said,
    finalMs: Number.isFinite(run.finalMs) ? run.finalMs : undefined,
    refolded,
    folded,
    lastEndMs,
    openedMs,
    touchedMs,
    rootMs,
    missed: run.missed,
    sampled: run.sampled,
  };
}

/** `rows` are the kept steps, made anew. They are not folded yet. */
export function loadRun(
  saved: SavedRun,
  rows: readonly NormalisedSpan[],
  detectors: readonly ActiveDetector[],
  origin: Origin,
  hooks: FoldHooks,
): Run {
  const { id, key, tenant, sessionId, framework } = saved;
  const who = { id, key, tenant, sessionId, framework };
  const run = new Run(who, detectors, hooks, saved.lastEndMs, saved.openedMs);
  for (const trace of saved.traces) run.traces.add(trace);
  const { resolver, steps } = loadResolver(saved.resolver, rows);
  run.resolver = resolver;
  run.rows.push(...rows);
  for (const row of rows) run.bytes += row.bytes;
  for (const span of saved.seen) run.seen.add(span);
  for (const { spanId } of steps) run.seen.add(spanId);
  run.fold.load(saved.fold, origin);
  for (const { finding: one, label, atMs } of saved.said) {
    const finding = run.fold.whole(typeof one === 'number' ? (saved.fold.findings[one] as SavedFinding) : one);
    if (finding !== undefined) noteSaid(run, { finding, configHash: '', label: label ?? 'fail', ...noTarget }, atMs);
  }
  run.finalMs = saved.finalMs ?? Number.NEGATIVE_INFINITY;
  run.refolded = saved.refolded;
  run.folded = saved.folded;
  run.touchedMs = saved.touchedMs;
  run.rootMs = saved.rootMs;
  run.missed = saved.missed;
  run.sampled = saved.sampled;
  return run;
}

/** It was handed on before: nothing is owed. */
export function noteSaid(run: Run, emission: Emission, atMs: number): void {
  run.said ??= new Map();
  run.said.set(emission.finding.id, { emission, atMs, safe: true, former: undefined });
}

const reader = spanReader();

/** Steps of stored spans, each standing on its own. */
export function stepsOf(body: Uint8Array, tenant: string): NormalisedSpan[] {
  if (body.length === 0) return [];
  const index = walkTraces(body, dialectKeys);
  const steps: NormalisedSpan[] = [];
  for (let row = 0; row < index.spanCount; row++) {
    const step = normalise(reader.at(index, row), tenant);
    if (step === undefined) continue;
    step.detach();
    steps.push(step);
  }
  return steps;
}

/** A detector as its states know it. */
export type SavedDetector = readonly [id: string, stateVersion: number, optionsHash: string];

const tables = new WeakMap<readonly ActiveDetector[], readonly SavedDetector[]>();

export function tableOf(detectors: readonly ActiveDetector[]): readonly SavedDetector[] {
  let table = tables.get(detectors);
  if (table === undefined) {
    table = detectors.map(({ detector, options }) => [detector.meta.id, detector.meta.stateVersion, optionsHash(options)]);
    tables.set(detectors, table);
  }
  return table;
}

/** States of `table` for `detectors`: the same options and state version, or one that the detector can bring up to date. */
export function originOf(table: readonly SavedDetector[], detectors: readonly ActiveDetector[]): Origin {
  const places = new Map(table.map(([id], i) => [id, i]));
  const fits = tableOf(detectors).map(([id, version, options], i) => {
    const before = table[places.get(id) ?? -1];
    if (before === undefined || before[2] !== options) return false;
    return before[1] === version || detectors[i]?.detector.migrate !== undefined;
  });
  const now = new Map(detectors.map(({ detector }, i) => [detector.meta.id as string, i]));
  return {
    placeOf: (i) => now.get(table[i]?.[0] ?? ''),
    lost: (i) => fits[i] !== true,
    migrate(i, state) {
      const [id, version] = table[i] as SavedDetector;
      const detector = detectors[now.get(id) as number]?.detector as AnyDetector;
      return version === detector.meta.stateVersion ? state : detector.migrate?.(state as never, version);
    },
  };
}
