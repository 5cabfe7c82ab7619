/**
 * Reads the findings out of the spans that pass, as spanmetrics reads spans: metrics with exemplars
 * that point at the offending span, and a log record `gen_ai.evaluation.result` a finding.
 *
 * The agent name on the counter is capped: the first `max_agents` names get a series of their own,
 * the rest and names that look like generated ids share `_OTHER` (42 detectors × 40 agents stay under
 * the SDKs' limit of 2,000 series). So is the detector's name: spans of others may claim any.
 */
import { z } from 'zod';
import { duration } from '../../config/units.ts';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import type { Component, ConnectorFactory, Consumer, Counter, Host } from '../../src/component/component.ts';
import { cleanMap, cleanResource } from '../../src/detector/clean.ts';
import { EVENT_NAME, findingLog, SCOPE_NAME } from '../../src/detector/emit.ts';
import { compileKeys, type KeyTable } from '../../src/otlp/keys.ts';
import { spanReader, type Value } from '../../src/otlp/span.ts';
import { type TraceIndex, walkTraces } from '../../src/otlp/traces.ts';
import {
  type Exemplar,
  type NewLogRecord,
  type NewMetric,
  type NumberPoint,
  writeLogs,
  writeMetrics,
} from '../../src/otlp/write.ts';

/** Detectors that are shipped, and as many of one's own; a name is cut where the emitted attributes are. */
const MAX_DETECTORS = 100;
const MAX_NAME = 255;
const OTHER = '_OTHER';

const options = z.strictObject({
  metrics_flush_interval: duration('60s').describe('How often metrics are sent.'),
  max_agents: z.int().min(0).max(1_000).default(40).describe('Agent names that get a series of their own.'),
  namespace: z
    .string()
    .regex(/^[a-z][a-z0-9_.]*$/)
    .default('misstep')
    .describe('Prefix of the metric names.'),
});
type Options = z.output<typeof options>;

const keys: KeyTable = compileKeys(['misstep.detections', 'gen_ai.evaluation.name', 'misstep.detection.id'], [], [SCOPE_NAME]);

export const factory: ConnectorFactory<typeof options> = {
  kind: 'connector',
  type: 'detections',
  stability: 'alpha',
  summary: 'Turns the findings in passing spans into metrics with exemplars and log records.',
  signals: ['traces'],
  produces: ['metrics', 'logs'],
  options,
  create: (id, value, next) => new Detections(id, value, next),
};

interface Series {
  readonly detector: string;
  readonly agent: string;
  count: number;
  exemplar: Exemplar | undefined;
}

interface Found {
  readonly attributes: ReadonlyMap<string, Value>;
  readonly resource: Uint8Array;
}

class Detections implements Component, Consumer {
  private readonly id: string;
  private readonly options: Options;
  private readonly next: ReadonlyMap<Signal, Consumer>;
  private readonly series = new Map<string, Series>();
  private readonly agents = new Set<string>();
  private readonly detectors = new Set<string>();
  private host: Host | undefined;
  private timer: NodeJS.Timeout | undefined;
  private startNs = 0n;
  private changed = false;
  private lost: Counter | undefined;
  private overCap: Counter | undefined;

  constructor(id: string, value: Options, next: ReadonlyMap<Signal, Consumer>) {
    this.id = id;
    this.options = value;
    this.next = next;
  }

  async start(host: Host): Promise<void> {
    this.host = host;
    this.startNs = nowNs(host);
    this.lost = host.meter.counter(
      'misstep_detections_lost',
      { connector: this.id },
      'Log records or points that the next pipeline refused.',
    );
    this.overCap = host.meter.counter(
      'misstep_detections_capped_labels',
      { connector: this.id },
      'Findings counted under `_OTHER` because their agent or detector has no series of its own.',
    );
    if (this.next.has('metrics')) {
      this.timer = setInterval(() => void this.sendMetrics(), this.options.metrics_flush_interval);
      this.timer.unref();
    }
    host.status({ state: 'ok' });
  }

  async consume(batch: Batch): Promise<void> {
    if (batch.signal !== 'traces' || !this.host) return;
    const found: Found[] = [];
    for (const chunk of bodies(batch)) collect(walkTraces(chunk, keys), found);
    if (found.length === 0) return;
    // First: a batch whose log records are refused comes again, and is then counted once.
    const logs = this.next.get('logs');
    if (logs) await this.sendLogs(logs, found, batch);
    // A finding that is taken back is logged but not counted: a counter never goes down.
    for (const one of found) if (one.attributes.get('gen_ai.evaluation.score.label') === 'fail') this.count(one.attributes);
  }

  async shutdown(_signal: AbortSignal): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = undefined;
    if (this.host) await this.sendMetrics();
  }

  private count(attributes: ReadonlyMap<string, Value>): void {
    const detector = capped(text(attributes, 'gen_ai.evaluation.name'), this.detectors, MAX_DETECTORS);
    const agent = capped(text(attributes, 'gen_ai.agent.name'), this.agents, this.options.max_agents);
    if (detector === OTHER || agent === OTHER) this.overCap?.add(1);
    const key = `${detector}\n${agent}`;
    let series = this.series.get(key);
    if (!series) {
      series = { detector, agent, count: 0, exemplar: undefined };
      this.series.set(key, series);
    }
    // Revision 0 is the finding; later ones are the same finding, grown.
    if (attributes.get('misstep.detection.revision') === 0 || series.count === 0) series.count++;
    series.exemplar = {
      timeNs: nowNs(this.host as Host),
      value: 1,
      traceId: text(attributes, 'misstep.detection.target.trace_id'),
      spanId: text(attributes, 'misstep.detection.target.span_id'),
      attributes: {
        'misstep.detection.id': text(attributes, 'misstep.detection.id'),
        'misstep.detection.severity': text(attributes, 'misstep.detection.severity'),
      },
    };
    this.changed = true;
  }

  private async sendLogs(logs: Consumer, found: readonly Found[], batch: Batch): Promise<void> {
    const timeNs = nowNs(this.host as Host);
    const groups = new Map<Uint8Array, NewLogRecord[]>();
    for (const { attributes, resource } of found) {
      const record = findingLog(attributes, timeNs, timeNs);
      const same = groups.get(resource);
      if (same) same.push(record);
      else groups.set(resource, [record]);
    }
    const scope = { name: SCOPE_NAME, version: (this.host as Host).buildVersion };
    const body = writeLogs([...groups].map(([resource, records]) => ({ resource: cleanResource(resource), scope, records })));
    const { metadata } = batch;
    await logs.consume({
      signal: 'logs',
      chunks: [body],
      bytes: body.length,
      items: found.length,
      generated: found.length,
      tenant: batch.tenant,
      ...(metadata ? { metadata } : {}),
    });
  }

  private async sendMetrics(): Promise<void> {
    const metrics = this.next.get('metrics');
    if (!metrics || !this.changed || !this.host) return;
    this.changed = false;
    const timeNs = nowNs(this.host);
    const points: NumberPoint[] = [...this.series.values()].map(({ detector, agent, count, exemplar }) => ({
      attributes:
        agent === ''
          ? { 'gen_ai.evaluation.name': detector }
          : { 'gen_ai.evaluation.name': detector, 'gen_ai.agent.name': agent },
      startNs: this.startNs,
      timeNs,
      value: count,
      exemplars: exemplar ? [exemplar] : [],
    }));
    const metric: NewMetric = {
      kind: 'sum',
      name: `${this.options.namespace}.detections`,
      unit: '{detection}',
      description: 'Findings of the detectors.',
      monotonic: true,
      temporality: 2,
      points,
    };
    const scope = { name: SCOPE_NAME, version: this.host.buildVersion };
    const body = writeMetrics([{ resource: { 'service.name': 'misstep' }, scope, metrics: [metric] }]);
    try {
      const items = points.length;
      await metrics.consume({
        signal: 'metrics',
        chunks: [body],
        bytes: body.length,
        items,
        generated: items,
        tenant: 'default',
      });
    } catch (error) {
      // Cumulative: the next interval carries the same counts again.
      this.changed = true;
      this.lost?.add(points.length);
      this.host.logger.log('warn', 'Metrics of detections were refused and will be sent with the next interval.', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** Findings stand as events on spans: on the target itself, or on a carrier. */
function collect(index: TraceIndex, found: Found[]): void {
  const reader = spanReader();
  for (let row = 0; row < index.spanCount; row++) {
    if (!index.isAgent(row)) continue;
    for (const event of reader.at(index, row).events()) {
      if (event.name === EVENT_NAME && event.attributes.has('misstep.detection.id')) {
        // Others may have written it; what leaves here is said by misstep.
        found.push({ attributes: cleanMap(event.attributes), resource: reader.resourceBytes() });
      }
    }
  }
}

function bodies(batch: Batch): Uint8Array[] {
  return batch.chunks.length === 1 ? [...batch.chunks] : [Buffer.concat(batch.chunks)];
}

function text(attributes: ReadonlyMap<string, Value>, key: string): string {
  const value = attributes.get(key);
  return typeof value === 'string' ? value : '';
}

/** The name if it has, or now gets, one of the `max` places. */
function capped(name: string, known: Set<string>, max: number): string {
  if (name === '' || known.has(name)) return name;
  if (known.size >= max || name.length > MAX_NAME || looksGenerated(name)) return OTHER;
  known.add(name);
  return name;
}

/** A UUID, or a long run of hex digits: frameworks put run ids where a name should be. */
function looksGenerated(name: string): boolean {
  return /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}/i.test(name.slice(0, 200));
}

function nowNs(host: Host): bigint {
  return BigInt(Math.round(host.clock.now() * 1_000)) * 1_000n;
}
