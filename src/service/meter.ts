/**
 * Own telemetry: counters and gauges, and the page that Prometheus reads (text format 0.0.4).
 *
 * Law: a name has one type. Counters of equal name and labels are one series that outlives whoever asked for it, so a
 * reload never makes one fall. Gauges and observers belong to the scope that made them: several of equal labels are
 * summed on the page (two generations of an exporter during a reload), and they go when their scope is closed.
 * A name has at most `MAX_SERIES` series: whoever asks for one more shares a series whose label values are all `other`, and
 * `misstep_metric_series_capped` counts it. Labels are names from the configuration, so that is a last defence, never the plan.
 */
import type { Counter, Gauge, Meter } from '../component/component.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface MeterScope extends Meter {
  /** Forgets the gauges and observers made here. */
  close(): void;
}

export interface Registry extends Meter {
  scope(): MeterScope;
  /** Present values of one name, in order of first use. */
  read(name: string): readonly Sample[];
  /** The page; `base` labels are added to every series. */
  page(base: Labels): string;
}

/** Half of the 2,000 at which OpenTelemetry's SDKs begin to fold series together. */
const MAX_SERIES = 1_000;
const OTHER = 'other';
const CAPPED = 'misstep_metric_series_capped';

type Kind = 'counter' | 'gauge';

interface Series {
  readonly labels: Labels;
  /** The counter's sum. */
  total: number;
  readonly readers: Set<() => number>;
}

interface Family {
  readonly kind: Kind;
  readonly help: string;
  readonly series: Map<string, Series>;
}

export function createRegistry(): Registry {
  const families = new Map<string, Family>();

  function series(name: string, kind: Kind, labels: Labels, help: string): Series {
    let family = families.get(name);
    if (family === undefined) {
      family = { kind, help, series: new Map() };
      families.set(name, family);
    } else if (family.kind !== kind) {
      throw new Error(`Metric ${name} is a ${family.kind} and was asked for as a ${kind}. One name has one type.`);
    }
    const key = labelKey(labels);
    const found = family.series.get(key);
    if (found !== undefined) return found;
    const shared = othersOf(labels);
    if (family.series.size >= MAX_SERIES && labelKey(shared) !== key) {
      series(CAPPED, 'counter', {}, 'Times a name was asked for one series more than it may have.').total++;
      return series(name, kind, shared, help);
    }
    const made: Series = { labels: { ...labels }, total: 0, readers: new Set() };
    family.series.set(key, made);
    return made;
  }

  function forget(name: string, from: Series, reader: () => number): void {
    from.readers.delete(reader);
    if (from.readers.size === 0) families.get(name)?.series.delete(labelKey(from.labels));
  }

  function counter(name: string, labels: Labels, help = ''): Counter {
    const found = series(name, 'counter', labels, help);
    return {
      add(n) {
        found.total += n;
      },
    };
  }

  function scope(): MeterScope {
    const made: (() => void)[] = [];
    function observe(name: string, labels: Labels, read: () => number, help = ''): void {
      const found = series(name, 'gauge', labels, help);
      found.readers.add(read);
      made.push(() => forget(name, found, read));
    }
    return {
      counter,
      observe,
      gauge(name, labels, help = ''): Gauge {
        let value = 0;
        observe(name, labels, () => value, help);
        return {
          set(n) {
            value = n;
          },
        };
      },
      close() {
        for (const undo of made.splice(0)) undo();
      },
    };
  }

  const root = scope();
  return {
    counter: root.counter,
    gauge: root.gauge,
    observe: root.observe,
    scope,
    read: (name) => samples(families.get(name)),
    page: (base) => [...families].map(([name, family]) => familyText(name, family, base)).join(''),
  };
}

function othersOf(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((key) => [key, OTHER]));
}

function samples(family: Family | undefined): Sample[] {
  if (family === undefined) return [];
  return [...family.series.values()].map((one) => {
    let value = one.total;
    for (const read of one.readers) value += read();
    return { labels: one.labels, value };
  });
}

function familyText(name: string, family: Family, base: Labels): string {
  const lines = samples(family).map(({ labels, value }) => `${name}${labelText({ ...labels, ...base })} ${numberText(value)}\n`);
  if (lines.length === 0) return '';
  const help = family.help === '' ? '' : `# HELP ${name} ${family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
  return `${help}# TYPE ${name} ${family.kind}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

function labelKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
