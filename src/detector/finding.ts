/** What a detector found, as the host keeps and hands it on. Immutable: a finding that grows is a new object of the same id. */
import { createHash } from 'node:crypto';
import type { DetectorMeta, Scope, Severity, SpanRef, Taxonomy, Tier } from './detector.ts';
import type { Verdict } from './judge.ts';

export interface Finding {
  /** 32 hex digits: SHA-256(tenant, detector, message, window key, key), first 16 bytes. */
  readonly id: string;
  /** Reports of this id before this one: grows with the evidence, the same whatever the batching. */
  readonly revision: number;
  readonly detector: string;
  readonly message: string;
  readonly category: string;
  readonly version: number;
  readonly tier: Tier;
  readonly scope: Scope;
  readonly severity: Severity;
  /** As the detector said it. */
  readonly score: number;
  /** Calibrated probability, 0–1. */
  readonly confidence: number;
  readonly tenant: string;
  readonly windowKey: string;
  readonly sessionId: string | undefined;
  readonly agent: string | undefined;
  readonly at: SpanRef;
  readonly evidence: readonly SpanRef[];
  readonly explanation: string;
  readonly impact: string;
  readonly action: string;
  readonly taxonomy: Taxonomy;
  readonly data: Readonly<Record<string, string | number>>;
  /** Event time of the step that made the detector speak. Unix ms. */
  readonly atMs: number;
  /** What a judge said of it, and the confidence before that. A detector's own finding has none. */
  readonly judged?: Verdict & { readonly before: number };
}

const severityRank: Readonly<Record<Severity, number>> = { low: 25, medium: 50, high: 75, critical: 100 };

/** low 25, medium 50, high 75, critical 100. */
export function severityScore(severity: Severity): number {
  return severityRank[severity];
}

export function findingId(tenant: string, detector: string, message: string, windowKey: string, key: string): string {
  const hash = createHash('sha256');
  for (const part of [tenant, detector, message, windowKey, key]) hash.update(`${part.length}:${part};`);
  return hash.digest('hex').slice(0, 32);
}

/** What findings of one matter share: the same message about the same agent. */
export interface Matter {
  readonly detector: string;
  readonly message: string;
  readonly agent: string | null;
}

/** 16 hex digits: SHA-256 of detector, message and agent. The same in every sidecar, every run and after every restart. */
export function fingerprintOf({ detector, message, agent }: Matter): string {
  const hash = createHash('sha256');
  for (const part of [detector, message, agent ?? '']) hash.update(`${part.length}:${part};`);
  return hash.digest('hex').slice(0, 16);
}

/** Short hash of the options in force, so that findings of two configurations can be told apart. */
export function configHash(meta: DetectorMeta, options: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([meta.id, meta.version, options]))
    .digest('hex')
    .slice(0, 12);
}

/** Short hash of the options alone: a state is only given to a detector that has the same. */
export function optionsHash(options: unknown): string {
  return createHash('sha256').update(JSON.stringify(options)).digest('base64url').slice(0, 8);
}

/** Fills `{{slots}}`; values are cut at 120 characters so that a message stays one line. */
export function fillTemplate(text: string, data: Readonly<Record<string, string | number>>): string {
  let result = '';
  let from = 0;
  for (;;) {
    const open = text.indexOf('{{', from);
    const close = open < 0 ? -1 : text.indexOf('}}', open);
    if (close < 0) return result + text.slice(from);
    const value = data[text.slice(open + 2, close)];
    const shown = typeof value === 'number' ? formatNumber(value) : oneLine(value ?? '?');
    result += text.slice(from, open) + shown;
    from = close + 2;
  }
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Math.round(value * 10_000) / 10_000);
}

function oneLine(value: string): string {
  const flat = value.replaceAll('\n', ' ').replaceAll('\r', ' ');
  return flat.length > 120 ? `${flat.slice(0, 119)}…` : flat;
}
