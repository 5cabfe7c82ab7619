/**
 * What N sidecars take at a rate of spans: arithmetic over measured figures (docs/performance.md) and assumptions, none of it measured at that size.
 * node dist/bench/scaling.js prints the tables of docs/scaling.md; NAME=VALUE replaces an assumption: … agentShare=0.2 coreHour=0.03
 */
import { pathToFileURL } from 'node:url';

/** CPU µs a span, docs/performance.md. */
const measured = {
  /** `http_forward`, agent spans of 4.4 KB; `http_forward_small`. */
  forward: { agent: 8.59, other: 0.52 },
  /** The same with tiers 1 and 2. */
  structural: { agent: 84.53, other: 0.79 },
  /** Forwarding and a step with 4 KB of new English text in all 44 detectors. */
  all: { agent: 8.59 + 221, other: 0.79 },
  /** The tuned Go Collector forwarding: what stands in front. Its routing is not in it. */
  collector: { agent: 12.97, other: 0.75 },
  /** RSS of one process in `http_forward`, MiB, and of an open session of five steps, KiB: 894 MiB over 100,000, the process in it. */
  processMib: { forward: 272, structural: 457, all: 457 },
  sessionKib: 9.2,
  bytes: { agent: 4_400, other: 150 },
} as const;

export const assumptions = {
  /** Share of spans that are agents'. */
  agentShare: 1,
  /** Of a core that is used at this rate; the rest is for peaks and collections. */
  utilisation: 0.6,
  spansPerSession: 20,
  /** A session is open for its length and then for `idle`. */
  sessionSeconds: 120,
  idleSeconds: 300,
  /** `max_windows` of a sidecar. */
  maxWindows: 100_000,
  /** Bytes on the wire with gzip, as a share: docs/peers.md, JS by gRPC. */
  gzip: 0.12,
  /** Outage of the backend that a stored queue covers. */
  outageSeconds: 600,
  /** US dollars. Put yours: these are placeholders, no offer of anybody. */
  coreHour: 0.04,
  gibHour: 0.005,
  networkGb: 0.01,
  diskGbMonth: 0.1,
};

export type Assumptions = typeof assumptions;
type Tier = 'forward' | 'structural' | 'all';

const HOURS = 730;

export function estimate(rate: number, tier: Tier, given: Assumptions) {
  const mixed = ({ agent, other }: { readonly agent: number; readonly other: number }): number =>
    given.agentShare * agent + (1 - given.agentShare) * other;
  const busy = (rate * mixed(measured[tier])) / 1e6;
  const open = ((rate * given.agentShare) / given.spansPerSession) * (given.sessionSeconds + given.idleSeconds);
  const sessions = tier === 'forward' ? 0 : open;
  // One thread receives, detects and forwards: a sidecar has one core's worth of room.
  const sidecars = Math.max(Math.ceil(busy / given.utilisation), Math.ceil(sessions / given.maxWindows));
  const collectors = sidecars === 1 ? 0 : (rate * mixed(measured.collector)) / 1e6 / given.utilisation;
  const cores = busy / given.utilisation + collectors;
  const memoryGib = (sidecars * measured.processMib[tier] + (sessions * measured.sessionKib) / 1024) / 1024;
  const plainMb = (rate * mixed(measured.bytes)) / 1e6;
  const wireMb = 2 * plainMb * given.gzip;
  const diskGb = (plainMb * given.outageSeconds) / 1e3;
  const network = (wireMb * 3600 * HOURS) / 1e3;
  const dollars =
    HOURS * (cores * given.coreHour + memoryGib * given.gibHour) + network * given.networkGb + diskGb * given.diskGbMonth;
  return { sidecars, cores, sessions, memoryGib, wireMb, diskGb, dollars };
}

const rates = [1_000, 10_000, 100_000, 1_000_000];
const tiers: Readonly<Record<Tier, string>> = { forward: 'forwarding only', structural: 'tiers 1 and 2', all: 'all tiers' };

function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 1 ? 2 : value < 10 ? 1 : 0 });
}

export function tables(given: Assumptions): string {
  const head =
    '| spans/s | detection | sidecars | cores | open sessions | memory, GiB | network in and out, MB/s | disk for an outage, GB | US dollars a month |';
  const rows = rates.flatMap((rate) =>
    (Object.keys(tiers) as Tier[]).map((tier) => {
      const { sidecars, cores, sessions, memoryGib, wireMb, diskGb, dollars } = estimate(rate, tier, given);
      const cells = [rate, tiers[tier], sidecars, cores, sessions, memoryGib, wireMb, diskGb, dollars];
      return `| ${cells.map((cell) => (typeof cell === 'number' ? shown(cell) : cell)).join(' | ')} |`;
    }),
  );
  return `${[head, `|--:|---|${'--:|'.repeat(7)}`, ...rows].join('\n')}\n`;
}

/** Throws on a name that is none or a value that is no number above 0. */
export function readAssumptions(args: readonly string[]): Assumptions {
  const given = { ...assumptions };
  for (const arg of args) {
    const [name = '', value = ''] = arg.split('=', 2);
    if (!Object.hasOwn(assumptions, name)) throw new Error(`'${name}' is no assumption: ${Object.keys(assumptions).join(', ')}.`);
    const number = Number(value);
    const most = ['agentShare', 'utilisation', 'gzip'].includes(name) ? 1 : Number.MAX_SAFE_INTEGER;
    if (!(number > 0 && number <= most)) throw new Error(`${name} must be above 0 and at most ${most}, not '${value}'.`);
    given[name as keyof Assumptions] = number;
  }
  return given;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.stdout.write(tables(readAssumptions(process.argv.slice(2))));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
