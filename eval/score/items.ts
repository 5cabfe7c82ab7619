/** Labelled items: is there the failure a detector names, yes or no. An item is flagged at a confidence of .60. */
import { alwaysFireF1, type Binary, binary, mean, ranking } from '../metrics.ts';
import type { Item } from '../pack.ts';
import type { Predictions } from '../predictions.ts';
import { type Agreement, agreement } from './runs.ts';

const THRESHOLD = 0.6;

export interface ItemScore extends Binary {
  readonly auroc: number | null;
  readonly ap: number | null;
  /** Share of items of which every named detector said `insufficient_data`. */
  readonly insufficient: number;
  readonly 'f1_at_0.4': number | null;
  readonly 'fpr_at_0.4': number | null;
  readonly 'recall_at_0.4': number | null;
  readonly 'f1_at_0.8': number | null;
  readonly 'fpr_at_0.8': number | null;
  readonly 'recall_at_0.8': number | null;
}

export interface SetReport {
  readonly overall: ItemScore;
  readonly by_detector?: Readonly<Record<string, ItemScore>>;
  readonly by_channel?: Readonly<Record<string, ItemScore>>;
  readonly by_mutation?: Readonly<Record<string, ItemScore>>;
  readonly by_source: Readonly<Record<string, ItemScore>>;
}

/** `detectors`: those that count; default: those each item names. */
export function scoreItems(items: readonly Item[], predictions: Predictions, detectors?: readonly string[]): ItemScore {
  const truth = items.map(({ label }) => label === 1);
  const scores = items.map((item) => predictions.score(item.trace_id, detectors ?? item.detectors));
  const blind = items.filter((item) => {
    const outcomes = (detectors ?? item.detectors).map((one) => predictions.coverage.get(item.trace_id)?.get(one));
    return outcomes.includes('insufficient_data') && !outcomes.includes('pass') && !outcomes.includes('fail');
  }).length;
  const at = (threshold: number) =>
    binary(
      truth,
      scores.map((score) => score >= threshold),
    );
  const low = at(0.4);
  const high = at(0.8);
  return {
    ...at(THRESHOLD),
    ...ranking(truth, scores),
    insufficient: items.length > 0 ? blind / items.length : 0,
    'f1_at_0.4': low.f1,
    'fpr_at_0.4': low.fpr,
    'recall_at_0.4': low.recall,
    'f1_at_0.8': high.f1,
    'fpr_at_0.8': high.fpr,
    'recall_at_0.8': high.recall,
  };
}

export function labelled(items: readonly Item[]): Item[] {
  return items.filter(({ label }) => label !== null && label !== undefined);
}

export function scoreSet(all: readonly Item[], predictions: Predictions): SetReport {
  const items = labelled(all);
  const by = (values: readonly string[], has: (item: Item, value: string) => boolean): Record<string, ItemScore> =>
    Object.fromEntries(
      [...new Set(values)].sort().map((value) => [
        value,
        scoreItems(
          items.filter((item) => has(item, value)),
          predictions,
        ),
      ]),
    );
  const detectors = [...new Set(items.flatMap((item) => item.detectors))].sort();
  const bash = items.some(({ source }) => source.endsWith('exec_bash'));
  const channels = items.flatMap(({ channel }) => channel ?? []);
  const mutations = items.flatMap(({ mutation }) => mutation ?? []);
  return {
    overall: scoreItems(items, predictions),
    ...(detectors.length > 1
      ? {
          by_detector: Object.fromEntries(
            detectors.map((one) => [
              one,
              scoreItems(
                items.filter((item) => item.detectors.includes(one)),
                predictions,
                [one],
              ),
            ]),
          ),
        }
      : {}),
    // The Python snippets of shell_risk are all positive: the row without them is the one that says something.
    ...(bash
      ? { by_channel: by(['bash only'], ({ source }) => !source.endsWith('_py')) }
      : channels.length > 0
        ? { by_channel: by(channels, ({ channel }, value) => channel === value) }
        : {}),
    ...(mutations.length > 0 ? { by_mutation: by(mutations, ({ mutation }, value) => mutation === value) } : {}),
    by_source: by(
      items.map(({ source }) => source),
      ({ source }, value) => source === value,
    ),
  };
}

export interface Peer {
  readonly n?: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly fpr: number | null;
  /** Measured on the whole set, held-out part included. */
  readonly whole_set?: true;
}

/** Peer figures where no answer per item is recorded (evaluation pack, README §6). */
const PEER_WHOLE: Readonly<Record<string, Peer>> = {
  grounding: { precision: 0.655, recall: 0.826, f1: 0.731, fpr: 0.492, whole_set: true },
  retrieval_quality: { precision: 0.525, recall: 0.97, f1: 0.681, fpr: 0.906, whole_set: true },
};

export interface GoldenScore extends ItemScore {
  readonly always_fire_f1: number;
  readonly peer?: Peer;
}

interface Macro {
  readonly f1: number;
  readonly always_fire_f1: number;
  readonly peer_f1: number;
  readonly detectors: number;
}

export interface GoldenReport {
  readonly detectors: Readonly<Record<string, GoldenScore>>;
  readonly macro: Macro & {
    readonly precision: number;
    readonly recall: number;
    readonly fpr: number;
    readonly peer_fpr: number;
  };
  readonly macro_core: Macro | null;
  readonly macro_framework: Macro | null;
}

const FRAMEWORKS = /^(n8n|dify|openclaw|langgraph)_/;

export function scoreGolden(items: readonly Item[], predictions: Predictions): GoldenReport {
  const detectors: Record<string, GoldenScore> = {};
  for (const detector of [...new Set(items.map((item) => item.detectors[0] as string))].sort()) {
    const own = items.filter((item) => item.detectors[0] === detector);
    const score = scoreItems(own, predictions);
    const peer = peerOf(detector, own);
    detectors[detector] = {
      ...score,
      always_fire_f1: alwaysFireF1(score.pos, score.n) ?? 0,
      ...(peer ? { peer } : {}),
    };
  }
  const all = Object.values(detectors);
  return {
    detectors,
    macro: {
      ...macro(all),
      precision: mean(all.map(({ precision }) => precision ?? 0)),
      recall: mean(all.map(({ recall }) => recall ?? 0)),
      fpr: mean(all.map(({ fpr }) => fpr ?? 0)),
      peer_fpr: mean(all.map(({ peer }) => peer?.fpr ?? 0)),
    },
    macro_core: macroOf(detectors, false),
    macro_framework: macroOf(detectors, true),
  };
}

function peerOf(detector: string, own: readonly Item[]): Peer | undefined {
  const asked = own.filter(({ peer_detected }) => peer_detected !== undefined);
  if (asked.length === 0) return PEER_WHOLE[detector];
  const { n, precision, recall, f1, fpr } = binary(
    asked.map(({ label }) => label === 1),
    asked.map(({ peer_detected }) => peer_detected === 1),
  );
  return { n, precision, recall, f1, fpr };
}

function macroOf(detectors: Readonly<Record<string, GoldenScore>>, frameworks: boolean): Macro | null {
  const own = Object.entries(detectors).flatMap(([id, score]) => (FRAMEWORKS.test(id) === frameworks ? [score] : []));
  return own.length > 0 ? macro(own) : null;
}

function macro(all: readonly GoldenScore[]): Macro {
  return {
    f1: mean(all.map(({ f1 }) => f1 ?? 0)),
    always_fire_f1: mean(all.map(({ always_fire_f1 }) => always_fire_f1)),
    peer_f1: mean(all.map(({ peer }) => peer?.f1 ?? 0)),
    detectors: all.length,
  };
}

export interface GoldenOtelReport {
  readonly macro_f1: number;
  readonly macro_recall: number;
  readonly healthy: number;
  readonly negatives: number;
  readonly 'healthy_flagged_0.6': number | null;
  readonly 'healthy_flagged_0.8': number | null;
  readonly 'negatives_flagged_0.6': number | null;
  readonly per_type: Readonly<Record<string, TypeScore>>;
}

export interface TypeScore extends Pick<Binary, 'n' | 'pos' | 'precision' | 'recall' | 'f1' | 'fpr'> {
  readonly detectors: readonly string[];
  /** Most types are one trace repeated: this many bits of information. */
  readonly distinct_traces: number;
}

/** Each type's positives against all negatives, under the detectors of the type. */
export function scoreGoldenOtel(items: readonly Item[], predictions: Predictions): GoldenOtelReport {
  const negatives = items.filter(({ label }) => label !== 1);
  const healthy = items.filter(({ type }) => type === 'healthy');
  const perType: Record<string, TypeScore> = {};
  for (const type of [...new Set(items.flatMap((item) => (item.label === 1 ? (item.type ?? '') : [])))].sort()) {
    const positives = items.filter((item) => item.type === type && item.label === 1);
    const detectors = positives[0]?.detectors ?? [];
    const { n, pos, precision, recall, f1, fpr } = scoreItems([...positives, ...negatives], predictions, detectors);
    const distinct_traces = new Set(positives.map(({ template }) => template)).size;
    perType[type] = { n, pos, precision, recall, f1, fpr, detectors, distinct_traces };
  }
  const rate = (own: readonly Item[], threshold: number): number | null =>
    own.length > 0 ? own.filter(({ trace_id }) => predictions.score(trace_id) >= threshold).length / own.length : null;
  const all = Object.values(perType);
  return {
    macro_f1: mean(all.map(({ f1 }) => f1 ?? 0)),
    macro_recall: mean(all.map(({ recall }) => recall ?? 0)),
    healthy: healthy.length,
    negatives: negatives.length,
    'healthy_flagged_0.6': rate(healthy, 0.6),
    'healthy_flagged_0.8': rate(healthy, 0.8),
    'negatives_flagged_0.6': rate(negatives, 0.6),
    per_type: perType,
  };
}

export interface N8nScore {
  readonly 'flagged_0.6': number;
  readonly 'flagged_0.8': number;
  readonly against: Readonly<Record<string, Agreement & { readonly auroc: number | null }>>;
}

export interface N8nReport {
  readonly n: number;
  readonly detectors: Readonly<Record<string, N8nScore>>;
}

type Facts = NonNullable<Item['facts']>;

/** Facts of the workflow that a reader can count. They are no failures: agreement says what a detector looks at, no more. */
const N8N_FACTS: Readonly<Record<string, Readonly<Record<string, (facts: Facts) => boolean>>>> = {
  n8n_cycle: {
    cycle: (facts) => Boolean(facts['has_cycle']),
    'cycle without splitInBatches': (facts) => Boolean(facts['cycle_without_splitInBatches']),
    'cycle with no exit node': (facts) => Boolean(facts['cycle_with_no_exit_node']),
  },
  n8n_schema: { 'dangling connection': (facts) => Number(facts['dangling_refs']) > 0 },
  n8n_complexity: {
    'more than 25 nodes': (facts) => Number(facts['n_nodes']) > 25,
    'more than 50 nodes': (facts) => Number(facts['n_nodes']) > 50,
  },
  n8n_error: {
    'external node and no error handling at all': (facts) =>
      Number(facts['n_external']) > 0 &&
      !(facts['any_node_error_handling'] || facts['has_error_workflow'] || facts['has_error_trigger']),
  },
  n8n_timeout: { 'HTTP node without timeout': (facts) => Number(facts['n_http_without_timeout']) > 0 },
  n8n_resource: {},
};

export function scoreN8n(items: readonly Item[], predictions: Predictions): N8nReport {
  const detectors: Record<string, N8nScore> = {};
  for (const [detector, facts] of Object.entries(N8N_FACTS)) {
    const scores = items.map(({ trace_id }) => predictions.score(trace_id, [detector]));
    const rate = (threshold: number) => scores.filter((score) => score >= threshold).length / (scores.length || 1);
    detectors[detector] = {
      'flagged_0.6': rate(0.6),
      'flagged_0.8': rate(0.8),
      against: Object.fromEntries(
        Object.entries(facts).map(([name, fact]) => {
          const truth = items.map((item) => fact(item.facts ?? {}));
          return [name, { ...agreement(truth, scores), auroc: ranking(truth, scores).auroc }];
        }),
      ),
    };
  }
  return { n: items.length, detectors };
}
