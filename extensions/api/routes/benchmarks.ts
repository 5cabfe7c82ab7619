/** What was measured, as `npm run eval -- --write` left it: nothing else is served, and what was not measured says so. */
import { z } from 'zod';
import { measuredBenchmarks } from '../../../config/benchmarks.ts';
import type { MessageSpec } from '../../../src/detector/detector.ts';
import { type Mode, modesOf } from '../benchmarks.ts';
import type { Catalogue } from '../catalogue.ts';
import { route } from '../route.ts';

const evidence = z.object({
  detection_type: z.string(),
  set: z.string(),
  n: z.number(),
  positives: z.number(),
  precision: z.number().nullable(),
  recall: z.number().nullable(),
  f1: z.number().nullable(),
  always_fire_f1: z.number().nullable().describe('Of a detector that fires on everything; below it nothing was found.'),
  false_alarm_rate: z.number().nullable(),
});
const mode = z.object({
  code: z.string(),
  name: z.string(),
  description: z.string(),
  category: z.enum(['content', 'structural', 'rag']),
  tier: z.literal([1, 2, 3]).nullable(),
  measured: z.boolean(),
  reason: z.string().nullable(),
  detection_rate: z.number().nullable(),
  detectors: z.array(z.string()),
  evidence: z.array(evidence),
});

const share = z.object({ value: z.number(), low: z.number().nullable(), high: z.number().nullable() });
const run = z.object({
  benchmark: z.string(),
  measured: z.boolean(),
  reason: z.string().nullable(),
  n: z.number(),
  figures: z.record(z.string(), share),
});
const summary = z.object({
  measured: z.boolean(),
  detectors: z.record(z.string(), z.number()).describe('By grade.'),
  modes_measured: z.number(),
  modes_total: z.number(),
  benchmarks: z.array(run),
});
const methodology = z.object({
  method: z.string(),
  notes: z.array(z.string()),
  command: z.string(),
  threshold: z.number(),
  dataset: z.object({ items: z.number(), runs: z.number(), sets: z.array(z.object({ set: z.string(), n: z.number() })) }),
});

const METHOD =
  'Every figure comes from labelled runs played through `misstep replay` on the development part of the evaluation sets. What was fitted was fitted on this part: the figures are no estimate for other data.';
const NOTES = [
  'Flagged is a confidence of .60 or more, the default of `detect`. Intervals are 95 %, by Wilson.',
  'A set with fewer than 30 items supports no claim. Beside F1 stands that of a detector that fires on everything.',
  "TRAIL's joint accuracy is recall by the official rule: it stands beside pair precision and predictions a trace.",
  'Who&When is strict: name and step equal. MAST is scored over cells with a human label.',
  'Entries of the set `golden` were written by a language model.',
  'docs/quality.md has all tables, docs/blame.md what stands behind Who&When.',
];

function modes(catalogue: Catalogue): Mode[] {
  return modesOf(
    catalogue.detectors.map(({ detector: { meta }, measured }) => ({
      id: meta.id,
      measured,
      modes: Object.values(meta.messages as Readonly<Record<string, MessageSpec>>).flatMap(({ tier, taxonomy }) =>
        (taxonomy.modes ?? []).map((code) => ({ mode: code, tier })),
      ),
    })),
  );
}

const wire = (all: readonly Mode[]): z.input<typeof mode>[] =>
  all.map(({ evidence: own, detectors, ...rest }) => ({
    ...rest,
    detectors: [...detectors],
    evidence: own.map((one) => ({ ...one })),
  }));

const alone = (value: number) => ({ value, low: null, high: null });
const NOT_MEASURED = 'The last evaluation did not play it.';

function runs(): z.input<typeof run>[] {
  const { trail, whowhen, mast, healthy } = measuredBenchmarks;
  const bounded = ([value, low, high]: readonly [number, number, number]) => ({ value, low, high });
  const one = (benchmark: string, n: number | undefined, figures: z.input<typeof run>['figures']): z.input<typeof run> => ({
    benchmark,
    measured: n !== undefined,
    reason: n === undefined ? NOT_MEASURED : null,
    n: n ?? 0,
    figures,
  });
  const { traces: _, ...pairs } = trail ?? { traces: 0 };
  return [
    one('TRAIL', trail?.traces, Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name, alone(value)]))),
    one(
      'Who&When',
      whowhen?.runs,
      whowhen === null ? {} : { agent: bounded(whowhen.agent), step: bounded(whowhen.step), both: bounded(whowhen.both) },
    ),
    one(
      'MAST',
      mast?.traces,
      mast === null ? {} : { precision: alone(mast.precision), recall: alone(mast.recall), f1: alone(mast.f1) },
    ),
    one(
      'runs that passed',
      healthy?.runs,
      healthy === null ? {} : { share_with_alarm: alone(healthy.runs === 0 ? 0 : healthy.with_alarm / healthy.runs) },
    ),
  ];
}

function summaryOf(catalogue: Catalogue): z.input<typeof summary> {
  const detectors: Record<string, number> = {};
  for (const { readiness } of catalogue.detectors) detectors[readiness] = (detectors[readiness] ?? 0) + 1;
  const all = modes(catalogue);
  const benchmarks = runs();
  const measured = all.filter((one) => one.measured).length;
  return {
    measured: measured > 0 || benchmarks.some((one) => one.measured),
    detectors,
    modes_measured: measured,
    modes_total: all.length,
    benchmarks,
  };
}

function methodologyOf(catalogue: Catalogue): z.input<typeof methodology> {
  const sets = new Map<string, number>();
  for (const { measured } of catalogue.detectors)
    for (const [set, { n }] of Object.entries(measured.sets)) sets.set(set, Math.max(n, sets.get(set) ?? 0));
  const all = [...sets].map(([set, n]) => ({ set, n })).sort((a, b) => b.n - a.n);
  return {
    method: METHOD,
    notes: NOTES,
    command: 'npm run eval -- --write',
    threshold: 0.6,
    dataset: {
      items: all.reduce((sum, { n }) => sum + n, 0),
      runs: runs().reduce((sum, { n }) => sum + n, 0),
      sets: all,
    },
  };
}

const tag = 'benchmarks';

export const benchmarkRoutes = [
  route({
    method: 'GET',
    path: '/benchmarks',
    tag,
    summary: 'All failure modes with what was measured of their detectors, and how.',
    reply: z.object({
      summary,
      modes: z.array(mode),
      mast: z
        .array(
          z.object({
            mode: z.string(),
            n: z.number(),
            positives: z.number(),
            precision: z.number(),
            recall: z.number(),
            f1: z.number(),
            kappa: z.number().nullable(),
            too_few: z.boolean(),
          }),
        )
        .describe("MAST's own modes, over its human labels."),
      methodology,
    }),
    async handle({ catalogue }) {
      return {
        summary: summaryOf(catalogue),
        modes: wire(modes(catalogue)),
        mast: Object.entries(measuredBenchmarks.mast?.modes ?? {}).map(([name, figures]) => ({ mode: name, ...figures })),
        methodology: methodologyOf(catalogue),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/benchmarks/summary',
    tag,
    summary: 'Grades of the detectors and figures on whole runs.',
    reply: summary,
    async handle({ catalogue }) {
      return summaryOf(catalogue);
    },
  }),
  route({
    method: 'GET',
    path: '/benchmarks/modes',
    tag,
    summary: 'Failure modes; those that were not measured say why.',
    query: z.object({
      tier: z.enum(['1', '2', '3']).transform(Number).optional(),
      category: z.enum(['content', 'structural', 'rag']).optional(),
    }),
    reply: z.object({ modes: z.array(mode), total: z.number() }),
    async handle({ query, catalogue }) {
      const found = modes(catalogue)
        .filter(({ tier }) => query.tier === undefined || tier === query.tier)
        .filter(({ category }) => query.category === undefined || category === query.category);
      return { modes: wire(found), total: found.length };
    },
  }),
  route({
    method: 'GET',
    path: '/benchmarks/methodology',
    tag,
    summary: 'How it was measured, and on what.',
    reply: methodology,
    async handle({ catalogue }) {
      return methodologyOf(catalogue);
    },
  }),
];
