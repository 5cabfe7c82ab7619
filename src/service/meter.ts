/**
 * Own telemetry: counters and gauges, and the page that Prometheus reads (text format 0.0.4).
 *
 * Law: a name has one type. Counters of equal name and labels are one series that outlives whoever asked for it, so a
 * reload never makes one fall. Gauges and observers belong to the scope that made them: several of equal labels are
 * summed on the page (two generations of an exporter during a reload), and they go when their scope is closed.
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
    let found = family.series.get(key);
    if (found === undefined) {
      found = { labels: { ...labels }, total: 0, readers: new Set() };
      family.series.set(key, found);
    }
    return found;
  }

  function forget(name: string, labels: Labels, reader: () => number): void {
    const family = families.get(name);
    const key = labelKey(labels);
    const found = family?.series.get(key);
    found?.readers.delete(reader);
    if (found?.readers.size === 0) family?.series.delete(key);
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
      series(name, 'gauge', labels, help).readers.add(read);
      made.push(() => forget(name, labels, read));
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
